# SPDX-License-Identifier: ISC
"""The clients that people really use, end to end: SMTP in, mailbox, POP3 out."""
import email.message
import poplib
import re
import smtplib
import stat

import pytest

import wire
from conftest import tool

BODY = "Dear Ann,\n.\n..a line with dots\n\nthe end\n"
UTF8_BODY = "Grüße aus Köln – прямо сюда\n"


def wait_for_one(instance, name="ann"):
    return instance.wait_for_mail(name, 1)[0]


def message(subject, body=BODY):
    return (f"From: Sender <sender@client.example>\r\nTo: ann@example.test\r\n"
            f"Subject: {subject}\r\n\r\n" + body.replace("\n", "\r\n")).encode()


# --- Python's standard library ---------------------------------------------------


def test_smtplib_and_poplib(mailbox):
    letter = email.message.EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "s@client.example", "ann@example.test", "plain"
    letter.set_content(BODY)
    with smtplib.SMTP(*mailbox.smtp_address) as client:
        assert client.send_message(letter) == {}
    mailbox.wait_files("ann", 1)
    box = poplib.POP3(*mailbox.pop3_address)
    box.user("ann@example.test")
    box.pass_(mailbox.passwords["ann@example.test"])
    count, octets = box.stat()
    assert count == 1
    _, listing, _ = box.list()
    assert listing == [b"1 %d" % octets]
    _, lines, _ = box.retr(1)
    assert sum(len(line) + 2 for line in lines) == octets
    got = email.message_from_bytes(b"\n".join(lines) + b"\n")
    assert got["Subject"] == "plain" and got.get_payload() == BODY
    _, top, _ = box.top(1, 1)
    assert top[-1] == b"Dear Ann," and top[:5] == lines[:5]
    _, uidl, _ = box.uidl()
    assert re.fullmatch(rb"1 [\x21-\x7e]{1,70}", uidl[0])
    assert b"UIDL" in b" ".join(k.encode() for k in box.capa())
    box.dele(1)
    box.rset()
    assert box.stat()[0] == 1
    box.dele(1)
    box.quit()
    assert mailbox.files("ann") == []


