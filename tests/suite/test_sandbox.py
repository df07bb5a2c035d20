# SPDX-License-Identifier: ISC
"""The jail, seen from outside: what the kernel says of every running program."""
import os
import pathlib
import pwd
import re
import stat

import pytest

from instance import PROGRAMS, Instance, User, processes_of, wait_for

USERS = {"keys": "postern-keys", "directory": "postern-dir", "resolver": "postern-dns", "deliver-local": "postern-mail",
         "deliver-remote": "postern-remote", "queue": "postern-queue", "pop3d-session": "postern-mail", "pop3d": "postern-pop3d", "smtpd": "postern-smtpd"}
EXPOSED = ("smtpd", "pop3d", "deliver-remote")
MEMORY = re.compile(r"/(memfd:|dev/null)|anon_inode:")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def status(pid):
    """/proc/PID/status as a dictionary."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def each(instance):
    return [(row["name"], row["pid"]) for row in instance.programs()]


def check_confined(instance):
    for name, pid in each(instance):
        fields = status(pid)
        assert fields["NoNewPrivs"] == "1", name
        assert fields["Seccomp"] == "2", name
        for which in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            assert int(fields[which], 16) == 0, (name, which)


def test_every_program_is_confined(instance):
    assert {name for name, _ in each(instance)} == set(PROGRAMS)
    check_confined(instance)


def test_nobody_can_start_programs_or_open_files_beyond_need(instance):
    for name, pid in each(instance):
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits), name
        if name in EXPOSED:
            assert re.search(r"Max processes +0 +0 ", limits), name


def check_descriptors(instance, exposed=EXPOSED):
    """Sockets, memory files, event machinery and the log: no other file, no directory."""
    for name, pid in each(instance):
        if name not in exposed:
            continue
        entries = {e: os.readlink(e) for e in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
        targets = list(entries.values())
        for entry, target in entries.items():
            # A pipe with both its ends in one process is how an event loop wakes itself.
            if target.startswith("socket:") or MEMORY.match(target) or (
                    target.startswith("pipe:") and targets.count(target) == 2):
                continue
            assert is_log(entry, instance), (name, entry.name, target)


def is_log(entry, instance):
    """The log file, opened for appending only."""
    info = os.stat(entry)
    flags = int(re.search(r"flags:\t(\d+)", pathlib.Path(
        str(entry).replace("/fd/", "/fdinfo/")).read_text()).group(1), 8)
    return (stat.S_ISREG(info.st_mode) and os.path.samestat(info, instance.log_path.stat())
            and flags & os.O_ACCMODE == os.O_WRONLY)


@needs_root
def test_descriptors_of_exposed_programs(instance):
    with instance.smtp() as smtp:
        smtp.ehlo()
        check_descriptors(instance)


def test_the_session_of_a_mailbox_is_confined(instance):
    before = {pid for pid in children(instance)}
    with instance.pop3("ann") as pop:
        [session] = children(instance) - before
        fields = status(session)
        assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"
        pop.quit()


def children(instance):
    [parent] = instance.pids("pop3d-session")
    text = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text()
    return set(map(int, text.split()))


# --- Started as root --------------------------------------------------------------------


@pytest.fixture(scope="module")
def rooted():
    """An instance started by root, every program under its own user."""
    one = Instance(user=User("root"))
    try:
        yield one.start()
    finally:
        one.close()


@needs_root
def test_every_program_has_its_own_user(rooted):
    for name, pid in each(rooted):
        uids = set(status(pid)["Uid"].split())
        assert uids == {str(pwd.getpwnam(USERS[name]).pw_uid)}, name
        gids = set(status(pid)["Gid"].split())
        assert gids == {str(pwd.getpwnam(USERS[name]).pw_gid)}, name
        assert status(pid)["Groups"].strip() == "", name


@needs_root
def test_nothing_but_control_is_root(rooted):
    """Without users of the machine; processes of every kind, not only those that control names."""
    with rooted.pop3("ann") as pop:
        root = {line.split()[0] for pid, line in processes_of(rooted.directory).items()
                if "0" in status(pid)["Uid"].split()}
        pop.quit()
    assert root == {"control"}


@needs_root
def test_exposed_programs_have_an_empty_root(rooted):
    for name, pid in each(rooted):
        if name in EXPOSED:
            assert os.listdir(f"/proc/{pid}/root") == [], name
            assert os.readlink(f"/proc/{pid}/root") != "/"


@needs_root
def test_rooted_programs_are_confined(rooted):
    check_confined(rooted)
    check_descriptors(rooted)
    for name, pid in each(rooted):
        assert int(status(pid)["CapBnd"], 16) == 0, name


@needs_root
def test_rooted_mail_goes_through(rooted):
    rooted.send(b"Subject: as root\r\n\r\nx\r\n")
    assert b"Subject: as root" in rooted.wait_for_mail("ann", 1)[0]
    done = rooted.sendmail("-i", "ann@example.test", input="Subject: by nobody\n\nx\n",
                           user=User("nobody"))
    assert done.returncode == 0, done.err
    got = rooted.wait_for_mail("ann", 1)[0]
    assert str(User("nobody").uid).encode() in got


@needs_root
def test_others_may_list_the_queue_but_not_read_mail(rooted):
    rooted.configure(queue={"hold-local": True})
    rooted.postern("reload", check=True)
    rooted.send(b"Subject: private\r\n\r\nx\r\n")
    wait_for("the message in the queue", 10, lambda: rooted.queue_length() == 1)
    [row] = rooted.queue()
    for user, allowed in ((User("nobody"), False), (rooted.user, True)):
        shown = rooted.postern("queue", "show", row["id"], user=user)
        assert (shown.returncode == 0) == allowed, shown.err
        assert ("Subject: private" in shown.out) == allowed
    rooted.configure(queue=None)
    rooted.postern("reload", check=True)
    rooted.wait_for_mail("ann", 1)


@needs_root
def test_others_cannot_look_into_what_is_stored(rooted):
    rooted.send(b"Subject: private\r\n\r\nx\r\n")
    rooted.wait_files("ann", 1)
    other = User("nobody")
    for path in (rooted.spool, rooted.directory / "tables" / "users.db", rooted.maildir("ann")):
        assert rooted.run("ls" if path.is_dir() else "cat", path, user=other).returncode != 0, path
    assert rooted.postern("stop", user=other).returncode != 0
    assert rooted.is_ready()
