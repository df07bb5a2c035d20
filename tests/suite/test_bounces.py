# SPDX-License-Identifier: ISC
"""What senders are told of mail that failed, waits or was delivered: reports as programs read them."""
import email
import email.policy
import email.utils
import os
import re
import signal
import socketserver
import threading

import pytest

from instance import wait_for

QUICK = {"retry-first": "1 s", "retry-max": "1 s", "lifetime": "3 s", "delay-notice": 0}
MESSAGE = b"Message-ID: <1@client.example>\r\nSubject: hello\r\n\r\nHow are you?\r\n"


class Sink:
    """A server for other domains. `replies` maps a command to what is said instead of 250."""

    def __init__(self, replies=(), extensions=("8BITMIME",)):
        self.replies, self.extensions, self.mail = dict(replies), extensions, []
        self.said = []
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                self.say("220 sink.example ESMTP")
                while line := self.rfile.readline():
                    sink.said.append(line.decode().strip())
                    verb = line.split()[0].upper().decode() if line.split() else ""
                    if verb == "QUIT":
                        return self.say("221 bye")
                    if verb == "EHLO":
                        names = ("sink.example",) + tuple(sink.extensions)
                        for n, name in enumerate(names):
                            self.say(f"250{'-' if n + 1 < len(names) else ' '}{name}")
                        continue
                    reply = sink.replies.get(verb)
                    if verb == "DATA" and reply is None:
                        self.say("354 go on")
                        content = b""
                        while (part := self.rfile.readline()) not in (b".\r\n", b""):
                            content += part
                        sink.mail.append(content)
                        reply = sink.replies.get(".")
                    self.say(reply or "250 2.0.0 done")

            def say(self, text):
                self.wfile.write(text.encode() + b"\r\n")

        socketserver.ThreadingTCPServer.daemon_threads = True
        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def commands(self, verb):
        return [line for line in self.said if line.upper().startswith(verb)]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def sink():
    one = Sink()
    yield one
    one.close()


def route(one, sink, domain="remote.test"):
    one.write("tables/routes", f"{domain} smtp:[127.0.0.1]:{sink.port}\n")
    one.postern("table", "build", check=True)


@pytest.fixture
def relay(make, sink):
    """Starts an instance that sends remote.test's mail to the sink."""
    def start(**conf):
        one = make(start=False, conf={"remote": {"tls": "none"}, **conf})
        route(one, sink)
        return one.start()
    return start


def report(raw):
    """(parsed message, text for people, message fields, [recipient fields], what came back)."""
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message.get_content_type() == "multipart/report"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["From"].addresses[0].addr_spec == "MAILER-DAEMON@mx.example.test"
    assert not message.defects and raw.lower().startswith(b"return-path: <>")
    text, status, *rest = message.iter_parts()
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    about, *recipients = status.get_payload()
    assert about["Reporting-MTA"] == "dns; mx.example.test"
    for part in message.walk():
        assert not part.defects
    for line in raw.split(b"\r\n"):
        assert len(line) <= 998 and b"\n" not in line
    return message, text.get_content().replace("\r\n", "\n"), about, recipients, rest


def one_report(one, name="bob"):
    raw = wait_for("a report", 20, lambda: one.fetch(name))
    assert len(raw) == 1
    return report(raw[0])


def test_another_servers_refusal_is_reported(relay, sink):
    sink.replies["RCPT"] = "550 5.1.1 there is nobody of that name"
    one = relay()
    one.send(MESSAGE, to=["carl@remote.test"], sender="bob@example.test")
    message, text, about, (recipient,), (returned,) = one_report(one)
    assert message["To"].addresses[0].addr_spec == "bob@example.test"
    assert message["References"] == "<1@client.example>"
    assert "there is nobody of that name" in text and "ann@example.test" in text
    assert recipient["Final-Recipient"] == "rfc822; carl@remote.test"
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == "5.1.1"
    assert recipient["Diagnostic-Code"] == "smtp; 550 5.1.1 there is nobody of that name"
    assert "Remote-MTA" in recipient
    assert returned.get_content_type() == "message/rfc822"
    assert returned.get_content().get_content().strip() == "How are you?"
    one.wait_queue_empty()
    one.wait_log("sender non-delivery notification")


def test_parameters_of_dsn(relay, sink):
    sink.replies["RCPT"] = "550 no"
    one = relay()
    with one.smtp() as smtp:
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<bob@example.test> RET=HDRS ENVID=order+2D1")
        assert smtp.cmd("RCPT TO:<carl@remote.test> NOTIFY=FAILURE ORCPT=rfc822;Carl@old.test").code == 250
        assert smtp.cmd("RCPT TO:<dora@remote.test> NOTIFY=NEVER").code == 250
        assert smtp.data(MESSAGE).code == 250
    _, text, about, (recipient,), (returned,) = one_report(one)
    assert about["Original-Envelope-Id"] == "order-1"
    assert recipient["Original-Recipient"] == "rfc822; Carl@old.test"
    assert "dora" not in text
    assert returned.get_content_type() == "text/rfc822-headers"
    assert "How are you?" not in returned.get_payload()
    one.wait_queue_empty()


