# SPDX-License-Identifier: ISC
"""Thunderbird's habits, octet by octet: what it says in which order, as SmtpClient and Pop3Client do it,
and that it gets replies of the form that it reads."""
import base64
import concurrent.futures
import contextlib
import re

import pytest

import wire
from secured import Secured
from test_auth import plain

ANN, BOB, SECRET = "ann@example.test", "bob@example.test", "secret-ann"
STATUS = re.compile(rb"(\+OK|-ERR|\+) ?(.*)\r\n")  # how Pop3Client reads the first line of a reply
BODY = (b"Message-ID: <%s@example.test>\r\nDate: Sat, 28 Nov 2026 12:00:00 +0100\r\nMIME-Version: 1.0\r\n"
        b"User-Agent: Mozilla Thunderbird\r\nContent-Language: en-GB\r\nTo: bob@example.test\r\n"
        b"From: Ann <ann@example.test>\r\nSubject: from the laptop\r\n"
        b"Content-Type: text/plain; charset=UTF-8; format=flowed\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
        b"Gr\xc3\xbc\xc3\x9fe\r\n.a line with a dot\r\n-- \r\nAnn\r\n")


@pytest.fixture(scope="module")
def server():
    with contextlib.closing(Secured()) as one:
        yield one.start()


@pytest.fixture
def mailbox(server):
    """bob's box is empty; ann's has three letters, with long words in their bodies."""
    for name in ("ann", "bob"):
        for path in server.files(name):
            path.unlink()
    for n in range(3):
        server.send(b"From: friend@client.example\r\nSubject: letter %d\r\n\r\n" % n + b"text %d\r\n" % n * 1000)
    server.wait_files("ann", 3)
    return server


class Octets:
    """Sends every octet in a packet, or record of TLS, of its own."""

    def send(self, data):
        for at in range(len(data)):
            super().send(data[at:at + 1])


class Smtp(Octets, wire.Smtp):
    def say(self, line, code):
        reply = self.cmd(line)
        assert reply.code == code, (line, reply)
        return reply


class Pop3(Octets, wire.Pop3):
    def say(self, line, status=b"+OK"):
        """The text of the reply."""
        match = STATUS.fullmatch(self.cmd(line))
        assert match and match.group(1) == status, (line, match)
        return match.group(2)

    def lines(self, line):
        self.say(line)
        return self.listing().split(b"\r\n")[:-1]


# --- SMTP ---------------------------------------------------------------------------


def begin_smtp(one, implicit):
    if implicit:
        smtp = Smtp(("127.0.0.1", one.ports["submissions"]), tls=one.wrap())
    else:
        smtp = Smtp(("127.0.0.1", one.ports["submission"]))
        offered = smtp.say("EHLO [127.0.0.1]", 250).lines
        assert "STARTTLS" in offered
        smtp.say("STARTTLS", 220)
        smtp.begin_tls(one.wrap())
    offered = smtp.say("EHLO [127.0.0.1]", 250).lines
    assert "STARTTLS" not in offered and "8BITMIME" in offered
    assert [line for line in offered if line.startswith("AUTH ")] == ["AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN"]
    return smtp


def log_in(smtp, mechanism):
    if mechanism == "PLAIN":
        smtp.say("AUTH PLAIN " + plain(ANN, SECRET), 235)
    else:
        assert smtp.say("AUTH LOGIN", 334).lines == [base64.b64encode(b"Username:").decode()]
        assert smtp.say(base64.b64encode(ANN.encode()), 334).lines == [base64.b64encode(b"Password:").decode()]
        smtp.say(base64.b64encode(SECRET.encode()), 235)


def submit(smtp, number):
    content = BODY % str(number).encode()
    smtp.say(f"MAIL FROM:<{ANN}> BODY=8BITMIME SIZE={len(content)}", 250)
    smtp.say(f"RCPT TO:<{BOB}>", 250)
    smtp.say("DATA", 354)
    smtp.send(wire.dot_stuff(content))
    assert smtp.reply().code == 250
    return content


@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "implicit"])
@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_it_sends(mailbox, mechanism, implicit):
    with begin_smtp(mailbox, implicit) as smtp:
        log_in(smtp, mechanism)
        content = submit(smtp, 0)
        smtp.say("QUIT", 221)
        assert smtp.until_closed() == b""
    mailbox.wait_files("bob", 1)
    assert mailbox.files("bob")[0].read_bytes().endswith(content.replace(b"\r\n", b"\n"))


def test_a_wrong_password_may_be_tried_again(server):
    """It asks its user, and says EHLO no second time."""
    with begin_smtp(server, False) as smtp:
        smtp.say("AUTH PLAIN " + plain(ANN, "wrong"), 535)
        smtp.say("AUTH LOGIN", 334)
        smtp.say("*", 501)
        log_in(smtp, "PLAIN")
        smtp.say("QUIT", 221)


def test_three_connections_that_are_used_again(mailbox):
    """As many as it holds to one server; idle ones are looked at with NOOP, and used again behind RSET."""
    with contextlib.ExitStack() as stack:
        open_ones = [stack.enter_context(begin_smtp(mailbox, n == 1)) for n in range(3)]
        for smtp in open_ones:
            log_in(smtp, "PLAIN")
        for turn in range(2):
            with concurrent.futures.ThreadPoolExecutor(3) as crew:
                list(crew.map(submit, open_ones, range(3 * turn, 3 * turn + 3)))
            for smtp in open_ones:
                smtp.say("NOOP", 250)
                smtp.say("RSET", 250)
        for smtp in open_ones:
            smtp.say("QUIT", 221)
    mailbox.wait_files("bob", 6)
    found = {re.search(rb"(?m)^Message-ID: <(\d)@", path.read_bytes()).group(1) for path in mailbox.files("bob")}
    assert found == {b"0", b"1", b"2", b"3", b"4", b"5"}


