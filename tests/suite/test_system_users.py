# SPDX-License-Identifier: ISC
"""Mail for users of the machine: as themselves, into their own Maildirs, and nothing else whatever
they, or a program that was taken over, put in the way."""
import itertools
import json
import os
import pathlib
import re
import smtplib
import stat
import statistics
import struct
import subprocess
import threading
import time

import pytest

import wire
from conftest import tool
from edge import Program
from instance import Instance, wait_for
from machine import PAM, Machine

DOMAIN = "host.test"
FAILURE = 1  # seconds that the answer to the first wrong password takes
SLACK = 0.5  # and how much later it may be on a busy machine
OPEN, OPENED, REFUSED, ENDED, CLOSE = 1, 2, 3, 4, 5
NOT_ALLOWED, NONE, BUSY = 2, 3, 4
OWNER_CAPS = 1 << 5 | 1 << 6 | 1 << 7 | 1 << 18  # KILL, SETGID, SETUID, SYS_CHROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def machine():
    one = Machine()
    try:
        for n, name in enumerate(("carl", "dora", "eve", "fay", "gus")):
            one.add(name, 4001 + n)
        one.add("low", 500)
        one.add("old", 4010, expired=True)
        one.write()
        yield one
    finally:
        one.close()


@pytest.fixture(scope="module")
def server(machine):
    one = Instance(user=machine.user, tables={"aliases": f"root: carl@{DOMAIN}\n"},
                   conf={"system-users": {"domains": DOMAIN, "authentication": "pam"},
                         # A failure costs a second, and is forgotten then.
                         "auth": {"failures": 1000, "login-failures": 1000, "forget-time": "1 s"},
                         "queue": {"retry-first": "1 s", "retry-max": "1 s"}})
    one.configure(listen_smtp={"address": f"127.0.0.1:{one.smtp_port}", "auth": "offered"})
    try:
        yield one.start()
    finally:
        one.close()


@pytest.fixture(autouse=True)
def empty(request):
    """Each test begins with whole homes without mail."""
    if "server" not in request.fixturenames:
        return
    machine, server = request.getfixturevalue("machine"), request.getfixturevalue("server")
    server.wait_queue_empty()
    for name in ("carl", "dora", "eve", "fay", "gus"):
        subprocess.run(["rm", "-rf", machine.maildir(name)], check=True)


def at(name):
    return f"{name}@{DOMAIN}"


def content(subject):
    return f"Subject: {subject}\r\n\r\nhello\r\n".encode()


def wait_mail(machine, name, count=1, seconds=20):
    wait_for(f"{count} messages for {name}", seconds, lambda: len(machine.files(name)) >= count)
    return machine.files(name)