def test_a_large_message_comes_back_as_its_header(relay, sink):
    sink.replies["RCPT"] = "550 no"
    one = relay()
    one.send(MESSAGE + b"x" * 70 + b"\r\n" * 100000, to=["carl@remote.test"], sender="bob@example.test")
    *_, (returned,) = one_report(one)
    assert returned.get_content_type() == "text/rfc822-headers"


def test_what_waits_is_reported_and_then_fails(relay, sink):
    sink.replies["RCPT"] = "451 4.2.1 come back tomorrow"
    one = relay(queue={**QUICK, "lifetime": "8 s", "delay-notice": "2 s"})
    one.send(MESSAGE, to=["carl@remote.test"], sender="bob@example.test")
    _, text, _, (recipient,), _ = one_report(one)
    assert recipient["Action"] == "delayed"
    assert recipient["Status"] == "4.2.1"
    assert "Will-Retry-Until" in recipient
    assert "come back tomorrow" in text
    _, text, about, (recipient,), _ = one_report(one)
    assert recipient["Action"] == "failed"
    assert recipient["Status"] == "4.4.7"
    words = " ".join(text.split())
    assert "come back tomorrow" in words
    assert re.search(r"delivery time expired after ([2-9]|\d\d) tries", words)
    first, last = (email.utils.parsedate_to_datetime(re.search(rf"{when} tried on (.*)", text).group(1))
                   for when in ("first", "last"))
    assert first < last
    assert email.utils.parsedate_to_datetime(recipient["Last-Attempt-Date"]) == last
    assert email.utils.parsedate_to_datetime(about["Arrival-Date"]) == first
    one.wait_queue_empty()


def test_success_is_reported_where_it_is_asked(relay, sink):
    one = relay()
    with one.smtp() as smtp:
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<bob@example.test>")
        assert smtp.cmd("RCPT TO:<ann@example.test> NOTIFY=SUCCESS").code == 250
        assert smtp.cmd("RCPT TO:<carl@remote.test> NOTIFY=SUCCESS,FAILURE").code == 250
        assert smtp.cmd("RCPT TO:<dora@remote.test> NOTIFY=FAILURE").code == 250
        assert smtp.data(MESSAGE).code == 250
    one.wait_queue_empty()  # in one notice or two
    actions = {recipient["Final-Recipient"]: recipient["Action"]
               for raw in one.fetch("bob") for recipient in report(raw)[3]}
    assert actions == {"rfc822; ann@example.test": "delivered", "rfc822; carl@remote.test": "relayed"}


def test_an_alias_of_several_is_expanded(make, sink):
    """The alias is reported once; the server behind it, which has DSN, is not asked to report a success."""
    sink.extensions = ("DSN",)
    one = make(start=False, conf={"remote": {"tls": "none"}},
               tables={"aliases": "all@example.test: ann@example.test, carl@remote.test\n"})
    route(one, sink)
    one.start()
    with one.smtp() as smtp:
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<bob@example.test>")
        assert smtp.cmd("RCPT TO:<all@example.test> NOTIFY=SUCCESS,FAILURE").code == 250
        assert smtp.data(MESSAGE).code == 250
    _, text, _, (recipient,), _ = one_report(one)
    assert recipient["Final-Recipient"] == "rfc822; all@example.test"
    assert recipient["Action"] == "expanded"
    assert "carl@remote.test" not in text
    one.wait_queue_empty()
    assert one.fetch("bob") == []
    command, = sink.commands("RCPT")
    assert "NOTIFY=FAILURE" in command and "SUCCESS" not in command


def test_success_survives_kills(relay, sink):
    """Whoever asked is told, once, however often queue dies."""
    one = relay()
    count = 30
    for n in range(count):
        with one.smtp() as smtp:
            smtp.ehlo()
            smtp.cmd(f"MAIL FROM:<bob@example.test> ENVID=n{n}")
            assert smtp.cmd("RCPT TO:<ann@example.test> NOTIFY=SUCCESS").code == 250
            assert smtp.data(MESSAGE).code == 250
        if n % 6 == 3:
            for pid in one.pids("queue"):
                os.kill(pid, signal.SIGKILL)
            one.wait_ready()
    one.wait_queue_empty()
    told = [report(raw)[2]["Original-Envelope-Id"] for raw in one.fetch("bob")]
    assert sorted(told) == sorted(f"n{n}" for n in range(count))


def test_many_failures_are_told_once_each_through_kills(relay, sink):
    """The set of those that failed grows while queue is killed between: each is reported once."""
    sink.replies["RCPT"] = "550 no"
    one = relay()
    names = [f"u{n}@remote.test" for n in range(120)]
    for _ in range(3):
        one.send(MESSAGE, to=names, sender="bob@example.test")
        for pid in one.pids("queue"):
            os.kill(pid, signal.SIGKILL)
        one.wait_ready()
    one.wait_queue_empty()
    told = [r["Final-Recipient"] for raw in one.fetch("bob") for r in report(raw)[3]]
    assert sorted(told) == sorted(f"rfc822; {name}" for name in names * 3)


