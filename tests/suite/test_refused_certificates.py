# SPDX-License-Identifier: ISC
"""Servers that end TLS because of our certificate: Exim (with GnuTLS) and openssl s_server.

In TLS 1.3 they do so when the handshake is over for us. Each case is a domain, which a relay of ours takes
to one of the servers; what the server's alert was is in the log, and in what the sender gets in the end.
"""
import re

import pytest

import authority
import keeper
import peers
import receivers
from instance import Instance, free_port, wait_for

LETTER = b"Message-ID: <%s@example.test>\r\nSubject: x\r\n\r\nhello\r\n"
EXIM_OPTIONS = """\
tls_advertise_hosts = *
tls_certificate = /etc/exim4/server.chain
tls_privatekey = /etc/exim4/server.key
tls_verify_hosts = *
tls_verify_certificates = /etc/exim4/authority.pem
"""
NONE = " (the server asked for a certificate, and none was shown)"
REFUSED = " (the server refuses our certificate self.example)"
# The server, the certificate, and the alert; None: the mail is taken.
CASES = {
    "exim-none": ("exim", "", "certificate required" + NONE),
    "exim-stranger": ("exim", "self.example", "bad certificate" + REFUSED),
    "exim-known": ("exim", "ours.example", None),
    "tool-none": ("tls1_3", "", "certificate required" + NONE),
    "tool-stranger": ("tls1_3", "self.example", "unknown CA" + REFUSED),
    "tool-none-12": ("tls1_2", "", "handshake failure" + NONE),
    "tool-stranger-12": ("tls1_2", "self.example", "unknown CA" + REFUSED),
}


class Tool(receivers.Receiver):
    """openssl s_server, which takes no client whose certificate the authority did not make."""

    def __init__(self, version, server, issuer):
        super().__init__()
        self.port = free_port()
        self.spawn("openssl", "s_server", "-quiet", f"-{version}", "-accept", f"127.0.0.1:{self.port}", "-cert",
                   server.certificate, "-key", server.key, "-CAfile", issuer.certificate, "-Verify", "2",
                   "-verify_return_error")
        wait_for("openssl listens", 10, lambda: peers.listens("127.0.0.1", self.port))


class Setting(keeper.Keeper):
    def start(self, directory):
        issuer = authority.Authority(directory)
        server = issuer.certify("server", "mx.far.example")
        shown = {"ours": issuer.certify("ours", "ours.example"), "self": issuer.self_signed("self", "self.example")}
        exim = self.kept(peers.Exim([f"{name}.example" for name in CASES], options=EXIM_OPTIONS, files=(
            server.chain, server.key, issuer.certificate)))
        ports = {"exim": exim.port}
        for version in ("tls1_2", "tls1_3"):
            ports[version] = self.kept(Tool(version, server, issuer)).port
        self.one = self.kept(Instance())
        sections = {"queue": {"lifetime": "2 s", "retry-first": "1 s", "retry-max": "1 s", "delay-notice": 0}}
        for name, c in shown.items():
            self.one.write(f"{name}.pem", c.chain.read_text())
            self.one.write(f"{name}.key", c.key.read_text())
            sections[f"certificate {name}.example"] = {"chain": f"{name}.pem", "key": f"{name}.key", "use": "client"}
        for name, (where, certificate, _) in CASES.items():
            sections[f"relay {name}"] = {
                "host": f"127.0.0.1:{ports[where]}", "tls": "encrypt", "domains": f"{name}.example",
                "certificate": certificate, "implicit-tls": "no" if where == "exim" else "yes"}
        self.one.configure(**sections)
        self.one.start()
        for name in CASES:
            self.one.send(LETTER % name.encode(), [f"ann@{name}.example"], sender=self.one.address("ann"))


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    peers.need_root()
    made = Setting(tmp_path_factory.mktemp("authority"))
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES)
def test_the_alert_is_told(setting, case):
    one, alert = setting.one, CASES[case][2]
    lines = re.compile(rf"to=<ann@{case}\.example>.* dsn=(\S+), status=(\w+) (.*)")
    dsn, status, why = wait_for("a fate", 20, lambda: lines.findall(one.log()))[0]
    if alert is None:
        assert status == "sent", why
        return
    words = f"TLS handshake failed: TLS alert: {alert}"
    assert (dsn, status) == ("4.7.5", "deferred") and words in why, why
    assert "lost the connection" not in why

    def report():
        return [text for path in one.files("ann") if f"ann@{case}.example" in (text := path.read_text())]
    text = " ".join(wait_for("the report", 20, report)[0].split())
    assert words in text, text