def deferred(server, name, words):
    wait_for(f"{words} in the log", 10, lambda: re.search(
        rf"to=<{name}@{DOMAIN}>.*status=deferred \([^)]*{words}", server.log()))


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def children(pid):
    return list(map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


# --- As it should be --------------------------------------------------------------------


def test_mail_is_the_users_own(machine, server):
    swaks = tool("swaks", "swaks")
    done = server.run(swaks, "--server", f"127.0.0.1:{server.smtp_port}", "--to", at("carl"),
                      "--from", "sender@client.example", "--header", "Subject: by swaks")
    assert done.returncode == 0, done.out
    [path] = wait_mail(machine, "carl")
    info = path.stat()
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (4001, 4001, 0o600)
    for part in (".", "new", "cur", "tmp"):
        info = (machine.maildir("carl") / part).stat()
        assert (info.st_uid, stat.S_IMODE(info.st_mode)) == (4001, 0o700), part
    text = path.read_text()
    assert "Subject: by swaks" in text and f"Delivered-To: {at('carl')}\n" in text
    assert not list((machine.maildir("carl") / "tmp").iterdir())


def test_mail_is_read_with_the_password_of_pam(machine, server):
    mpop = tool("mpop", "mpop")
    server.send(content("to be fetched"), to=(at("carl"),))
    wait_mail(machine, "carl")
    out = server.directory / "fetched"
    done = server.run(mpop, "--host=127.0.0.1", f"--port={server.pop3_port}", "--tls=off",
                      "--auth=user", f"--user={at('carl')}", "--passwordeval=echo secret-carl",
                      f"--delivery=mbox,{out}", f"--uidls-file={server.directory}/uidls", "--keep=off")
    assert done.returncode == 0, done.err
    assert "Subject: to be fetched" in out.read_text()
    assert machine.files("carl") == []


def test_one_message_for_users_of_both_kinds(machine, server):
    server.send(content("for all"), to=("ann", at("carl"), at("dora"), "bob", at("carl+lists")))
    for name in ("carl", "dora"):
        assert "Subject: for all" in wait_mail(machine, name)[0].read_text()
    for name in ("ann", "bob"):
        assert b"Subject: for all" in server.wait_for_mail(name, 1)[0]
    server.wait_queue_empty()
    assert len(machine.files("carl")) == 1


def test_a_large_message(machine, server):
    body = b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 60000
    server.send(body, to=(at("carl"), at("dora")))
    for name in ("carl", "dora"):
        got = wait_mail(machine, name)[0].read_bytes().replace(b"\n", b"\r\n")
        assert wire.same_content(body, got) is None
    server.wait_queue_empty()


def test_an_alias_says_where_roots_mail_goes(machine, server):
    server.send(content("for root"), to=(at("root"),))
    assert f"X-Original-To: {at('root')}" in wait_mail(machine, "carl")[0].read_text()


def test_killed_processes_lose_and_double_nothing(machine, server):
    def kill_all(stop):
        while not stop.is_set():
            for name in ("deliver-owner", "users", "deliver-local"):
                for pid in server.pids(name):
                    for victim in [*children(pid), pid] if name == "deliver-owner" else [pid]:
                        try:
                            os.kill(victim, 9)
                        except ProcessLookupError:
                            pass
                stop.wait(0.3)

    stop = threading.Event()
    killer = threading.Thread(target=kill_all, args=(stop,))
    killer.start()
    sent = 0
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            try:
                server.send(content(f"number {sent}"), to=(at("carl"), at("dora")))
            except AssertionError:  # 451 while nobody can say who there is
                continue
            sent += 1
    finally:
        stop.set()
        killer.join()
    server.wait_queue_empty()
    for name in ("carl", "dora"):
        subjects = sorted(re.search(r"Subject: (.*)", p.read_text()).group(1)
                          for p in machine.files(name))
        assert subjects == sorted(f"number {n}" for n in range(sent)), name


# --- Who there is -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nobody-such", "low", "nobody", "postern-mail", '"../carl"',
                                  '"carl/../dora"', ".carl", "-carl", "x" * 64])
def test_who_gets_no_mail(server, name):
    with server.smtp() as smtp:
        smtp.ehlo()
        assert smtp.cmd("MAIL FROM:<sender@client.example>").code == 250
        reply = smtp.cmd(f"RCPT TO:<{name}@{DOMAIN}>")
        assert reply.code in (550, 501, 553) and (reply.code != 550 or "5.1.1" in reply.lines[0]), reply


def test_new_users_get_mail_at_once(machine, server):
    def try_it():
        with server.smtp() as smtp:
            smtp.ehlo()
            smtp.cmd("MAIL FROM:<sender@client.example>")
            return smtp.cmd(f"RCPT TO:<{at('hans')}>").code

    assert try_it() == 550
    machine.add("hans", 4020)
    machine.write()
    wait_for("hans is known", 10, lambda: try_it() == 250)
    server.send(content("welcome"), to=(at("hans"),))
    wait_mail(machine, "hans")
    machine.remove("hans")
    machine.write()
    wait_for("hans is gone", 10, lambda: try_it() == 550)


