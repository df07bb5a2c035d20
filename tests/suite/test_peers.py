# SPDX-License-Identifier: ISC
"""Mail for servers that others wrote: what they store is what was sent, what they refuse comes back
in their words."""
import itertools
import random
import re

import pytest

import peers
import receivers
from instance import Instance, free_port, wait_for

SENDER = "ann@example.test"
FIELDS = ("From: Ann <ann@example.test>\r\nTo: somebody <ann@far.example>\r\n"
          "Date: Sat, 28 Nov 2026 12:00:00 +0000\r\nMessage-ID: <{mark}@example.test>\r\n"
          "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Content-Transfer-Encoding: 8bit\r\nSubject: {subject}\r\n\r\n")


class DovecotPeer(receivers.Dovecot):
    words = "550 5.1.1"
    received = peers.Mailboxes.received

    def __init__(self, domains, back, port):
        if receivers.DOVECOT is None:
            pytest.skip("Dovecot is not installed")
        super().__init__(port, users=peers.USERS)
        self.mail = self.directory / "mail"


# What each offers: SMTPUTF8, and DSN. OpenSMTPD's reports leave ENVID and ORCPT out.
KINDS = {
    "postfix": (peers.Postfix, True, True),
    "exim": (peers.Exim, True, True),
    "opensmtpd": (peers.OpenSmtpd, False, True),
    "dovecot": (DovecotPeer, False, False),
}
PORTS = {name: free_port() for name in KINDS}
numbers = itertools.count()


@pytest.fixture(scope="module")
def ours():
    """Mail for KIND.example goes to that peer; their reports come back."""
    routes = "".join(f"{name}.example {'lmtp' if name == 'dovecot' else 'smtp'}:[127.0.0.1]:{port}\n"
                     for name, port in PORTS.items())
    one = Instance(tables={"routes": routes})
    try:
        yield one.start()
    finally:
        one.close()


@pytest.fixture(scope="module", params=list(KINDS))
def peer(request, ours):
    kind, utf8, dsn = KINDS[request.param]
    server = kind(domains=[f"{request.param}.example"], back=ours.smtp_port, port=PORTS[request.param])
    server.domain, server.utf8, server.dsn = f"{request.param}.example", utf8, dsn
    server.tells_all = request.param != "opensmtpd"
    try:
        yield server
    finally:
        server.close()


def letter(body, subject="a letter"):
    mark = f"mark{next(numbers)}.{random.randrange(1 << 32)}"
    return mark.encode(), FIELDS.format(mark=mark, subject=subject).encode() + body


def arrived(peer, mark, users, seconds=30):
    """What each of these users got, once all of them got something."""
    wait_for(f"mail for {users} at {peer.domain}", seconds, lambda: set(users) <= set(peer.received(mark)))
    return peer.received(mark)


def lines_of_all_lengths(rng, size, alphabet):
    """Lines from empty to 4,000 octets, most of them short, some beginning with dots."""
    text = b""
    while len(text) < size:
        length = rng.choice((0, 1, 40, 78, 500, 997, 998, 999, 1000, 2047, 2048, 2049, 4000))
        start = rng.choice((b"", b"", b"", b".", b"..", b". "))
        text += start + bytes(rng.choices(alphabet, k=length)) + b"\r\n"
    return text


PRINTABLE = bytes(range(33, 127)) + b" ."
EIGHT_BIT = bytes(b for b in range(1, 256) if b not in b"\r\n")
BODIES = {
    "small": b"hello\r\n",
    "8-bit": "grüße, привет, 你好\r\n".encode() + bytes(range(128, 256)) + b"\r\n",
    "dotted": b".\r\n..\r\n. \r\n.a\r\n\r\n.\r\n.\r\n" + b"." * 998 + b"\r\n." + b"x" * 5000 + b"\r\nend.\r\n.\r\n",
    "long lines": lines_of_all_lengths(random.Random(1), 60000, PRINTABLE),
    "large": lines_of_all_lengths(random.Random(2), 2 << 20, PRINTABLE),
    "large 8-bit": lines_of_all_lengths(random.Random(3), 1 << 20, EIGHT_BIT),
}


@pytest.mark.parametrize("name, parameters", [
    *((name, "") for name in BODIES), *((name, " BODY=8BITMIME") for name in BODIES if "8-bit" in name)])
def test_what_arrives_is_what_was_sent(ours, peer, name, parameters):
    mark, content = letter(BODIES[name])
    ours.send(content, [f"ann@{peer.domain}"], SENDER, parameters=parameters)
    assert arrived(peer, mark, ["ann"]) == {"ann": [content]}