def test_mail_from_nobody_goes_to_the_postmaster(relay, sink):
    sink.replies["RCPT"] = "550 no"
    one = relay()
    one.send(MESSAGE, to=["carl@remote.test"], sender="")
    message, text, _, (recipient,), _ = one_report(one, "ann")
    assert message["To"].addresses[0].addr_spec == "ann@example.test"
    assert recipient["Action"] == "failed"
    one.wait_queue_empty()


def test_an_unknown_sender_of_ours_goes_to_the_postmaster(relay, sink):
    sink.replies["RCPT"] = "550 no"
    one = relay()
    one.send(MESSAGE, to=["carl@remote.test"], sender="nobody@example.test")
    message, *_ = one_report(one, "ann")
    assert "neither" in message["Subject"]
    one.wait_queue_empty()


WORDS = {
    "failure.txt": {"to": "carl@remote.test", "reply": "550 no", "sender": "bob@example.test"},
    "delay.txt": {"to": "carl@remote.test", "reply": "451 later", "sender": "bob@example.test"},
    "success.txt": {"to": "carl@remote.test", "reply": None, "sender": "bob@example.test"},
    "double.txt": {"to": "carl@remote.test", "reply": "550 no", "sender": ""},
}


@pytest.mark.parametrize("name", WORDS)
def test_each_text_can_be_replaced(relay, sink, make, name):
    case = WORDS[name]
    if case["reply"]:
        sink.replies["RCPT"] = case["reply"]
    one = make(start=False, conf={"remote": {"tls": "none"},
                                  "queue": {**QUICK, "lifetime": "1 d", "delay-notice": "1 s", "templates": "words"}})
    route(one, sink)
    one.make_directory(one.directory / "words")
    one.write(f"words/{name}", f"Subject: Own {name}\n\nOwn words: ${{id}}\n${{recipients}}\n")
    one.start()
    with one.smtp() as smtp:
        smtp.ehlo()
        smtp.cmd(f"MAIL FROM:<{case['sender']}>")
        assert smtp.cmd(f"RCPT TO:<{case['to']}> NOTIFY=SUCCESS,FAILURE,DELAY").code == 250
        assert smtp.data(MESSAGE).code == 250
    message, text, *_ = one_report(one, "bob" if case["sender"] else "ann")
    assert message["Subject"] == f"Own {name}"
    assert re.match(r"Own words: \w+\n<carl@remote.test>", text)


def test_an_operators_own_words(relay, sink, make):
    sink.replies["RCPT"] = "550 no"
    one = make(start=False, conf={"remote": {"tls": "none"}, "queue": {"templates": "words"}})
    route(one, sink)
    one.make_directory(one.directory / "words")
    one.write("words/failure.txt", "Subject: Leider nicht\n\nGr\u00fc\u00dfe von ${hostname}:\n${recipients}\n")
    one.start()
    one.send(MESSAGE, to=["carl@remote.test"], sender="bob@example.test")
    message, text, *_ = one_report(one)
    assert message["Subject"] == "Leider nicht"
    assert text.startswith("Gr\u00fc\u00dfe von mx.example.test:\n<carl@remote.test>:\n")


def test_faults_in_templates_are_found_by_check(make):
    one = make(start=False, conf={"queue": {"templates": "words"}})
    one.make_directory(one.directory / "words")
    one.write("words/delay.txt", "Subject: x\n\n${recipient}\n")
    one.write("words/double.txt", "No subject\n\nx\n")
    done = one.postern("check")
    assert done.returncode == 78
    assert "delay.txt:3: there is no word ${recipient}: write one of" in done.err
    assert "double.txt:1: " in done.err  # every fault, not the first alone


def test_a_kill_between_loses_nothing(relay, sink):
    """However often queue dies, every sender is told, and once."""
    sink.replies["RCPT"] = "550 no"
    one = relay()
    count = 40
    for n in range(count):
        one.send(b"Subject: number %d\r\n\r\nx\r\n" % n, to=["carl@remote.test"], sender="bob@example.test")
        if n % 10 == 5:
            for pid in one.pids("queue"):
                os.kill(pid, signal.SIGKILL)
            one.wait_ready()
    one.wait_queue_empty()
    told = [int(n) for raw in one.fetch("bob") for n in re.findall(rb"Subject: number (\d+)", raw)]
    assert sorted(told) == list(range(count))


def test_routes_that_change_move_what_waits(relay, sink):
    sink.replies["RCPT"] = "451 4.2.1 come back tomorrow"
    one = relay(queue={"retry-first": "1 h"})
    one.send(MESSAGE, to=["carl@remote.test"], sender="bob@example.test")
    one.wait_log("come back tomorrow")
    other = Sink()
    try:
        route(one, other)
        wait_for("the message at the other server", 20, lambda: other.mail)
        one.wait_queue_empty()
    finally:
        other.close()
