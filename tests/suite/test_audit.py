# SPDX-License-Identifier: ISC
"""postern audit: silent about a suite as it should be, and not about one that is not."""
import contextlib
import json
import os
import subprocess
import sys

import pytest

import wire
from instance import PROGRAMS, User, wait_for
from test_sandbox import needs_root, rooted  # noqa: F401  (a fixture)

NOT_ALL_SEEN = 77

# Stands in for a control whose programs have all that they should not: holds the run directory, and
# starts "smtpd", which no jail was made for, and something that is no program of the suite.
IMPOSTOR = """
import fcntl, os, subprocess, sys, time
pid_file = open(sys.argv[1] + "/postern.pid", "w+")
fcntl.flock(pid_file, fcntl.LOCK_EX)
pid_file.write(f"{os.getpid()}\\n")
pid_file.flush()
smtpd = subprocess.Popen(["smtpd", "-c", sys.argv[2]], executable=sys.executable, stdout=subprocess.PIPE)
smtpd.stdout.readline()
stranger = subprocess.Popen(["stranger", "600"], executable="/bin/sleep")
print("ready", flush=True)
sys.stdin.read()
for child in smtpd, stranger:
    child.kill()
    child.wait()
"""
UNCONFINED = """
import os, socket, subprocess, sys, threading, time
secret = open("/etc/nsswitch.conf")
directory = os.open("/etc", os.O_RDONLY)
listener = socket.create_server(("127.0.0.1", 0))
datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("127.0.0.1", 0))
listener_unix = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listener_unix.bind("\\0postern-impostor-%d" % os.getpid())
listener_unix.listen()
channels = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(8)]
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
child = subprocess.Popen(["/bin/sleep", "600"])
print("ready", flush=True)
time.sleep(600)
"""


def audit(instance, **kw):
    done = instance.postern("audit", "--json", **kw)
    return done, json.loads(done.out) if done.out else None


def excesses(report, name):
    return [text for p in report["processes"] if p["name"] == name for text in p["excess"]]


def check_clean(instance):
    """While mail flows and a mailbox is open."""
    with instance.smtp() as smtp:
        smtp.ehlo()
        smtp.envelope("sender@client.example", ["ann@example.test"])
        instance.send(b"Subject: x\r\n\r\n" + b"x" * 70 + b"\r\n", to=["bob"])
        instance.wait_files("bob", 1)
        with instance.pop3("bob") as pop:
            done, report = audit(instance, user=User("root"))
            pop.quit()
        smtp.cmd("QUIT")
    assert done.returncode == 0, done.out + done.err
    assert report["complete"] and report["excess"] == 0
    names = [p["name"] for p in report["processes"]]
    assert set(PROGRAMS) | {"control", "child of pop3d-session"} == set(names)
    assert names.count("smtpd") == instance.options["workers"]
    return report


@needs_root
def test_an_ordinary_user_s_suite_is_as_declared(make):
    check_clean(make())


@needs_root
def test_a_suite_of_root_is_as_declared(rooted):  # noqa: F811
    report = check_clean(rooted)
    facts = {p["name"]: p["facts"] for p in report["processes"]}
    assert facts["smtpd"]["root"] == "/run/postern/empty (empty)"
    assert facts["smtpd"]["capabilities"] == facts["queue"]["capabilities"] == "none"
    assert facts["queue"]["user"].startswith("postern-queue (")
    assert facts["queue"]["writes"].startswith(f"below {rooted.spool}")
    assert facts["directory"]["reads"].startswith(f"below {rooted.directory}/tables")
    assert f"TCP port {rooted.smtp_port}" in facts["smtpd"]["listens"]


@needs_root
def test_what_the_starter_had_open_is_left_behind(make):
    one = make(start=False)
    ours, theirs = os.pipe()
    one.postern("start", "--detach", pass_fds=(theirs,), check=True)
    one.wait_ready()
    os.close(theirs)
    assert os.read(ours, 1) == b""  # nobody has it any more
    os.close(ours)
    check_clean(one)