def test_check_speaks_of_root(server):
    assert f"root@{DOMAIN}" not in server.postern("check").err
    server.set_tables(aliases="")
    done = server.postern("check")
    server.set_tables(aliases=f"root: carl@{DOMAIN}\n")
    assert done.returncode == 0 and f"root@{DOMAIN}" in done.err and "uid-min" in done.err


def test_check_knows_who_exists(server):
    server.write("tables/aliases", f"staff: carl@{DOMAIN}, nobody-such@{DOMAIN}\n")
    done = server.postern("check")
    server.set_tables(aliases=f"root: carl@{DOMAIN}\n")
    missing = [line for line in done.err.splitlines() if "does not exist" in line]
    assert done.returncode != 0 and len(missing) == 1 and "nobody-such" in missing[0], done.err


# --- What users put in the way ----------------------------------------------------------


def spoil_nothing(machine, server, name, words, spoil, mend):
    """Mail for one user waits with a reason; for others it does not; mended, it comes."""
    spoil()
    try:
        server.send(content("trouble"), to=(at(name), at("dora")))
        wait_mail(machine, "dora")
        deferred(server, name, words)
    finally:
        mend()
    wait_mail(machine, name)
    server.wait_queue_empty()


def test_a_home_that_others_may_write_to(machine, server):
    home = machine.home("eve")
    spoil_nothing(machine, server, "eve", "others may write", lambda: home.chmod(0o777),
                  lambda: home.chmod(0o755))


def test_a_home_of_somebody_else(machine, server):
    home = machine.home("eve")
    spoil_nothing(machine, server, "eve", "belongs to somebody else",
                  lambda: os.chown(home, 4001, 4001), lambda: os.chown(home, 4003, 4003))


def test_no_home(machine, server):
    home, away = machine.home("eve"), machine.homes / "away"
    spoil_nothing(machine, server, "eve", "home directory cannot be opened",
                  lambda: home.rename(away), lambda: away.rename(home))


def test_a_maildir_that_is_a_link_to_anothers(machine, server):
    server.send(content("mine"), to=(at("gus"),))
    wait_mail(machine, "gus")
    link = machine.maildir("eve")
    spoil_nothing(machine, server, "eve", "symbolic link",
                  lambda: link.symlink_to(machine.maildir("gus")), link.unlink)
    assert len(machine.files("gus")) == 1


def test_a_maildir_of_somebody_else(machine, server):
    box = machine.maildir("eve")

    def spoil():
        box.mkdir()
        box.chmod(0o777)
        os.chown(box, 4005, 4005)

    spoil_nothing(machine, server, "eve", "Maildir belongs to somebody else", spoil, box.rmdir)


def test_new_is_a_link_to_anothers(machine, server):
    server.send(content("mine"), to=(at("gus"), at("eve")))
    wait_mail(machine, "gus")
    wait_mail(machine, "eve")
    new, away = machine.maildir("eve") / "new", machine.maildir("eve") / "away"

    def spoil():
        new.rename(away)
        new.symlink_to(machine.maildir("gus") / "new")

    def mend():
        new.unlink()
        away.rename(new)

    server.send(content("mine again"), to=(at("eve"),))
    wait_mail(machine, "eve", 2)
    spoil_nothing(machine, server, "eve", "symbolic link", spoil, mend)
    assert len(machine.files("gus")) == 1


