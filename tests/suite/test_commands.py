# SPDX-License-Identifier: ISC
"""The commands: sendmail and mailq as scripts use them, postern as its operator does."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from instance import PROGRAMS, User, wait_for

EX_USAGE, EX_DATAERR, EX_NOUSER, EX_UNAVAILABLE, EX_TEMPFAIL, EX_NOPERM, EX_CONFIG = 64, 65, 67, 69, 75, 77, 78

LETTER = "From: cron <cron@example.test>\nTo: ann@example.test\nSubject: nightly\n\nall is well\n"


def header(letter, name):
    match = re.search(rb"(?im)^" + name.encode() + rb": *(.*(?:\r\n[ \t].*)*)\r\n", letter)
    return match.group(1).decode() if match else None


# --- sendmail -----------------------------------------------------------------------


def test_sendmail_recipients_as_arguments(mailbox):
    done = mailbox.sendmail("-i", "ann@example.test", "bob@example.test", input=LETTER)
    assert (done.returncode, done.out, done.err) == (0, "", "")
    for name in ("ann", "bob"):
        assert b"\r\nall is well\r\n" in mailbox.wait_for_mail(name, 1)[0]


def test_sendmail_recipients_from_the_header(mailbox):
    done = mailbox.sendmail("-t", "-oi", input=(
        "From: a@example.test\nTo: Ann <ann@example.test>\nCc: \"B, C\" <bob@example.test>\n"
        "Bcc: ann@example.test\nSubject: t\n\nbody\n.\nafter a dot\n"))
    assert done.returncode == 0, done.err
    letter = mailbox.wait_for_mail("ann", 1)[0]
    assert header(letter, "Bcc") is None
    assert letter.endswith(b"body\r\n.\r\nafter a dot\r\n")
    mailbox.wait_for_mail("bob", 1)


def test_sendmail_without_i_a_dot_ends_the_message(mailbox):
    done = mailbox.sendmail("ann@example.test", input="Subject: dot\n\nbefore\n.\nafter\n")
    assert done.returncode == 0, done.err
    letter = mailbox.wait_for_mail("ann", 1)[0]
    assert letter.endswith(b"before\r\n")


def test_sendmail_sender_and_name(mailbox):
    done = mailbox.sendmail("-i", "-f", "list-owner@example.test", "-F", "The List",
                            "ann@example.test", input="Subject: names\n\nx\n")
    assert done.returncode == 0, done.err
    letter = mailbox.wait_for_mail("ann", 1)[0]
    assert letter.startswith(b"Return-Path: <list-owner@example.test>\r\n")
    assert "The List" in header(letter, "From") and "list-owner@example.test" in header(letter, "From")


@pytest.mark.parametrize("flags", [
    ("-FCronDaemon", "-i", "-B8BITMIME", "-oem"),  # Debian's cron
    ("-t", "-i"),  # PHP's default
    ("-bm", "-oi", "-oeq", "-O", "DeliveryMode=b"),
    ("-G", "-i", "-v"), ("-U", "-i"), ("-n", "-i"), ("-h", "5", "-i"),
], ids=" ".join)
def test_sendmail_flags_of_scripts(mailbox, flags):
    to = () if "-t" in flags else ("ann@example.test",)
    done = mailbox.sendmail(*flags, *to, input=LETTER)
    assert done.returncode == 0, done.err
    assert b"all is well" in mailbox.wait_for_mail("ann", 1)[0]


def test_sendmail_asks_for_a_notice(mailbox):
    done = mailbox.sendmail("-i", "-f", "bob@example.test", "-N", "success,failure", "-R", "hdrs", "-V", "id7",
                            "ann@example.test", input=LETTER)
    assert done.returncode == 0, done.err
    mailbox.wait_for_mail("ann", 1)
    notice = mailbox.wait_for_mail("bob", 1)[0]
    assert b"\r\nOriginal-Envelope-Id: id7\r\n" in notice and b"\r\nAction: delivered\r\n" in notice


def test_sendmail_adds_what_is_missing(mailbox):
    mailbox.sendmail("-i", "ann@example.test", input="only a body\n")
    letter = mailbox.wait_for_mail("ann", 1)[0]
    assert letter.endswith(b"\r\n\r\nonly a body\r\n")
    for name in ("From", "Date", "Message-ID"):
        assert header(letter, name), name


def test_sendmail_unknown_recipient(mailbox):
    done = mailbox.sendmail("-i", "nobody@example.test", input=LETTER)
    assert done.returncode in (EX_NOUSER, EX_UNAVAILABLE)
    assert "nobody@example.test" in done.err


def test_sendmail_without_recipients(mailbox):
    assert mailbox.sendmail("-i", input=LETTER).returncode == EX_USAGE
    assert mailbox.sendmail("-t", input="Subject: nobody\n\nx\n").returncode != 0


def test_sendmail_bad_flag(mailbox):
    assert mailbox.sendmail("-Z", "ann@example.test", input=LETTER).returncode == EX_USAGE


def test_sendmail_speaks_smtp(mailbox):
    dialog = ("EHLO client.example\nMAIL FROM:<a@example.test>\nRCPT TO:<ann@example.test>\nDATA\n"
              "Subject: bs\n\nby -bs\n.\nQUIT\n").replace("\n", "\r\n")
    done = mailbox.sendmail("-bs", input=dialog)
    assert done.returncode == 0, done.err
    assert re.findall(r"(?m)^(\d{3}) ", done.out) == ["220", "250", "250", "250", "354", "250", "221"]
    assert b"by -bs" in mailbox.wait_for_mail("ann", 1)[0]


def test_sendmail_says_who_submitted(mailbox):
    mailbox.sendmail("-i", "ann@example.test", input=LETTER)
    letter = mailbox.wait_for_mail("ann", 1)[0]
    assert str(mailbox.user.uid) in header(letter, "Received")


def test_sendmail_when_nothing_runs(make):
    idle = make(start=False)
    assert idle.sendmail("-i", "ann@example.test", input=LETTER).returncode == EX_TEMPFAIL


def test_sendmail_refused_message(make):
    one = make(conf={"smtp": {"size-max": "64 KiB", "header-max": "16 KiB"}})
    done = one.sendmail("-i", "ann@example.test", input="Subject: big\n\n" + "line\n" * 20000)
    assert done.returncode == EX_DATAERR and "size" in done.err, done
    done = one.sendmail("-t", input="To: ann@example.test, <broken\nSubject: x\n\nx\n")
    assert done.returncode == EX_DATAERR, done
    assert one.files("ann") == []


def test_sendmail_without_a_configuration(mailbox):
    done = mailbox.run(f"{mailbox.prefix}/sbin/sendmail", "-C", "/nonexistent/postern.conf", "ann@example.test")
    assert done.returncode == EX_CONFIG and "/nonexistent/postern.conf" in done.err, done


def test_sendmail_when_there_is_no_room(make):
    """Nobody gets it, so that the caller may try again."""
    one = make(conf={"queue": {"space-min": "1000 GiB"}})
    done = one.sendmail("-i", "ann@example.test", input=LETTER)
    assert done.returncode == EX_TEMPFAIL, done


def test_git_send_email(mailbox):
    git = shutil.which("git")  # its `send-email -h` ends with another status in each version
    programs = git and pathlib.Path(mailbox.run(git, "--exec-path").out.strip())
    if git is None or not (programs / "git-send-email").exists():
        pytest.skip("git send-email is missing: apt-get install git-email")
    mailbox.write("0001.patch", "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\n"
                  "From: Ann <ann@example.test>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n"
                  "Subject: [PATCH] a change\n\n---\n a | 1 +\n\ndiff --git a/a b/a\n")
    wrapper = mailbox.directory / "git-sendmail"
    mailbox.write("git-sendmail", f'#!/bin/sh\nexec "{mailbox.prefix}/sbin/sendmail" '
                  f'-C "{mailbox.conf}" "$@"\n')
    wrapper.chmod(0o755)
    done = mailbox.run(git, "-c", "user.name=Ann", "-c", "user.email=ann@example.test",
                       "send-email", "--to=bob@example.test", "--from=ann@example.test",
                       "--confirm=never", "--suppress-cc=all", f"--smtp-server={wrapper}",
                       mailbox.directory / "0001.patch")
    assert done.returncode == 0, done.out + done.err
    assert header(mailbox.wait_for_mail("bob", 1)[0], "Subject") == "[PATCH] a change"


# --- The queue -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def holding():
    """An instance that keeps local mail in its queue, with two messages in it."""
    from instance import Instance
    one = Instance(conf={"queue": {"hold-local": True}})
    try:
        one.start()
        one.send(b"Subject: first\r\n\r\nx\r\n", sender="one@client.example")
        one.send(b"Subject: second\r\n\r\n" + b"y" * 5000 + b"\r\n", to=("ann", "bob"))
        yield one
    finally:
        one.close()


def test_queue_list(holding):
    rows = holding.queue()
    assert [row["sender"] for row in rows] == ["one@client.example", "sender@client.example"]
    assert [row["recipient_count"] for row in rows] == [1, 2]
    text = holding.postern("queue", "list", check=True).out
    for row in rows:
        assert row["id"] in text
    assert "one@client.example" in text and "bob@example.test" in text


def test_mailq_and_sendmail_bp(holding):
    direct = holding.run(holding.prefix / "sbin" / "mailq", "-C", holding.conf)
    assert direct.returncode == 0, direct.err
    assert "one@client.example" in direct.out
    assert holding.sendmail("-bp").out == direct.out


def test_queue_show(holding):
    row = holding.queue()[0]
    shown = holding.postern("queue", "show", row["id"], check=True).out
    assert "one@client.example" in shown and "ann@example.test" in shown and "Subject: first" in shown
    assert holding.postern("queue", "show", "BCDFGHJKLMN").returncode != 0
    assert holding.postern("queue", "show", "../../etc/passwd").returncode == EX_USAGE


def test_queue_stats(holding):
    stats = json.loads(holding.postern("queue", "stats", "--json", check=True).out)
    assert stats["messages"] == 2 and stats["recipients"] == 3


def ids(one, *filters):
    return [row["id"] for row in json.loads(one.postern("queue", "list", *filters, "--json", check=True).out)]


def test_queue_list_filters(holding):
    first, second = ids(holding)
    assert ids(holding, "--sender", "ONE@client.example") == [first]
    assert ids(holding, "--sender", "@client.example") == [first, second]
    assert ids(holding, "--recipient", "bob@example.test") == [second]
    assert ids(holding, "--domain", "example.test", "--state", "active") == [first, second]
    assert ids(holding, "--state", "deferred") == []
    assert ids(holding, "--older", "1h") == []
    for wrong in (["--older", "soon"], ["--state", "lost"], ["--sender", ""], ["--yes"], [first]):
        assert holding.postern("queue", "list", *wrong).returncode == EX_USAGE, wrong


def test_queue_stats_by_destination(holding):
    stats = json.loads(holding.postern("queue", "stats", "--json", check=True).out)
    row, = stats["destinations"]
    assert (row["destination"], row["transport"]) == ("example.test", "local")
    assert row["recipients"] == 3 and sum(stats["ages"].values()) == 3
    assert "example.test" in holding.postern("queue", "stats", "--top", "3", check=True).out
    assert holding.postern("queue", "stats", "--top", "0").returncode == EX_USAGE


def test_queue_watch_without_a_terminal(holding):
    argv = [holding.prefix / "sbin" / "postern", "-c", holding.conf, "queue", "watch"]
    with subprocess.Popen(list(map(str, argv)), stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    assert all("messages=2 recipients=3" in line for line in lines)


def test_hold_release_delete(make):
    one = make(conf={"queue": {"hold-local": True}})
    for n in range(3):
        one.send(b"Subject: x\r\n\r\nx\r\n", sender=f"s{n}@client.example")
    first, second, third = ids(one)
    assert "held 1 message\n" == one.postern("queue", "hold", first, check=True).out
    assert ids(one, "--state", "held") == [first]
    assert "held 3 messages\n" == one.postern("queue", "hold", "--all", check=True).out
    out = one.postern("queue", "release", "--sender", "s1@client.example", "--json", check=True).out
    assert json.loads(out) == {"released": 1}
    assert ids(one, "--state", "held") == [first, third]
    refused = one.postern("queue", "delete", second)
    assert refused.returncode != 0 and "--yes" in refused.err and len(ids(one)) == 3
    assert "deleted 1 message\n" == one.postern("queue", "delete", "--yes", second, check=True).out
    assert ids(one) == [first, third]
    assert one.postern("queue", "delete", "--yes", second).returncode == EX_UNAVAILABLE
    for wrong in ([], [first, "--all"], ["nonsense"]):
        assert one.postern("queue", "delete", "--yes", *wrong).returncode == EX_USAGE, wrong
    one.stop()
    one.start()
    assert ids(one, "--state", "held") == [first, third]


def test_empty_mailq_when_nothing_runs(make):
    idle = make(start=False)
    done = idle.run(idle.prefix / "sbin" / "mailq", "-C", idle.conf)
    assert done.returncode == EX_UNAVAILABLE and "postern start" in done.err


# --- The suite's life --------------------------------------------------------------------


def test_status(instance):
    rows = instance.programs()
    assert {row["name"] for row in rows} >= set(PROGRAMS)
    assert sum(row["name"] == "smtpd" for row in rows) == 2
    for row in rows:
        assert row["ready"] and row["pid"] > 0
        os.kill(row["pid"], 0)
    text = instance.postern("status", check=True).out
    for name in PROGRAMS:
        assert name in text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
@pytest.mark.parametrize("order", ["status", "stop", "reload", "queue flush", "auth status", "usage status"])
def test_orders_of_another_user(holding, order):
    """They are told so, and not that nothing runs."""
    done = holding.postern(*order.split(), user=User("daemon"))
    assert done.returncode == EX_NOPERM, (done.returncode, done.err)
    assert "only root and the user" in done.err or "is not for you: run this as root" in done.err
    assert holding.postern("status").returncode == 0


def test_a_second_start_is_refused(instance):
    done = instance.postern("start", "--detach")
    assert done.returncode != 0 and "run" in done.err
    assert instance.is_ready()


def test_killed_program_comes_back(make):
    one = make()
    for name in PROGRAMS:
        pid = one.pids(name)[0]
        os.kill(pid, 9)
        wait_for(f"{name} again", 15,
                 lambda: one.is_ready() and pid not in one.pids(name), 0.1)
    one.send(b"Subject: after\r\n\r\nx\r\n")
    one.wait_for_mail("ann", 1)
    assert all(row["restarts"] > 0 for row in one.programs() if row["instance"] == 0)


def test_an_ordinary_stop_warns_of_nothing(make):
    one = make()
    one.send(b"Subject: x\r\n\r\nx\r\n")
    one.wait_for_mail("ann", 1)
    before = len(one.log())
    one.stop()
    said = one.log()[before:]
    assert "stopped" in said and "warning" not in said


def test_stop_and_start_keep_mail(make):
    one = make(conf={"queue": {"hold-local": True}})
    one.send(b"Subject: kept\r\n\r\nx\r\n")
    one.stop()
    assert one.status() is None
    one.configure(queue=None)
    one.start()
    assert b"Subject: kept" in one.wait_for_mail("ann", 1)[0]


def test_reload_keeps_sessions_and_takes_the_new(make):
    one = make()
    with one.smtp() as open_session:
        open_session.ehlo()
        one.configure(hostname="new.example.test")
        one.postern("reload", check=True)
        wait_for("the new name in the greeting", 10, lambda: new_name_greets(one))
        open_session.envelope("s@client.example", ["ann@example.test"])
        assert open_session.data(b"Subject: on\r\n\r\nx\r\n").code == 250
    one.wait_for_mail("ann", 1)


def new_name_greets(one):
    with one.smtp() as fresh:
        return "new.example.test" in fresh.greeting.lines[0]


def test_reload_of_a_broken_configuration_changes_nothing(make):
    one = make()
    pids = {row["pid"] for row in one.programs()}
    one.configure(hostnam="typo.example.test")
    done = one.postern("reload")
    assert done.returncode == EX_CONFIG and "hostnam" in done.err
    one.configure(hostnam=None)
    assert {row["pid"] for row in one.programs()} == pids
    one.send(b"Subject: on\r\n\r\nx\r\n")


def test_start_in_the_foreground_ends_on_sigterm(make):
    import subprocess
    one = make(start=False)
    argv = [*one.user.prefix(), one.prefix / "sbin" / "postern", "-c", one.conf,
            "--libexec", one.prefix / "libexec" / "postern", "start"]
    child = subprocess.Popen(argv, env=one.environment(), cwd=one.directory,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        one.wait_ready()
        child.terminate()
        assert child.wait(20) == 0
        assert not one.leftovers(5)
    finally:
        child.kill()
        child.wait()


# --- Users and domains --------------------------------------------------------------------


def can_log_in(one, address, password):
    import wire
    with wire.Pop3(one.pop3_address) as pop:
        pop.ok(f"USER {address}")
        return pop.cmd(f"PASS {password}").startswith(b"+OK")


def test_users_and_domains_without_a_restart(make):
    one = make()
    pids = {row["pid"] for row in one.programs()}
    one.postern("domain", "add", "second.test", check=True)
    one.postern("user", "add", "eve@second.test", input="first word\n", check=True)
    assert "second.test" in one.postern("domain", "list", check=True).out
    assert "eve@second.test" in one.postern("user", "list", check=True).out
    wait_for("the new user", 10, lambda: can_log_in(one, "eve@second.test", "first word"), 0.2)
    one.send(b"Subject: hi\r\n\r\nx\r\n", to=("eve@second.test",))
    one.postern("user", "passwd", "eve@second.test", input="other word\n", check=True)
    wait_for("the new password", 10, lambda: can_log_in(one, "eve@second.test", "other word"), 0.2)
    assert not can_log_in(one, "eve@second.test", "first word")
    one.postern("user", "remove", "eve@second.test", check=True)
    wait_for("the user to go", 10, lambda: not can_log_in(one, "eve@second.test", "other word"), 0.2)
    one.postern("domain", "remove", "second.test", check=True)
    assert {row["pid"] for row in one.programs()} == pids


def test_user_add_refuses_nonsense(make):
    one = make(start=False)
    for address in ("no-at-sign", "a@b@c", "x@unknown.test", "two words@example.test", "@example.test"):
        done = one.postern("user", "add", address, input="pw\n")
        assert done.returncode != 0 and done.err, address
    assert one.postern("user", "add", "ann@example.test", input="pw\n").returncode != 0


def test_passwords_are_kept_as_yescrypt(make):
    one = make(start=False)
    one.postern("user", "add", "carl@example.test", input="a password\n", check=True)
    line = [l for l in (one.directory / "tables/users").read_text().splitlines() if "carl" in l]
    assert len(line) == 1 and "$y$" in line[0] and "a password" not in line[0]
    mode = (one.directory / "tables/users").stat().st_mode & 0o777
    assert mode & 0o007 == 0, oct(mode)
    assert "$y$" not in one.postern("user", "list", check=True).out


def test_usage_errors(make):
    one = make(start=False)
    for argv in ([], ["nonsense"], ["queue"], ["queue", "nonsense"], ["user"], ["user", "add"],
                 ["start", "--nonsense"], ["table"]):
        done = one.postern(*argv)
        assert done.returncode == EX_USAGE, argv
        assert done.err, argv