def bounce(ours, *texts):
    """The one report to ann with all of these in it."""
    def found():
        return [t for t in (p.read_text(errors="replace") for p in ours.files("ann"))
                if all(x in t for x in texts)]
    wait_for(f"a report with {texts}", 30, found)
    report, = found()
    return report


def test_one_of_three_recipients_is_refused(ours, peer):
    mark, content = letter(b"to three\r\n")
    ours.send(content, [f"{u}@{peer.domain}" for u in ("ann", "nobody-here", "bob")], SENDER)
    assert arrived(peer, mark, ["ann", "bob"]) == {"ann": [content], "bob": [content]}
    report = bounce(ours, mark.decode(), "Action: failed")
    assert f"Final-Recipient: rfc822; nobody-here@{peer.domain}" in report
    unfolded = report.replace("\n ", " ").replace("\n\t", " ")
    assert f"Diagnostic-Code: smtp; {peer.words}" in unfolded, report
    assert report.count("Final-Recipient:") == 1


def test_an_internationalised_address(ours, peer):
    mark, content = letter("für München\r\n".encode(), subject="Grüße")
    ours.send(content, [f"münchen@{peer.domain}"], SENDER, parameters=" SMTPUTF8 BODY=8BITMIME")
    if peer.utf8:
        assert arrived(peer, mark, ["münchen"]) == {"münchen": [content]}
    else:
        report = bounce(ours, mark.decode(), "Action: failed")
        assert "Status: 5.6.7" in report and "needs SMTPUTF8" in report
        assert peer.received(mark) == {}


def test_a_report_of_success(ours, peer):
    """Whoever knows whether it was delivered says so: the peer when it offers DSN, else we."""
    mark, content = letter(b"tell me\r\n")
    with ours.smtp() as smtp:
        smtp.ehlo()
        assert smtp.cmd(f"MAIL FROM:<{SENDER}> RET=HDRS ENVID=env-{mark.decode()}").code == 250
        assert smtp.cmd(f"RCPT TO:<bob@{peer.domain}> NOTIFY=SUCCESS ORCPT=rfc822;bobby@else.example").code == 250
        assert smtp.data(content).code == 250
    assert arrived(peer, mark, ["bob"]) == {"bob": [content]}
    report = bounce(ours, mark.decode(), "message/delivery-status")
    told = report.replace("; ", ";")
    assert f"Final-Recipient: rfc822;bob@{peer.domain}" in told, report
    assert ("Reporting-MTA: dns;mx.far.example" in told) == peer.dsn, report
    # A server that does not report any further: then we say that it has it.
    assert re.search("Action: delivered" if peer.dsn else "Action: (relayed|delivered)", told), report
    if peer.tells_all:
        assert f"original-envelope-id: env-{mark.decode()}" in told.lower(), report
        assert "Original-Recipient: rfc822;bobby@else.example" in told, report


# --- BDAT ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def chunking():
    """The same with content in chunks, where a server offers that."""
    routes = "".join(f"{name}.example smtp:[127.0.0.1]:{port}\n" for name, port in PORTS.items() if name != "dovecot")
    one = Instance(conf={"remote": {"chunking": "yes"}}, tables={"routes": routes})
    try:
        yield one.start()
    finally:
        one.close()


def test_content_in_chunks(chunking, peer):
    if peer.domain not in ("postfix.example", "exim.example"):
        pytest.skip(f"{peer.domain} does not offer CHUNKING by SMTP")
    for name in BODIES:
        mark, content = letter(BODIES[name])
        chunking.send(content, [f"{u}@{peer.domain}" for u in ("ann", "nobody-here", "bob")], SENDER)
        assert arrived(peer, mark, ["ann", "bob"]) == {"ann": [content], "bob": [content]}
    if peer.domain == "postfix.example":
        wait_for("a session with BDAT", 10, lambda: re.search(r" bdat=[1-9]\d* ", peer.log()))


def test_a_message_that_nobody_takes_in_chunks(chunking, peer):
    """Its content came right behind the refused recipients: it must not be taken for mail, or for commands."""
    if peer.domain not in ("postfix.example", "exim.example"):
        pytest.skip(f"{peer.domain} does not offer CHUNKING by SMTP")
    mark, content = letter(b"RSET\r\nMAIL FROM:<x@evil.example>\r\nRCPT TO:<ann@%s>\r\nDATA\r\nsmuggled\r\n.\r\n"
                           % peer.domain.encode())
    chunking.send(content, [f"nobody-here@{peer.domain}"], SENDER)
    report = bounce(chunking, mark.decode(), "Action: failed")
    assert f"Final-Recipient: rfc822; nobody-here@{peer.domain}" in report
    assert peer.received(mark) == {} and peer.received(b"smuggled") == {}