# --- POP3 ---------------------------------------------------------------------------


def begin_pop3(one, implicit=False):
    """AUTH, for what there is where CAPA is not known, CAPA, STLS, and CAPA again in TLS."""
    if implicit:
        pop = Pop3(("127.0.0.1", one.ports["pop3s"]), tls=one.wrap())
        pop.lines("AUTH")
    else:
        pop = Pop3(("127.0.0.1", one.ports["pop3"]))
        assert pop.lines("AUTH") == []
        offered = pop.lines("CAPA")
        assert b"STLS" in offered and not any(line.startswith((b"SASL", b"USER")) for line in offered)
        pop.say("STLS")
        pop.begin_tls(one.wrap())
    offered = pop.lines("CAPA")
    assert b"STLS" not in offered
    assert {b"SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN", b"USER", b"UIDL", b"TOP"} <= set(offered)
    assert set(pop.lines("AUTH")) == {b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256", b"PLAIN", b"LOGIN"}
    return pop


def by_plain(pop, name=ANN, password=SECRET):
    """Without an initial response: Thunderbird waits for the "+", and takes no more of the line."""
    assert pop.say("AUTH PLAIN", b"+") == b""
    return pop.say(plain(name, password))


def by_plain_at_once(pop):
    return pop.say("AUTH PLAIN " + plain(ANN, SECRET))


def by_login(pop):
    assert base64.b64decode(pop.say("AUTH LOGIN", b"+")) == b"Username:"
    assert base64.b64decode(pop.say(base64.b64encode(ANN.encode()).decode(), b"+")) == b"Password:"
    return pop.say(base64.b64encode(SECRET.encode()).decode())


def by_user(pop):
    pop.say(f"USER {ANN}")
    return pop.say(f"PASS {SECRET}")


def numbers(lines):
    return [int(line.split()[0]) for line in lines]


@pytest.mark.parametrize("login", [by_plain, by_plain_at_once, by_login, by_user])
@pytest.mark.parametrize("implicit", [False, True], ids=["STLS", "implicit"])
def test_it_fetches_and_deletes(mailbox, implicit, login):
    with begin_pop3(mailbox, implicit) as pop:
        login(pop)
        assert pop.say("STAT").split()[0] == b"3"
        sizes = dict(line.split() for line in pop.lines("LIST"))
        assert numbers(pop.lines("UIDL")) == [1, 2, 3]
        heads = pop.lines("TOP 1 0")
        assert heads[-1] == b"" and any(line.startswith(b"Subject: letter") for line in heads)
        for n in (1, 2, 3):
            pop.say(f"RETR {n}")
            content = pop.listing()
            assert len(content) == int(sizes[b"%d" % n])
            pop.say(f"DELE {n}")
        pop.say("QUIT")
        assert pop.until_closed() == b""
    assert mailbox.files("ann") == []


def test_it_tries_what_is_not_there(mailbox):
    """XTND XLST, of older ones that want Message-IDs, and a proof that nobody offered."""
    with begin_pop3(mailbox) as pop:
        pop.say("AUTH CRAM-MD5", b"-ERR")
        assert pop.say("AUTH PLAIN", b"+") == b""
        pop.say("*", b"-ERR")
        assert b"[AUTH]" in STATUS.fullmatch(pop.cmd("AUTH PLAIN " + plain(ANN, "wrong"))).group(2)
        by_plain(pop)
        pop.say("XTND XLST Message-Id", b"-ERR")
        assert len(pop.lines("UIDL")) == 3
        pop.say("TOP 4 0", b"-ERR")
        pop.say("NOOP")
        pop.say("QUIT")
    assert len(mailbox.files("ann")) == 3


def test_it_keeps_mail_on_the_server(mailbox):
    """What it knows by UIDL it does not fetch again; a session that is cut deletes nothing."""
    known = set()
    for cut in (True, False):
        with begin_pop3(mailbox) as pop:
            by_plain(pop)
            uids = {line.split()[1] for line in pop.lines("UIDL")}
            assert known in (set(), uids)
            known = uids
            pop.lines("RETR 2")
            if cut:
                pop.say("DELE 2")
            else:
                pop.say("QUIT")
    assert len(known) == len(mailbox.files("ann")) == 3


def test_several_accounts_at_once(mailbox):
    """All mailboxes are looked at together when it starts, while one's letters are sent."""
    with begin_smtp(mailbox, True) as smtp, begin_pop3(mailbox) as first, begin_pop3(mailbox, True) as second:
        log_in(smtp, "PLAIN")
        by_plain(first)
        by_plain(second, BOB, "secret-bob")
        submit(smtp, 7)
        assert first.say("STAT").split()[0] == b"3" and second.say("STAT").split()[0] == b"0"
        for client in (first, second):
            client.say("NOOP")
            client.say("QUIT")
        smtp.say("QUIT", 221)
    mailbox.wait_files("bob", 1)
    with begin_pop3(mailbox, True) as again:
        by_plain(again, BOB, "secret-bob")
        assert b"Subject: from the laptop" in again.lines("RETR 1")
        again.say("QUIT")
