# SPDX-License-Identifier: ISC
"""Submission as mail clients do it: over TLS, with a login, from one's own addresses, within limits."""
import contextlib
import email
import json
import os
import re
import signal
import smtplib
import subprocess

import pytest

from conftest import tool
from instance import Instance, free_port, wait_for
from test_tls import NAME, context, make_certificate

ANN, BOB, CY = "ann@example.test", "bob@example.test", "cy@example.test"
TABLES = {"aliases": f"sales@example.test: {ANN}\nteam@example.test: {ANN}, {BOB}\n",
          "senders": f"{BOB} press@example.test @partner.example\n"}


class Submitting(Instance):
    """587 with STARTTLS, 465 with TLS from the first octet, both for those who log in alone."""

    def __init__(self, **conf):
        super().__init__(conf={"networks": ["192.0.2.0/24"], **conf}, users=("ann", "bob", "cy"), tables=TABLES)
        self.submission_port, self.submissions_port = free_port(), free_port()
        self.make_directory(self.directory / "tls")
        section = make_certificate(self.directory / "tls", "ec")
        for path in (self.directory / "tls").iterdir():
            self.user.own(path)
        self.configure(**{"listen submission": {"address": f"127.0.0.1:{self.submission_port}"},
                          "listen submissions": {"address": f"127.0.0.1:{self.submissions_port}"},
                          f"certificate {NAME}": section})

    def login(self, name="ann", implicit=False):
        if implicit:
            client = smtplib.SMTP_SSL("127.0.0.1", self.submissions_port, timeout=20, context=context())
        else:
            client = smtplib.SMTP("127.0.0.1", self.submission_port, timeout=20)
            client.starttls(context=context())
        client.ehlo("laptop.example")
        client.login(self.address(name), self.passwords[self.address(name)])
        return client


@pytest.fixture(scope="module")
def server():
    one = Submitting()
    try:
        yield one.start()
    finally:
        one.close()


def letter(sender, *more):
    return "\r\n".join([f"From: {sender}", "Subject: a letter", *more, "", "text", ""])


def refusal(client, *args):
    with pytest.raises(smtplib.SMTPResponseException) as caught:
        client.sendmail(*args)
    return caught.value.smtp_code, caught.value.smtp_error.split()[0].decode()


def test_nothing_is_taken_without_a_login(server):
    client = smtplib.SMTP("127.0.0.1", server.submission_port, timeout=20)
    client.ehlo("laptop.example")
    assert "starttls" in client.esmtp_features  # AUTH, too, for this machine is trusted not to listen to itself
    assert client.docmd("MAIL FROM:<ann@example.test>")[0] == 530
    client.starttls(context=context())
    client.ehlo("laptop.example")
    assert "auth" in client.esmtp_features
    code, text = client.docmd("MAIL FROM:<ann@example.test>")
    assert code == 530 and text.startswith(b"5.7.0")
    client.quit()


def mail_until_refused(client, sender):
    """What MAIL is answered when the tables have been taken."""
    def refused():
        code, text = client.docmd(f"MAIL FROM:<{sender}>")
        if code == 250:
            client.docmd("RSET")
            return None
        return code, text
    return wait_for("a refusal", 10, refused)


def test_a_login_that_is_taken_away_sends_no_more():
    """An intruder's session ends with the password; who has none to do with it goes on, over a restart of directory."""
    with contextlib.closing(Submitting()) as one:
        one.start()
        intruder, other, gone = one.login("ann"), one.login("bob"), one.login("cy")
        before = one.pids("directory")
        os.kill(before[0], signal.SIGKILL)
        wait_for("another directory", 10, lambda: one.is_ready() and one.pids("directory") != before)
        for client, name in ((intruder, ANN), (other, BOB), (gone, CY)):
            client.sendmail(name, [BOB], letter(name))
        one.postern("user", "passwd", ANN, input=b"another\n", check=True)
        code, text = mail_until_refused(intruder, ANN)
        assert code == 421 and text.startswith(b"4.7.0")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            intruder.docmd("NOOP")
        one.postern("user", "remove", CY, check=True)
        assert mail_until_refused(gone, CY)[0] == 421
        other.sendmail(BOB, [BOB], letter(BOB))
        one.passwords[ANN] = "another"
        with one.login("ann") as client:
            client.sendmail(ANN, [BOB], letter(ANN))
        one.wait_for_mail("bob", 5)


@pytest.mark.parametrize("implicit", [False, True])
def test_the_header_is_completed(server, implicit):
    with server.login(implicit=implicit) as client:
        client.sendmail(ANN, [BOB], letter("Ann <ann>", f"To: {BOB}", "Bcc: secret@example.test"))
    got = email.message_from_bytes(server.wait_for_mail("bob", 1)[0])
    assert got["From"] == "Ann <ann@example.test>" and got["To"] == BOB and got["Bcc"] is None
    assert got["Date"] is not None and got["Message-ID"].endswith("@example.test>")
    assert "with ESMTPSA id" in got["Received"]


