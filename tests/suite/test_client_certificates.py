# SPDX-License-Identifier: ISC
"""Certificates that we show to other servers: Postfix, which relays for nobody else, and Postern.

Each case is a domain, which a relay of ours of that name takes to one of the server's listeners. All of
them take mail only from who shows a certificate whose fingerprint they know, so what is delivered was
shown; what is refused for ever was not.
"""
import itertools
import os
import re
import signal

import pytest

import authority
import keeper
import peers
from instance import Instance, free_port, wait_for

LETTER = ("From: ann@example.test\r\nTo: ann@example.test\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n"
          "Message-ID: <{mark}@example.test>\r\nSubject: x\r\n\r\nhello\r\n")
numbers = itertools.count()

REASONS = {"none": "5.7.1", "none-demanded": "No client certificate presented", "stranger": "5.7.1", "unasked": "5.7.1",
           "broken": "it asks for our certificate broken.example, which cannot be shown now", "unknown": "4.7.1"}
# The relay: the listener, the certificate (None: the one of the section remote), and what becomes of mail.
CASES = {
    "ec13": ("tls13", "ec.example", "sent"),
    "ec12": ("tls12", "ec.example", "sent"),
    "rsa13": ("tls13", "rsa.example", "sent"),
    "rsa12": ("tls12", "rsa.example", "sent"),
    "both13": ("tls13", "both.example", "sent"),
    "both12": ("tls12", "both.example", "sent"),
    "usual": ("tls13", None, "sent"),
    "first": ("implicit", "ec.example", "sent"),
    "demanded": ("demanding", "ec.example", "sent"),
    "none": ("tls13", "", "bounced"),
    "none-demanded": ("demanding", "", "deferred"),
    "stranger": ("tls13", "stranger.example", "bounced"),
    "unasked": ("silent", "ec.example", "bounced"),
    "broken": ("tls13", "broken.example", "deferred"),
    "unknown": ("demanding", "self.example", "deferred"),
    # Whom these know they take mail from, too.
    "open13": ("open13", "ec.example", "sent"),
    "open12": ("open12", "", "sent"),
}


def fingerprint(certificate):
    return ":".join(re.findall("..", certificate.digest().upper()))


class Setting(keeper.Keeper):
    def start(self, directory):
        self.authority = authority.Authority(directory)
        self.shown = {name: self.authority.certify(name, f"{name}.example", kind=kind) for name, kind in (
            ("ec", authority.EC), ("rsa", authority.RSA), ("stranger", authority.EC), ("broken", authority.EC))}
        self.shown["self"] = self.authority.self_signed("self", "self.example")
        self.server = self.kept(self.make_server(directory))
        self.one = self.kept(Instance())
        self.one.configure(**self.sections())
        self.one.start()

    def make_server(self, directory):
        known = directory / "known"
        known.write_text("".join(f"{fingerprint(self.shown[name])} {name}\n" for name in ("ec", "rsa", "broken")))
        ask = {"smtpd_tls_ask_ccert": "yes"}
        own = {"tls13": {**ask, "smtpd_tls_mandatory_protocols": ">=TLSv1.3"},
               "tls12": {**ask, "smtpd_tls_mandatory_protocols": "<=TLSv1.2"},
               "implicit": {**ask, "smtpd_tls_wrappermode": "yes"},
               "demanding": {"smtpd_tls_req_ccert": "yes"},
               "silent": {},
               "open13": {"smtpd_relay_restrictions": "permit_mynetworks,reject"},
               "open12": {"smtpd_relay_restrictions": "permit_mynetworks,reject",
                          "smtpd_tls_mandatory_protocols": "<=TLSv1.2"}}
        ports = self.ports = {name: free_port() for name in own}
        bundle = self.authority.certify("server", "mx.far.example").bundle
        return peers.Postfix(
            [f"{name}.example" for name in CASES], {f"127.0.0.1:{ports[name]}": own[name] for name in own},
            smtpd_tls_security_level="encrypt", smtpd_tls_loglevel="2", smtpd_tls_received_header="yes",
            smtpd_tls_chain_files=bundle, smtpd_tls_CAfile=self.authority.certificate,
            smtpd_tls_fingerprint_digest="sha256", relay_clientcerts=f"texthash:{known}",
            smtpd_relay_restrictions="permit_tls_clientcerts,reject")

    def sections(self):
        one = self.one
        one.make_directory(one.directory / "tls")
        for name, c in self.shown.items():
            one.write(f"tls/{name}.pem", c.chain.read_text())
            one.write(f"tls/{name}.key", c.key.read_text())
        one.write("tls/broken.key", "nothing")
        files = {name: {"chain": f"tls/{name}.pem", "key": f"tls/{name}.key"} for name in self.shown}
        # One that our listeners show as well, and others for servers alone.
        sections = {"certificate ec.example": files["ec"], "remote": {"certificate": "ec.example", "reuse-idle": 0},
                    "certificate both.example": {**files["rsa"], "use": "client"},
                    "certificate 'both.example'": {**files["ec"], "use": "client"}}
        for name in ("rsa", "stranger", "broken", "self"):
            sections[f"certificate {name}.example"] = {**files[name], "use": "client"}
        for name, (listener, certificate, _) in CASES.items():
            shown = {} if certificate is None else {"certificate": certificate}
            sections[f"relay {name}"] = {"host": f"127.0.0.1:{self.ports[listener]}", "tls": "encrypt", "domains":
                                         f"{name}.example", "implicit-tls": "yes" if listener == "implicit" else "no",
                                         **shown}
        return sections

    def send(self, case):
        """A function that gives the log's line on what became of a fresh letter, or None."""
        def lines():
            return re.findall(rf"to=<ann@{re.escape(case)}\.example>.* status=(\w+) (.*)", self.one.log())
        before = len(lines())
        self.one.send(LETTER.format(mark=f"{case}{next(numbers)}").encode(), [f"ann@{case}.example"])
        return lambda: lines()[before:]

    def fate(self, case, seconds=20):
        return wait_for(f"a fate for {case}", seconds, self.send(case))[0]


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    peers.need_root()
    directory = tmp_path_factory.mktemp("authority")
    for path in (directory, *directory.parents[:2]):
        path.chmod(0o755)
    made = Setting(directory)
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES)
def test_servers_get_what_they_ask_for(setting, case):
    status, why = setting.fate(case)
    assert status == CASES[case][2], why
    assert REASONS.get(case, "250") in why


