# SPDX-License-Identifier: ISC
"""TLS to other servers: Postfix with real certificates, and TLSA records in a signed zone.

Every case is a domain of its own; what it expects of the server's side is read in the Received field
that the server adds ("using TLSv1.3 ..."), and mail that must wait must not have come in clear.
"""
import collections
import itertools
import re

import pytest

import authority
import dns
import keeper
import peers
from instance import Instance, free_port, wait_for

SENDER = "ann@example.test"
LETTER = ("{fields}From: ann@example.test\r\nTo: ann@example.test\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n"
          "Message-ID: <{mark}@example.test>\r\nSubject: x\r\n\r\nhello\r\n")
GOOD, OTHER, PLAIN, BROKEN = "127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.14"
WRONG = "00" * 32
numbers = itertools.count()

# A case: the server, the line of the table tls ({...} is filled in), what becomes of the mail (tls, clear
# or a part of the reason for which it waits).
Case = collections.namedtuple("Case", "host policy fate")
POLICIES = {
    "none": Case(GOOD, "none", "clear"),
    "may": Case(GOOD, "may", "tls"),
    "may-other": Case(OTHER, "may", "tls"),
    "may-plain": Case(PLAIN, "may", "clear"),
    "may-broken": Case(BROKEN, "may", "clear"),
    "encrypt": Case(GOOD, "encrypt", "tls"),
    "encrypt-other": Case(OTHER, "encrypt", "tls"),
    "encrypt-plain": Case(PLAIN, "encrypt", "TLS"),
    "encrypt-broken": Case(BROKEN, "encrypt", "TLS handshake failed"),
    "verify": Case(GOOD, "verify mx-ee.signed.example", "tls"),
    "verify-below": Case(GOOD, "verify .signed.example", "tls"),
    "verify-name": Case(GOOD, "verify mx.else.example", "certificate"),
    "verify-other": Case(OTHER, "verify mx.other.example", "certificate"),
    "verify-plain": Case(PLAIN, "verify mx-ee.signed.example", "TLS"),
    "print-certificate": Case(OTHER, "fingerprint {other}", "tls"),
    "print-key": Case(OTHER, "fingerprint " + WRONG + " {other_key}", "tls"),
    "print-wrong": Case(OTHER, "fingerprint " + WRONG, "fingerprint"),
    "print-plain": Case(PLAIN, "fingerprint {other}", "TLS"),
}
# Domain: the host that is its exchanger, and the fate under the policy dane (or the one named).
EXCHANGERS = {
    "ee.signed.example": ("mx-ee", "tls"),
    "ta.signed.example": ("mx-ta", "tls"),
    "ta-name.signed.example": ("mx-ta-name", "certificate"),
    "wrong.signed.example": ("mx-wrong", "certificate"),
    "ta-wrong.signed.example": ("mx-ta-wrong", "certificate"),
    "no-tls.signed.example": ("mx-no-tls", "TLS"),
    "broken.signed.example": ("mx-broken", "TLS handshake failed"),
    "no-tlsa.signed.example": ("mx-no-tlsa", "clear"),
    "only.signed.example": ("mx-no-tlsa", "DANE is demanded"),
    "only-ee.signed.example": ("mx-ee", "tls"),
    "one-of-two.signed.example": ("mx-one-of-two", "tls"),
    "unusable.signed.example": ("mx-unusable", "tls"),
    "alias.signed.example": ("mx-alias", "tls"),
    "alias-wrong.signed.example": ("mx-alias-wrong", "certificate"),
    "alias-own.signed.example": ("mx-alias-own", "certificate"),
    "alias-insecure.signed.example": ("mx-alias-insecure", "clear"),
    "plain.example": ("mx", "clear"),
    "to-signed.plain.example": ("mx-wrong.signed.example.", "tls"),
}
# Those to which a sender writes who does not mind (RFC 8689): the host, and the fates with that field and
# without. What the operator demands holds.
CARELESS = {
    "careless-wrong.signed.example": ("mx-wrong", "tls", "certificate"),
    "careless-no-tls.signed.example": ("mx-no-tls", "clear", "TLS"),
    "careless-broken.signed.example": ("mx-broken", "clear", "TLS handshake failed"),
    "only-careless.signed.example": ("mx-wrong", "certificate", "certificate"),
}