def test_new_changes_while_mail_comes(machine, server):
    """Every message ends in one of eve's own directories, or waits; none in the other's."""
    server.send(content("first"), to=(at("gus"), at("eve")))
    wait_mail(machine, "gus")
    wait_mail(machine, "eve")
    box = machine.maildir("eve")
    stop = threading.Event()

    made = itertools.count()

    def put(do):
        """Where `new` is missing for a moment, it may have been made."""
        while True:
            try:
                return do()
            except OSError:
                os.rename(box / "new", box / f"made-{next(made)}")

    def flip():
        while not stop.is_set():
            os.rename(box / "new", box / "real")
            put(lambda: os.symlink(machine.maildir("gus") / "new", box / "new"))
            time.sleep(0.0005)
            os.unlink(box / "new")
            put(lambda: os.rename(box / "real", box / "new"))
            time.sleep(0.0005)

    flipper = threading.Thread(target=flip)
    flipper.start()
    try:
        for n in range(100):
            server.send(content(f"number {n}"), to=(at("eve"),))
    finally:
        stop.set()
        flipper.join()
    server.wait_queue_empty()
    assert len(machine.files("gus")) == 1
    mine = [p for p in box.rglob("*.Q*") if p.parent.name != "tmp"]
    assert len(mine) == len({p.name for p in mine}) == 101


def test_hard_links_give_nothing_away(machine, server):
    server.send(content("gus's secret"), to=(at("gus"), at("eve")))
    [theirs] = wait_mail(machine, "gus")
    wait_mail(machine, "eve")
    before = theirs.read_bytes()
    for part, name in (("new", theirs.name + "x"), ("cur", "1.link.x:2,S"), ("tmp", theirs.name)):
        os.link(theirs, machine.maildir("eve") / part / name)
    server.send(content("more"), to=(at("eve"),))
    wait_for("mail beside the links", 10, lambda: len(machine.files("eve")) == 4)
    with wire.Pop3(server.pop3_address) as pop:
        pop.login(at("eve"), "secret-eve")
        for number in range(1, pop.stat()[0] + 1):
            reply = pop.cmd(f"RETR {number}")
            if reply.startswith(b"+OK"):
                assert b"gus@" not in pop.listing()
        pop.quit()
    assert theirs.read_bytes() == before and theirs.stat().st_uid == 4005


def test_a_full_disk_of_one_user(machine, server):
    home = machine.home("fay")
    machine.run("mount", "-t", "tmpfs", "-o", "size=64k,uid=4004,mode=0755", "tmpfs", home)
    try:
        body = b"Subject: too large\r\n\r\n" + b"0123456789abcdef\r\n" * 10000
        server.send(body, to=(at("fay"), at("dora")))
        wait_mail(machine, "dora")
        deferred(server, "fay", "no space")
        for n in range(20):
            server.send(content(f"small {n}"), to=(at("dora"),))
        wait_mail(machine, "dora", 21)
        left = machine.run("find", home, "-type", "f").stdout
        assert left == b""
        machine.run("mount", "-o", "remount,size=8m", home)
        server.wait_queue_empty()
        assert machine.run("find", home, "-type", "f").stdout.count(b"\n") == 1
    finally:
        wait_for("the file system is free", 20, lambda: subprocess.run(
            [*machine.user.prefix(), "umount", home], capture_output=True).returncode == 0)


# --- Passwords --------------------------------------------------------------------------


def login(server, user, password):
    with wire.Pop3(server.pop3_address) as pop:
        pop.cmd(f"USER {user}")
        return pop.cmd(f"PASS {password}")


@pytest.mark.parametrize("user,password", [
    ("carl", "wrong"), ("nobody-such", "x"), ("low", "secret-low"), ("old", "secret-old"),
    ("carl", "secret-dora"), ("root", "x"), ('"../carl"', "secret-carl"),
    ("postern-mail", "secret-postern-mail")])
def test_who_cannot_log_in(server, user, password):
    assert login(server, at(user), password).startswith(b"-ERR [AUTH]")


def test_why_is_in_the_log(server):
    login(server, at("old"), "secret-old")
    server.wait_log("the account or its password has expired")
    login(server, at("carl"), "wrong")
    server.wait_log(f"client=[127.0.0.1], protocol=pop3, mechanism=PLAIN, login=<{at('carl')}> "
                    "(login failed: wrong password)")