def test_a_file_that_came_into_the_anchor_s_directory(make):
    one = make(start=False)
    one.make_directory(one.directory / "dns")
    one.configure(resolver={"trust-anchor": one.directory / "dns/root.key"})
    one.start()
    _, report = audit(one, user=User("root") if os.geteuid() == 0 else None)
    assert report["excess"] == 0, report
    one.write("dns/other.key", "x")
    done, report = audit(one, user=User("root") if os.geteuid() == 0 else None)
    # Looked at once more because of it, resolver may be in the middle of making a socket.
    assert any('there is also "other.key"' in found for found in excesses(report, "resolver"))
    others = {p["name"] for p in report["processes"] if p["excess"]} - {"resolver"}
    assert done.returncode == 1 and others == set()


@needs_root
def test_large_messages_on_their_way_are_no_excess(make):
    one = make()
    with one.smtp() as smtp:
        smtp.ehlo()
        smtp.envelope("sender@client.example", ["ann@example.test"])
        smtp.cmd("DATA")
        smtp.send(b"Subject: x\r\n\r\n" + (b"x" * 70 + b"\r\n") * 8000)
        wait_for("the large file", 10, lambda: any((one.spool / "large").iterdir()))
        done, _ = audit(one, user=User("root"))
        assert done.returncode == 0, done.out
        smtp.send(b".\r\n")
        assert smtp.reply().code == 250


@needs_root
def test_a_session_that_waits_for_its_mailbox_is_no_excess(make):
    """It has not given up what its parent has: it is looked at again."""
    one = make()
    address = one.address("ann")
    with one.pop3("ann") as first, wire.Pop3(one.pop3_address) as second:
        second.ok(f"USER {address}")
        second.send(f"PASS {one.passwords[address]}\r\n".encode())
        done, report = audit(one, user=User("root"))
        assert done.returncode == 0, done.out
        assert b"IN-USE" in second.line()
        first.quit()
    assert report["excess"] == 0


def test_who_may_not_see_everything_is_told(instance):
    done, report = audit(instance)
    assert done.returncode == NOT_ALL_SEEN
    assert "run this as root" in done.err
    assert report["excess"] == 0 and not report["complete"]
    facts = {p["name"]: p["facts"] for p in report["processes"]}
    assert facts["smtpd"]["seccomp"] == "1 filter(s)" and "root" not in facts["smtpd"]


def test_for_people(instance):
    done = instance.postern("audit")
    assert "\nsmtpd, process " in done.out
    assert "\n  no new privs  yes\n" in done.out
    assert done.out.endswith("13 processes: nothing beyond what they declare in what could be seen\n")


def test_arguments_and_a_suite_that_does_not_run(make):
    one = make(start=False)
    assert one.postern("audit").returncode == 69
    assert "not running" in one.postern("audit").err
    assert one.postern("audit", "smtpd").returncode == 64


@contextlib.contextmanager
def impostor(instance, user):
    run = instance.directory / "run"
    instance.make_directory(run)
    argv = [*user.prefix(), sys.executable, "-c", IMPOSTOR, str(run), UNCONFINED]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            yield
        finally:
            process.stdin.close()
            process.wait(30)


COMMON = ("it could gain privileges", "any system call", "it may leave a core", "2 threads")
SEEN = ("/etc/nsswitch.conf, to read", "descriptor", "a UDP socket", "a TCP socket, listening",
        "postern-impostor", "16 channels")


def check_excess(one, done, report, texts):
    assert done.returncode == 1
    found = "\n".join(excesses(report, "smtpd"))
    for text in texts:
        assert text in found, (text, found)
    assert excesses(report, "stranger") == ["it is not a program of the suite"]
    assert excesses(report, "child of smtpd") == ["smtpd starts no processes"]
    assert {p["name"] for p in report["processes"] if p["pid"] == 0} == set(PROGRAMS)
    assert one.postern("audit", user=User("root") if os.geteuid() == 0 else None).out.count("EXCESS") > len(texts)


@pytest.mark.skipif(os.geteuid() == 0, reason="needs an ordinary user")
def test_excess_that_anybody_sees(make):
    one = make(start=False)
    with impostor(one, one.user):
        check_excess(one, *audit(one), COMMON)


@needs_root
@pytest.mark.parametrize("root", [False, True])
def test_every_excess_is_seen(make, root):
    one = make(start=False)
    user = User("root") if root else one.user
    with impostor(one, user):
        done, report = audit(one, user=User("root"))
        more = ("permitted capabilities", "bounding capabilities", "the root directory / instead of") if root else (
            "it can be dumped",)
        check_excess(one, done, report, COMMON + SEEN + more)
