# SPDX-License-Identifier: ISC
"""The postmaster is told of who passes a limit, with real clients, over restarts; and front ends."""
import contextlib
import email
import json
import os
import re
import shlex
import signal
import smtplib

import pytest

from conftest import tool
from instance import wait_for
from test_auth import plain
from test_submission import ANN, BOB, Submitting, letter, refusal
from test_tls import context


class Telling(Submitting):
    """The postmaster is bob. Clients are none of the own networks, so limits by address hold."""

    def __init__(self, **conf):
        super().__init__(postmaster=BOB, **conf)

    def swaks(self):
        return self.run(tool("swaks", "swaks"), "--server", f"127.0.0.1:{self.submissions_port}", "--tls-on-connect",
                        "--auth", "PLAIN", "--auth-user", ANN, "--auth-password", self.passwords[ANN],
                        "--from", ANN, "--to", ANN)

    def msmtp(self):
        return self.run(tool("msmtp", "msmtp"), "--host=127.0.0.1", f"--port={self.submission_port}", "--tls=on",
                        "--tls-starttls=on", "--tls-certcheck=off", "--auth=plain", f"--user={ANN}",
                        f"--passwordeval=echo {self.passwords[ANN]}", f"--from={ANN}", ANN,
                        input=letter(ANN).replace("\r\n", "\n"))

    def tries(self, login, password, comes_to):
        """The log says what comes of it. The client goes then: its answer is held back, for up to 15 seconds."""
        with contextlib.closing(smtplib.SMTP_SSL("127.0.0.1", self.submissions_port, timeout=30, context=context())) as client:
            said = f"login=<{login}> (login {comes_to})"
            before = self.log().count(said)
            client.ehlo("webmail.example")
            client.putcmd("AUTH", f"PLAIN {plain(login, password)}")
            wait_for(said, 10, lambda: self.log().count(said) > before)

    def told(self):
        return len(re.findall(r": postmaster notification of a limit$", self.log(), re.M))

    def crash(self, name):
        pid, = self.pids(name)
        os.kill(pid, signal.SIGKILL)
        wait_for(f"another {name}", 20, lambda: self.pids(name) not in ([], [pid]))
        self.wait_ready()

    def usage(self, *args):
        return json.loads(self.postern("usage", "status", *args, "--json", check=True).out)

    def state(self):
        return next(self.directory.rglob("usage.db")).parent


@pytest.fixture
def make():
    made = []

    def new(**conf):
        made.append(Telling(**conf))
        return made[-1].start()
    yield new
    for one in made:
        one.close()


def notice(content):
    """Its fields and text, as a reader of mail sees it."""
    m = email.message_from_bytes(content)
    assert m["Auto-Submitted"] == "auto-generated" and m["To"] == BOB and not m.is_multipart()
    assert m["Return-Path"] == "<>" and m["From"] == "Mail Delivery System <MAILER-DAEMON@mx.example.test>"
    return m, re.sub(r"\s+", " ", m.get_payload()), m.get_payload()


def commands(text):
    return [shlex.split(line) for line in re.findall(r"(?m)^ {4}postern (.*?)\r?$", text)]


def test_refused_told_and_released(make):
    one = make(submission={"recipients-per-hour": 3})
    assert one.swaks().returncode == 0 and one.msmtp().returncode == 0
    row, = [r for r in one.usage("--all") if r["kind"] == "login"]
    assert (row["name"], row["hour"], row["hour_limit"], row["standing"], row["clients"]) == (ANN, 2, 3, "", ["127.0.0.1"])
    assert one.usage() == [] and "nobody is near" in one.postern("usage", "status", check=True).out
    assert one.swaks().returncode == 0
    refused = one.swaks()
    assert refused.returncode != 0 and "450 4.7.1" in refused.out
    assert one.msmtp().returncode != 0
    one.wait_files("bob", 1)
    box = one.directory / "home" / "fetched"
    done = one.run(tool("mpop", "mpop"), "--host=127.0.0.1", f"--port={one.pop3_port}", "--tls=off", "--auth=user",
                   f"--user={BOB}", f"--passwordeval=echo {one.passwords[BOB]}", "--keep=off", "--received-header=off",
                   f"--delivery=mbox,{box}", f"--uidls-file={one.directory}/home/uidls")
    assert done.returncode == 0, done.err
    m, words, text = notice(box.read_bytes().split(b"\n", 1)[1])
    assert m["Subject"] == "A limit of submission was passed"
    assert "The login ann@example.test has passed the limit of 3 recipients in an hour" in words
    assert "Recipients: 4, since" in words and "Clients: 127.0.0.1" in words and "refused" in words
    row, = one.usage()
    assert row["standing"] == "over" and row["told"] and row["over_limit"] == "refuse" and row["passed"] > 0
    release, = [c for c in commands(text) if c[:2] == ["usage", "release"]]
    assert one.postern(*release, check=True).out == "1 set back\n"
    assert one.usage() == []
    assert one.swaks().returncode == 0
    assert one.told() == 1  # once, for all that was refused