def zones(port, ours, other):
    def tlsa(host, *records):
        return "".join(f"_{port}._tcp.{host} TLSA {r}\n" for r in records)

    right, issuer = f"3 1 1 {ours.key_digest()}", f"2 0 1 {ours.issuer}"
    signed = "".join(f"{host} A {GOOD}\n" for host in (
        "mx-ee", "mx-ta", "mx-wrong", "mx-ta-wrong", "mx-one-of-two", "mx-bare"))
    signed += f"mx-ta-name A {GOOD}\nmx-unusable A {OTHER}\nmx-no-tls A {PLAIN}\nmx-broken A {BROKEN}\n"
    signed += f"mx-no-tlsa A {PLAIN}\n"
    signed += "mx-alias CNAME mx-ee\nmx-alias-wrong CNAME mx-wrong\nmx-alias-own CNAME mx-bare\n"
    signed += "mx-alias-insecure CNAME mx.plain.example.\n"
    signed += tlsa("mx-ee", right) + tlsa("mx-ta", issuer) + tlsa("mx-ta-name", issuer)
    signed += tlsa("mx-wrong", f"3 1 1 {WRONG}") + tlsa("mx-ta-wrong", f"2 0 1 {WRONG}")
    signed += tlsa("mx-one-of-two", f"3 1 1 {WRONG}", right) + tlsa("mx-unusable", f"1 1 1 {WRONG}")
    signed += tlsa("mx-no-tls", right) + tlsa("mx-broken", right)
    # A canonical name without records: those of the alias count (RFC 7672 section 2.2.2).
    signed += tlsa("mx-alias-own", f"3 1 1 {WRONG}")
    plain = f"@ MX 10 mx\nmx A {PLAIN}\n" + tlsa("mx", right) + "to-signed MX 10 mx-wrong.signed.example.\n"
    plain += "".join(f"{name} MX 10 {name}.mx\n{name}.mx A {case.host}\n" for name, case in POLICIES.items())
    for domain, (host, *_) in {**EXCHANGERS, **CARELESS}.items():
        if domain.endswith(".signed.example"):
            signed += f"{domain}. MX 10 {host}\n"
    return {"signed.example": (True, signed), "plain.example": (False, plain)}


class Setting(keeper.Keeper):
    """The certificates, the name servers, the server with its four faces, and ours."""

    def start(self, directory):
        certified = authority.Authority(directory)
        ours = certified.certify("ours", "mx-ee.signed.example", "mx-ta.signed.example",
                                 "mx-ta-wrong.signed.example", "mx-wrong.signed.example")
        ours.issuer = certified.digest()
        other = certified.self_signed("other", "mx.other.example")
        port = free_port("0.0.0.0")  # free at every address
        self.world = self.kept(dns.World(zones=zones(port, ours, other)))
        self.server = self.kept(peers.Postfix(
            [*(f"{name}.plain.example" for name in POLICIES), *EXCHANGERS, *CARELESS], {
                f"{GOOD}:{port}": {"smtpd_tls_chain_files": ours.bundle},
                f"{OTHER}:{port}": {"smtpd_tls_chain_files": other.bundle},
                f"{PLAIN}:{port}": {"smtpd_tls_security_level": "none"},
                # Without a certificate it offers STARTTLS, and then only what no client takes.
                f"{BROKEN}:{port}": {"smtpd_tls_cert_file": "none"},
            }, smtpd_tls_security_level="may", smtpd_tls_received_header="yes", smtpd_tls_loglevel="1"))
        digests = {"other": other.digest(), "other_key": other.key_digest()}
        tls = [f"{name}.plain.example {case.policy.format(**digests)}" for name, case in POLICIES.items()]
        tls += [f"{domain} dane-only" for domain in (*EXCHANGERS, *CARELESS) if domain.startswith("only")]
        one = self.one = self.kept(Instance(tables={"tls": "\n".join(tls) + "\n"}))
        one.make_directory(one.directory / "anchor")
        one.write("anchor/root.key", self.world.anchor)
        one.write("authorities.pem", certified.certificate.read_text())
        one.configure(
            remote={"port": port, "authorities": one.directory / "authorities.pem", "families": "ipv4"},
            resolver={"forwarders": [self.world.unbound], "trust-anchor": one.directory / "anchor/root.key"})
        one.start()

    def fate(self, domain, fields=""):
        """What became of a letter to that domain, and the log's line that says so."""
        mark = f"tls{next(numbers)}"
        before = len(self.one.log())
        self.one.send(LETTER.format(mark=mark, fields=fields).encode(), [f"ann@{domain}"], SENDER)
        pattern = re.compile(rf"to=<ann@{re.escape(domain)}>.* status=(\w+) (.*)")
        wait_for(f"a verdict on {domain}", 40, lambda: pattern.search(self.one.log()[before:]))
        status, words = pattern.search(self.one.log()[before:]).groups()
        if status == "deferred":
            assert f"{mark}@" not in self.server.log(), "it waits, and was sent all the same"
            return words
        assert status == "sent", words
        wait_for("the server has stored it", 20, lambda: self.stored(mark))
        text, = self.stored(mark)
        return "tls" if b"(using TLS" in text.split(b"client.example")[0] else "clear"

    def stored(self, mark):
        texts = (path.read_bytes() for path in self.server.files("ann"))
        return [text for text in texts if f"{mark}@".encode() in text]


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    peers.need_root()
    one = Setting(tmp_path_factory.mktemp("authority"))
    yield one
    one.close()


def judge(got, expected):
    if expected in ("tls", "clear"):
        assert got == expected
    else:
        assert expected in got and got not in ("tls", "clear")


@pytest.mark.parametrize("name", list(POLICIES))
def test_a_policy(setting, name):
    judge(setting.fate(f"{name}.plain.example"), POLICIES[name].fate)


@pytest.mark.parametrize("domain", list(EXCHANGERS))
def test_dane(setting, domain):
    judge(setting.fate(domain), EXCHANGERS[domain][1])


@pytest.mark.parametrize("domain", list(CARELESS))
def test_tls_required_no(setting, domain):
    """The second letter comes while a session of the first could still be used."""
    _, careless, careful = CARELESS[domain]
    judge(setting.fate(domain, "TLS-Required: No\r\n"), careless)
    judge(setting.fate(domain), careful)