def test_users_send_as_themselves(server):
    with server.login() as client:
        for own in (ANN, "ann+lists@example.test", "sales@example.test"):
            client.sendmail(own, [BOB], letter(own))
        assert refusal(client, BOB, [BOB], letter(BOB)) == (553, "5.7.1")
        assert refusal(client, "team@example.test", [BOB], letter(ANN)) == (553, "5.7.1")
        assert refusal(client, ANN, [BOB], letter(BOB)) == (550, "5.7.1")
        assert refusal(client, ANN, [BOB], letter(ANN, f"From: {BOB}")) == (550, "5.7.1")
        assert refusal(client, "", [BOB], letter("friend@example.net")) == (550, "5.7.1")
        client.sendmail("", [BOB], letter(ANN))  # what a client answers by itself
    with server.login("bob") as client:
        client.sendmail("press@example.test", [ANN], letter("anybody@partner.example"))
        assert refusal(client, "anybody@sub.partner.example", [ANN], letter(BOB)) == (553, "5.7.1")
    server.wait_for_mail("bob", 4)
    server.wait_for_mail("ann", 1)
    server.wait_log(f"one of the user who logged in: <{BOB}>; from=")
    said = re.findall(r"reject: (MAIL|DATA).*: (5\d\d) .* from=<(.*?)> .* sasl_username=<(.*)>", server.log())
    assert (("MAIL", "553", BOB, ANN) in said and ("DATA", "550", ANN, ANN) in said and
            ("MAIL", "553", "anybody@sub.partner.example", BOB) in said), said


def test_the_table_takes_effect_without_a_restart(server):
    with server.login() as client:
        assert refusal(client, "new@example.net", [BOB], letter(ANN)) == (553, "5.7.1")
        server.set_tables(senders=f"{ANN} @example.net\n")
        server.wait_log("tables: ")
        for _ in range(50):
            try:
                client.sendmail("new@example.net", [BOB], letter("new@example.net"))
                break
            except smtplib.SMTPSenderRefused:
                subprocess.run(["sleep", "0.1"], check=True)
        else:
            pytest.fail("the table senders was not taken")
    server.set_tables(senders=TABLES["senders"])
    server.wait_for_mail("bob", 1)


def test_a_large_message(server):
    with server.login() as client:
        client.sendmail(ANN, [BOB], letter(ANN, "Bcc: secret@example.test") + "x" * 70 + "\r\n" + "y" * 900000 + "\r\n")
    got = server.wait_for_mail("bob", 1)[0]
    assert b"Bcc" not in got and b"y" * 900000 in got


@pytest.mark.parametrize("limits,code", [({"recipients-per-hour": 5}, (450, "4.7.1")),
                                         ({"recipients-per-day": 5}, (450, "4.7.1")),
                                         ({"address-recipients-per-hour": 5}, (450, "4.7.1")),
                                         ({"network-recipients-per-hour": 5}, (450, "4.7.1"))])
def test_limits(limits, code):
    one = Submitting(submission=limits)
    try:
        one.start()
        with one.login() as client:
            client.sendmail(ANN, [BOB, ANN, "sales@example.test", "team@example.test"], letter(ANN))  # ann and bob
            for _ in range(3):
                client.sendmail(ANN, [BOB], letter(ANN))
            assert refusal(client, ANN, [BOB], letter(ANN)) == code
            assert refusal(client, ANN, [BOB], letter(ANN)) == code
        one.wait_for_mail("bob", 4)
        one.wait_log("has reached 5 recipients in")
        assert one.log().count("has reached 5 recipients in") == 1
    finally:
        one.close()


def test_over_the_limit_mail_waits_for_the_operator():
    one = Submitting(submission={"recipients-per-hour": 1, "over-limit": "hold"})
    try:
        one.start()
        with one.login() as client:
            client.sendmail(ANN, [BOB], letter(ANN))
            client.sendmail(ANN, [BOB], letter(ANN, "X-Number: 2"))
        one.wait_for_mail("bob", 1)
        wait_for("one message to be left", 20, lambda: one.queue_length() == 1)
        row, = json.loads(one.postern("queue", "list", "--state", "held", "--json", check=True).out)
        one.postern("queue", "release", row["id"], check=True)
        assert b"X-Number: 2" in one.wait_for_mail("bob", 1)[0]
        one.wait_queue_empty()
    finally:
        one.close()


def test_swaks_and_msmtp(server):
    swaks = tool("swaks", "swaks")
    done = server.run(swaks, "--server", f"127.0.0.1:{server.submissions_port}", "--tls-on-connect", "--auth", "PLAIN",
                      "--auth-user", ANN, "--auth-password", server.passwords[ANN], "--from", ANN, "--to", BOB)
    assert done.returncode == 0, done.out + done.err
    done = server.run(tool("msmtp", "msmtp"), "--host=127.0.0.1", f"--port={server.submission_port}", "--tls=on",
                      "--tls-starttls=on", "--tls-certcheck=off", "--auth=plain", f"--user={ANN}",
                      f"--passwordeval=echo {server.passwords[ANN]}", f"--from={ANN}", "--file=/dev/null", BOB,
                      input=letter(ANN).replace("\r\n", "\n"))
    assert done.returncode == 0, done.out + done.err
    server.wait_for_mail("bob", 2)