def test_unknown_users_take_as_long(server):
    def measure(user):
        times = []
        for _ in range(3):
            time.sleep(0.3)  # so that the failure before is forgotten
            begin = time.monotonic()
            assert login(server, at(user), "wrong").startswith(b"-ERR [AUTH]")
            times.append(time.monotonic() - begin - FAILURE)
        return statistics.median(times)

    # The answer comes so long after the question; a hash takes less.
    took = [measure(user) for user in ("carl", "low", "nobody-such")]
    assert -0.01 < min(took) and max(took) < SLACK, took


def test_submission_by_the_password_of_pam(machine, server):
    with smtplib.SMTP(*server.smtp_address, timeout=30) as client:
        client.ehlo("client.example")
        assert client.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
        with pytest.raises(smtplib.SMTPAuthenticationError, match="535"):
            client.login(at("carl"), "secret-dora")
        assert client.login(at("carl"), "secret-carl")[0] == 235
        for sender, code in ((at("dora"), 553), (at("carl+lists"), 250)):
            assert client.mail(sender)[0] == code, sender
        client.rset()
        client.sendmail(at("carl"), [at("dora")], content("by AUTH"))
    with smtplib.SMTP(*server.smtp_address, timeout=30) as client:
        client.ehlo("client.example")
        assert client.login("carl", "secret-carl")[0] == 235  # the machine's own users have no other domain
        assert client.mail(at("carl"))[0] == 250
    assert login(server, "carl", "secret-carl").startswith(b"+OK")
    assert "Subject: by AUTH" in wait_mail(machine, "dora")[0].read_text()
    server.wait_log(f"protocol=smtp, mechanism=PLAIN, login=<{at('carl')}> (login: by PAM)")


def test_pop3_offers_no_scram(server):
    with wire.Pop3(server.pop3_address) as pop:
        pop.ok("CAPA")
        assert re.search(rb"SASL ([^\r]*)\r", pop.listing()).group(1).split() == [b"PLAIN", b"LOGIN"]


def test_guessing_is_refused(machine):
    one = Instance(user=machine.user, conf={"system-users": {"domains": DOMAIN, "authentication": "pam"},
                                            "auth": {"failures": 3}})
    try:
        one.start()
        for n in range(3):
            assert login(one, at("carl"), f"guess-{n}").startswith(b"-ERR [AUTH]")
        assert not login(one, at("carl"), "secret-carl").startswith(b"+OK")
        one.wait_log("login refused: too many failures")
    finally:
        one.close()


def test_pam_out_of_order_is_temporary(machine, server):
    machine.set_pam("auth required no-such-module.so\n")
    try:
        assert login(server, at("carl"), "secret-carl").startswith(b"-ERR [SYS/TEMP]")
    finally:
        machine.set_pam(PAM)
    assert login(server, at("carl"), "secret-carl").startswith(b"+OK")


def test_a_pam_module_that_hangs_stops_nobody(machine, server):
    machine.set_pam("auth [default=ignore] pam_exec.so quiet /bin/sleep 20\n" + PAM)
    hanging = [wire.Pop3(server.pop3_address) for _ in range(4)]
    try:
        for pop in hanging:
            pop.cmd(f"USER {at('carl')}")
            pop.send(b"PASS secret-carl\r\n")
        time.sleep(0.5)
        machine.set_pam(PAM)
        begin = time.monotonic()
        assert login(server, at("dora"), "secret-dora").startswith(b"+OK")
        server.pop3("ann").quit()
        assert time.monotonic() - begin < 5
    finally:
        machine.set_pam(PAM)
        for pop in hanging:
            pop.close()


def test_a_broken_home_is_told_at_login(machine, server):
    machine.home("eve").chmod(0o777)
    try:
        reply = login(server, at("eve"), "secret-eve")
        assert reply.startswith(b"-ERR [SYS/TEMP]") and b"others may write" in reply
    finally:
        machine.home("eve").chmod(0o755)
    assert login(server, at("eve"), "secret-eve").startswith(b"+OK")