def test_held_told_and_let_go(make):
    one = make(submission={"recipients-per-hour": 1, "over-limit": "hold"})
    for _ in range(3):
        assert one.swaks().returncode == 0
    got, = one.wait_for_mail("bob", 1)
    one.wait_for_mail("ann", 1)
    _, words, text = notice(got)
    assert "accepted, and held in the queue" in words
    typed = {tuple(c[:2]): c for c in commands(text)}
    assert len(json.loads(one.postern(*typed["queue", "list"], "--json", check=True).out)) == 2
    assert one.usage(ANN)[0]["over_limit"] == "hold"
    one.postern(*typed["queue", "release"], check=True)
    one.wait_for_mail("ann", 2)
    one.wait_queue_empty()
    assert one.told() == 1


def test_counts_and_what_is_to_be_told_outlive_the_programs(make):
    """A crash of either program, a stop and a start: the limit stays, and nobody is told twice."""
    one = make(submission={"recipients-per-hour": 2})
    with one.login() as client:
        client.sendmail(ANN, [ANN, BOB], letter(ANN))
    one.wait_for_mail("bob", 1)
    one.stop()
    one.start()
    with one.login() as client:
        assert refusal(client, ANN, [ANN], letter(ANN)) == (450, "4.7.1")
    one.wait_for_mail("bob", 1)
    wait_for("what was told is kept", 20, lambda: [r["told"] for r in one.usage(ANN)] == [True])
    for name in ("directory", "queue", "directory"):
        one.crash(name)
        with one.login() as client:
            assert refusal(client, ANN, [ANN], letter(ANN)) == (450, "4.7.1")
    assert one.told() == 1


def test_a_damaged_file_is_set_aside(make):
    one = make(submission={"recipients-per-hour": 2})
    with one.login() as client:
        client.sendmail(ANN, [ANN, BOB], letter(ANN))
    one.stop()
    path = one.state() / "usage.db"
    path.write_bytes(path.read_bytes()[:1000])
    one.start()
    assert path.with_name("usage.bad").exists()
    one.wait_log("usage.db, which knew of what users have sent, is damaged")
    with one.login() as client:
        client.sendmail(ANN, [BOB], letter(ANN))
    one.wait_for_mail("bob", 2)


def test_in_the_operators_words_of_an_address(make):
    one = Telling(submission={"address-recipients-per-hour": 1})
    try:
        (one.directory / "words").mkdir()
        (one.directory / "words" / "limit.txt").write_text("Subject: Grenze\n\nZu viel: ${who}\n${commands}\n")
        one.configure(queue={"templates": one.directory / "words"})
        one.start()
        with one.login() as client:
            client.sendmail(ANN, [ANN], letter(ANN))
            assert refusal(client, ANN, [ANN], letter(ANN)) == (450, "4.7.1")
        m, words, text = notice(one.wait_for_mail("bob", 1)[0])
        assert m["Subject"] == "Grenze" and words.startswith("Zu viel: The client address 127.0.0.1 ")
        release, = [c for c in commands(text) if c[:2] == ["usage", "release"]]
        assert release[2] == "127.0.0.1"
        assert one.postern(*release, check=True).out == "2 set back\n"  # with its network
        (one.directory / "words" / "limit.txt").write_text("Subject: Grenze\n\n${sender}\n")
        assert "there is no word ${sender}: write one of ${hostname}, ${postmaster}, ${who}" in one.postern("check").err
    finally:
        one.close()


def test_a_front_end(make):
    """Webmail logs in for all: one user's limits and failures are nobody else's."""
    one = make(submission={"address-recipients-per-hour": 1, "network-recipients-per-hour": 1, "recipients-per-hour": 4},
               auth={"failures": 2, "login-failures": 2, "front-ends": ["127.0.0.1/32"]})
    for name, own in (("ann", ANN), ("bob", BOB)):
        with one.login(name) as client:
            client.sendmail(own, [ANN, BOB], letter(own))
    with smtplib.SMTP("127.0.0.1", one.smtp_port, timeout=20) as stranger:
        code, _ = stranger.docmd("EHLO webmail.example")
        stranger.docmd("MAIL FROM:<ann@example.test>")
        assert code == 250 and stranger.docmd("RCPT TO:<a@elsewhere.example>")[0] >= 500  # that is for "networks"
    for login in ("nobody", "someone", "anyone"):  # more than the limit of an address
        one.tries(f"{login}@example.test", "wrong", "failed: no such user, or one without a password")
    for password in ("x1", "x2"):
        one.tries(ANN, password, "failed: wrong password")
    one.tries(ANN, one.passwords[ANN], "refused: too many failures")  # who uses it there is not known
    one.login("bob").quit()
    in_words = one.postern("auth", "status", check=True).out
    assert "   2 failures, last " in in_words and "   1 failure,  last " in in_words, in_words
    counted = json.loads(one.postern("auth", "status", "--json", check=True).out)
    assert {(r["kind"], r["name"], r["failures"]) for r in counted} == {
        ("login", ANN, 2), *(("login", f"{name}@example.test", 1) for name in ("nobody", "someone", "anyone"))}