def test_received_says_what_was_shown(setting):
    """Postfix writes it; of two the one that its own list of schemes has first."""
    for case, name in (("both13", "ec"), ("both12", "ec"), ("rsa13", "rsa"), ("rsa12", "rsa"), ("usual", "ec")):
        before = set(setting.server.files("ann"))
        assert setting.fate(case)[0] == "sent"
        fresh = wait_for("the mail is there", 10, lambda b=before: set(setting.server.files("ann")) - b).pop()
        text = " ".join(fresh.read_text().split())
        assert f'Client CN "{name}.example", Issuer "An authority for tests" (verified OK)' in text, case


@pytest.mark.parametrize("listener", ["open13", "open12"])
def test_sessions_are_resumed(setting, listener):
    before = setting.server.log().count("Reusing old session")
    for _ in range(3):
        assert setting.fate(listener)[0] == "sent"
    version = "TLSv1.3" if listener == "open13" else "TLSv1.2"
    port = setting.ports[listener]
    setting.one.wait_log_match(rf"TLS connection reused to \[127.0.0.1\]:{port}: {version} with cipher")
    wait_for("both resumed sessions", 10, lambda: setting.server.log().count("Reusing old session") >= before + 2)


def test_a_certificate_that_is_repaired_is_shown(setting):
    """Without a reload: mail that waited for it goes."""
    one = setting.one
    assert setting.fate("broken")[0] == "deferred"
    one.write("tls/broken.key", setting.shown["broken"].key.read_text())
    one.postern("reload", check=True)
    one.wait_log("certificate broken.example: ")
    wait_for("it is in use", 10, lambda: re.search(r"certificate broken.example: .* is in use", one.log()))
    wait_for("deliver-remote has heard of it", 10, lambda: setting.fate("broken")[0] == "sent")


def test_keys_that_hangs_holds_up_nobody_else(setting):
    """Its mail waits, and goes as soon as there is a signature; keys that dies costs nothing."""
    one = setting.one
    pid, = one.pids("keys")
    os.kill(pid, signal.SIGSTOP)
    try:
        waiting = [setting.send(case) for case in ("ec13", "rsa12")]
        for _ in range(5):
            assert setting.fate("open12", 5)[0] == "sent"
        assert not any(fate() for fate in waiting)
    finally:
        os.kill(pid, signal.SIGKILL)
    for fate in waiting:
        assert wait_for("the mail goes", 20, fate)[0][0] == "sent"


def test_keys_that_does_not_answer_defers(setting, make):
    """Here command-timeout is the limit, not 20 s. Nothing is sent in clear for want of a signature."""
    one = make(start=False)
    one.write("ec.pem", setting.shown["ec"].chain.read_text())
    one.write("ec.key", setting.shown["ec"].key.read_text())
    one.configure(**{"certificate ec.example": {"chain": "ec.pem", "key": "ec.key", "use": "client"},
                     "remote": {"command-timeout": 1, "reuse-idle": 0, "certificate": "ec.example"},
                     "relay all": {"host": f"127.0.0.1:{setting.ports['tls13']}", "tls": "may"}})
    one.start()
    pid, = one.pids("keys")
    os.kill(pid, signal.SIGSTOP)
    try:
        one.send(LETTER.format(mark=next(numbers)).encode(), ["ann@usual.example"])
        one.wait_log("status=deferred")
    finally:
        os.kill(pid, signal.SIGCONT)
    one.wait_log_match(r"dsn=4\.3\.0, status=deferred .*: the program keys does not answer")


def test_postern_may_relay_for_us(setting, make):
    """The other one knows us by relay-fingerprints, asks for certificates, and takes no other mail."""
    other = make(start=False)
    other.write("server.pem", setting.shown["stranger"].chain.read_text())
    other.write("server.key", setting.shown["stranger"].key.read_text())
    other.configure(**{
        "hostname": "mx.other.test", "networks": [], "relay-fingerprints": [fingerprint(setting.shown["ec"])],
        "certificate mx.other.test": {"chain": "server.pem", "key": "server.key"},
        "listen smtp": {"address": f"127.0.0.1:{other.smtp_port}", "client-certificates": "ask"},
        "relay onward": {"host": f"127.0.0.1:{setting.ports['open12']}"}})
    other.start()
    one = setting.one
    for name, status in (("ec", "sent"), ("rsa", "bounced")):
        one.configure(**{"relay postern": {
            "host": f"127.0.0.1:{other.smtp_port}", "tls": "encrypt", "certificate": f"{name}.example",
            "domains": f"{name}.elsewhere.example"}})
        one.postern("reload", check=True)
        fate = wait_for("a fate", 20, setting.send(f"{name}.elsewhere"))[0]
        assert fate[0] == status, fate
    other.wait_log("Untrusted TLS connection")