def test_a_mailbox_is_open_once(server):
    with wire.Pop3(server.pop3_address) as first:
        first.login(at("carl"), "secret-carl")
        assert login(server, at("carl"), "secret-carl").startswith(b"-ERR [IN-USE]")
        first.quit()
    assert login(server, at("carl"), "secret-carl").startswith(b"+OK")


# --- The root parents -------------------------------------------------------------------


def test_what_is_root_and_what_it_may(server):
    root = {row["name"] for row in server.programs() if status(row["pid"])["Uid"].split()[0] == "0"}
    assert root == {"deliver-owner", "pop3d-owner", "pam-check"}
    for name in ("deliver-owner", "pop3d-owner"):
        fields = status(server.pids(name)[0])
        assert int(fields["CapPrm"], 16) == int(fields["CapBnd"], 16) == OWNER_CAPS, name
        assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
    fields = status(server.pids("users")[0])
    assert int(fields["CapPrm"], 16) == 0 and fields["Seccomp"] == "2"
    fields = status(server.pids("pam-check")[0])
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"


def test_a_users_process_is_that_user_and_confined(machine, server):
    server.send(content("to make a process"), to=(at("carl"),))
    wait_mail(machine, "carl")
    with wire.Pop3(server.pop3_address) as pop:
        pop.login(at("carl"), "secret-carl")
        for name in ("deliver-owner", "pop3d-owner"):
            # Another's, of a test before, may still wait for more.
            [pid] = [child for child in children(server.pids(name)[0]) if "4001" in status(child)["Uid"].split()]
            fields = status(pid)
            assert set(fields["Uid"].split()) == set(fields["Gid"].split()) == {"4001"}
            assert fields["Groups"].split() == ["4001"]
            assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
            for which in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
                assert int(fields[which], 16) == 0
            assert os.path.samestat(os.stat(f"/proc/{pid}/root"), machine.home("carl").stat())
            for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
                target = os.readlink(fd)
                assert re.match(r"socket:|pipe:|anon_inode:|/dev/null", target) or \
                    target.startswith(("/Maildir", str(machine.home("carl")), str(server.log_path))), target
        pop.quit()


@pytest.fixture
def alone(server, tmp_path, request):
    """One root parent of the test's own, and its log."""
    name, wired = request.param
    log = tmp_path / "log"
    program = Program(server, name, wired, "owner", log)
    yield program, log
    program.close()


def test_the_audit_finds_them_as_declared(machine, server):
    server.send(content("to make a process"), to=(at("carl"), "ann"))
    wait_mail(machine, "carl")
    with wire.Pop3(server.pop3_address) as pop:
        pop.login(at("carl"), "secret-carl")
        done = server.postern("audit", "--json")
        pop.quit()
    report = json.loads(done.out)
    assert done.returncode == 0, done.out + done.err
    assert report["complete"] and report["excess"] == 0
    facts = {p["name"]: p["facts"] for p in report["processes"]}
    for name in ("deliver-owner", "pop3d-owner"):
        assert facts[name]["user"] == "root (0)" and facts[name]["capabilities"] == f"{OWNER_CAPS:x}"
        child = facts[f"child of {name}"]
        assert child["user"] == "carl (4001)" and child["capabilities"] == "none"
        assert child["root"] == str(machine.home("carl"))
    assert facts["pam-check"]["seccomp"] == "1 filter(s)" and facts["users"]["user"].startswith("postern-users (")


OWNERS = pytest.mark.parametrize("alone", [("deliver-owner", "local_owner"),
                                           ("pop3d-owner", "session_owner")], indirect=True)