def test_smtplib_eight_bit_and_smtputf8(mailbox):
    with smtplib.SMTP(*mailbox.smtp_address) as client:
        client.ehlo()
        assert client.has_extn("smtputf8") and client.has_extn("8bitmime") and client.has_extn("size")
        client.sendmail("grün@client.example", ["ann@example.test"],
                        message("utf8", UTF8_BODY), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    got = wait_for_one(mailbox)
    assert UTF8_BODY.strip().encode() in got
    assert "Return-Path: <grün@client.example>".encode() in got
    assert b"with UTF8SMTP" in got or b"with ESMTP" in got


def test_smtplib_refused_recipient(mailbox):
    with smtplib.SMTP(*mailbox.smtp_address) as client:
        refused = client.sendmail("s@client.example", ["ann@example.test", "nobody@example.test"],
                                  message("one of two"))
    assert list(refused) == ["nobody@example.test"]
    code, text = refused["nobody@example.test"]
    assert code == 550 and text.startswith(b"5.1.1")
    wait_for_one(mailbox)


def test_many_recipients_one_content(make):
    names = [f"user{n}" for n in range(150)]
    one = make(users=names)
    one.send(message("to all"), to=names, sender="list@client.example")
    one.wait_queue_empty()
    for name in names:
        assert len(one.files(name)) == 1, name


def test_null_sender(mailbox):
    mailbox.send(message("a bounce"), sender="")
    assert wait_for_one(mailbox).startswith(b"Return-Path: <>\r\n")


# --- swaks -------------------------------------------------------------------------


@pytest.mark.parametrize("options", [
    (), ("--pipeline",), ("--protocol", "SMTP"), ("--protocol", "ESMTP"),
    ("--ehlo", "[192.0.2.7]"), ("--attach", "@/bin/true"),
], ids=lambda o: " ".join(o) or "plain")
def test_swaks(mailbox, options):
    swaks = tool("swaks", "swaks")
    done = mailbox.run(swaks, "--server", "127.0.0.1", "--port", mailbox.smtp_port,
                       "--from", "sender@client.example", "--to", "ann@example.test",
                       "--body", "body of swaks", *options)
    assert done.returncode == 0, done.out + done.err
    assert b"body of swaks" in wait_for_one(mailbox)


def test_swaks_eight_bit(mailbox):
    swaks = tool("swaks", "swaks")
    done = mailbox.run(swaks, "--server", "127.0.0.1", "--port", mailbox.smtp_port,
                       "--from", "s@client.example", "--to", "ann@example.test,bob@example.test",
                       "--data", "-", input=message("swaks", UTF8_BODY))
    assert done.returncode == 0, done.out + done.err
    assert UTF8_BODY.strip().encode() in wait_for_one(mailbox)
    assert UTF8_BODY.strip().encode() in wait_for_one(mailbox, "bob")


def test_swaks_unknown_recipient(mailbox):
    done = mailbox.run(tool("swaks", "swaks"), "--server", "127.0.0.1", "--port", mailbox.smtp_port,
                       "--from", "s@client.example", "--to", "nobody@example.test")
    assert done.returncode == 24, done.out
    assert "550 5.1.1" in done.out


# --- Postfix's load generator ---------------------------------------------------------


@pytest.mark.parametrize("options", [(), ("-d",), ("-r", "2")],
                         ids=["new connections", "reused", "two recipients"])
def test_smtp_source(make, options):
    source = tool("smtp-source", "postfix")
    # With -r smtp-source puts a number in front of the recipient.
    one = make(users=("ann", "1ann", "2ann", "3ann"))
    done = one.run(source, "-s", "10", "-m", "200", "-l", "4096", "-f", "s@client.example",
                   "-t", "ann@example.test", *options, f"127.0.0.1:{one.smtp_port}")
    assert done.returncode == 0, done.err
    one.wait_queue_empty()
    total = sum(len(one.files(name)) for name in ("ann", "1ann", "2ann", "3ann"))
    assert total == (400 if "-r" in options else 200)


# --- curl -------------------------------------------------------------------------------


def test_curl(mailbox):
    curl = tool("curl", "curl")
    done = mailbox.run(curl, "-sS", f"smtp://127.0.0.1:{mailbox.smtp_port}/client.example",
                       "--mail-from", "s@client.example", "--mail-rcpt", "ann@example.test",
                       "-T", "-", input=message("curl"))
    assert done.returncode == 0, done.err
    mailbox.wait_queue_empty()
    password = mailbox.passwords["ann@example.test"]
    url = f"pop3://127.0.0.1:{mailbox.pop3_port}/"
    listed = mailbox.run(curl, "-sS", url, "-u", f"ann@example.test:{password}")
    assert re.match(r"1 \d+\r\n", listed.out), listed.err
    got = mailbox.run(curl, "-sS", url + "1", "-u", f"ann@example.test:{password}")
    assert wire.same_content(message("curl"), got.stdout) is None
    uidl = mailbox.run(curl, "-sS", url, "-X", "UIDL", "-u", f"ann@example.test:{password}")
    assert uidl.out.startswith("1 ")
    mailbox.run(curl, "-sS", url + "1", "-X", "DELE", "-l", "-u", f"ann@example.test:{password}")
    assert mailbox.files("ann") == []


def test_curl_wrong_password(mailbox):
    done = mailbox.run(tool("curl", "curl"), "-sS", f"pop3://127.0.0.1:{mailbox.pop3_port}/",
                       "-u", "ann@example.test:wrong")
    assert done.returncode == 67, (done.returncode, done.err)


# --- Clients that fetch --------------------------------------------------------------------


def write_private(instance, name, text):
    instance.write(name, text)
    path = instance.directory / name
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return path


def make_maildir(instance, name):
    for part in ("", "cur", "new", "tmp"):
        instance.make_directory(instance.directory / name / part)
    return instance.directory / name


def fetched(maildir):
    return [path.read_bytes() for path in sorted((maildir / "new").iterdir())]


def send_three(instance):
    for n in range(3):
        instance.send(message(f"number {n}", BODY * (n + 1)))
    instance.wait_queue_empty()


def check_three(instance, letters, left):
    assert sorted(re.search(rb"number \d", letter).group() for letter in letters) == \
        [b"number 0", b"number 1", b"number 2"]
    for letter in letters:
        assert BODY.encode() in letter.replace(b"\r\n", b"\n")
    assert len(instance.files("ann")) == left


def test_mpop(mailbox):
    mpop = tool("mpop", "mpop")
    send_three(mailbox)
    box = make_maildir(mailbox, "mpop")
    rc = write_private(mailbox, "mpoprc", f"""
account default
host 127.0.0.1
port {mailbox.pop3_port}
user ann@example.test
password {mailbox.passwords["ann@example.test"]}
auth user
tls off
uidls_file {mailbox.directory}/home/uidls
delivery maildir {box}
received_header off
""")
    kept = mailbox.run(mpop, "-C", rc, "--keep=on")
    assert kept.returncode == 0, kept.err
    check_three(mailbox, fetched(box), left=3)
    again = mailbox.run(mpop, "-C", rc, "--keep=off")
    assert again.returncode == 0, again.err
    check_three(mailbox, fetched(box), left=0)  # by UIDL it knew that it had them


def test_getmail(mailbox):
    getmail = tool("getmail", "getmail6")
    send_three(mailbox)
    box = make_maildir(mailbox, "getmail-box")
    mailbox.make_directory(mailbox.directory / "getmail")
    write_private(mailbox, "getmail/getmailrc", f"""
[retriever]
type = SimplePOP3Retriever
server = 127.0.0.1
port = {mailbox.pop3_port}
username = ann@example.test
password = {mailbox.passwords["ann@example.test"]}
[destination]
type = Maildir
path = {box}/
[options]
delete = true
delivered_to = false
received = false
""")
    done = mailbox.run(getmail, f"--getmaildir={mailbox.directory}/getmail")
    assert done.returncode == 0, done.out + done.err
    check_three(mailbox, fetched(box), left=0)


def test_fetchmail_hands_on_by_smtp(mailbox):
    """POP3 out of one mailbox and by SMTP into another, both ours."""
    fetchmail = tool("fetchmail", "fetchmail")
    send_three(mailbox)
    rc = write_private(mailbox, "fetchmailrc", f"""
poll 127.0.0.1 service {mailbox.pop3_port} protocol POP3 uidl
  user "ann@example.test" password "{mailbox.passwords['ann@example.test']}"
  sslproto ""
  smtphost 127.0.0.1/{mailbox.smtp_port}
  smtpname bob@example.test
""")
    done = mailbox.run(fetchmail, "--fetchmailrc", rc, "--pidfile", mailbox.directory / "fetchmail.pid",
                       "--idfile", mailbox.directory / "home/fetchids", "--nobounce",
                       env={"FETCHMAILHOME": str(mailbox.directory / "home")})
    assert done.returncode == 0, done.out + done.err
    check_three(mailbox, mailbox.wait_for_mail("bob", 3), left=0)


def test_fetchmail_wrong_password(mailbox):
    fetchmail = tool("fetchmail", "fetchmail")
    rc = write_private(mailbox, "fetchmailrc", f"""
poll 127.0.0.1 service {mailbox.pop3_port} protocol POP3
  user "ann@example.test" password "wrong" sslproto "" mda "false"
""")
    done = mailbox.run(fetchmail, "--fetchmailrc", rc, "--pidfile", mailbox.directory / "fetchmail.pid",
                       env={"FETCHMAILHOME": str(mailbox.directory / "home")})
    assert done.returncode == 3, done.out + done.err