@OWNERS
def test_a_program_that_was_taken_over_cannot_become_root(alone):
    program, log = alone
    for uid, verdict in ((0, NOT_ALLOWED), (500, NOT_ALLOWED), (913, NOT_ALLOWED),
                         (65534, NOT_ALLOWED), (2 ** 32 - 1, NOT_ALLOWED), (4999, NONE)):
        program.peer.send(OPEN, struct.pack(">II", 7, uid))
        number, body, fds = program.peer.receive()
        assert (number, body, fds) == (REFUSED, struct.pack(">IB", 7, verdict), []), uid
    [pid] = [program.process.pid]
    assert children(pid) == []
    for uid in (0, 500, 913, 65534):
        wait_for(f"{uid} in the log", 10, lambda: f"uid={uid} (refused" in log.read_text())


@OWNERS
@pytest.mark.parametrize("body", [b"", b"\0\0\0\1", struct.pack(">II", 1, 4001) + b"/etc",
                                  struct.pack(">I", 1) + b"\0\0\0\4root"])
def test_nothing_but_a_number_is_taken(alone, body):
    program, log = alone
    program.peer.send(OPEN, body)
    assert program.peer.receive()[0] is None
    assert children(program.process.pid) == []


@OWNERS
def test_no_descriptor_is_taken(alone):
    program, log = alone
    with open("/dev/null") as null:
        program.peer.send(OPEN, struct.pack(">II", 1, 4001), [null.fileno()])
    assert program.peer.receive()[0] is None
    assert children(program.process.pid) == []


@OWNERS
def test_processes_of_one_user_are_few(alone):
    program, log = alone
    verdicts, open_ends = [], []
    for cookie in range(12):
        program.peer.send(OPEN, struct.pack(">II", cookie, 4002))
        number, body, fds = program.peer.receive()
        verdicts.append(number)
        open_ends += fds
    assert REFUSED in verdicts and verdicts[0] == OPENED
    for fd in open_ends:
        os.close(fd)
    for _ in open_ends:
        number, body, _ = program.peer.receive()
        assert number == ENDED and body[4] == 0


@OWNERS
def test_a_process_that_its_user_stopped_can_be_ended(alone):
    program, log = alone
    program.peer.send(OPEN, struct.pack(">II", 1, 4002))
    number, _, [fd] = program.peer.receive()
    assert number == OPENED
    [pid] = children(program.process.pid)
    wait_for("the process is the user", 10, lambda: status(pid)["Uid"].split()[0] == "4002")
    os.kill(pid, 19)
    program.peer.send(CLOSE, struct.pack(">I", 2))  # another's cookie
    program.peer.send(CLOSE, struct.pack(">I", 1))
    number, body, _ = program.peer.receive()
    assert (number, body) == (ENDED, struct.pack(">IB", 1, 0)) and children(program.process.pid) == []
    os.close(fd)


@OWNERS
def test_a_user_cannot_look_into_the_process(alone):
    """Not even the same user: what mail, and which descriptors, it holds is deliver-local's."""
    program, log = alone
    program.peer.send(OPEN, struct.pack(">II", 1, 4002))
    number, _, [fd] = program.peer.receive()
    [pid] = children(program.process.pid)
    wait_for("the process is the user", 10, lambda: status(pid)["Uid"].split()[0] == "4002")
    for path in (f"/proc/{pid}/mem", f"/proc/{pid}/environ", f"/proc/{pid}/fd"):
        done = subprocess.run(["setpriv", "--reuid=4002", "--regid=4002", "--clear-groups",
                               "ls" if path.endswith("fd") else "cat", path], capture_output=True)
        assert done.returncode != 0 and b"Permission denied" in done.stderr, (path, done.stderr)
    os.close(fd)
    assert program.peer.receive()[0] == ENDED


def test_a_start_by_an_ordinary_user_is_refused_in_words(make):
    one = make(start=False, conf={"system-users": {"domains": DOMAIN}})
    done = one.postern("start", "--detach")
    assert done.returncode != 0
    assert "needs a start as root" in one.log() + done.err


def test_adding_them_takes_a_restart(make):
    one = make()
    one.configure(**{"system-users": {"domains": DOMAIN}})
    done = one.postern("reload")
    assert done.returncode != 0 and "system-users has changed" in done.err
