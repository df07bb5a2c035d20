# SPDX-License-Identifier: ISC
"""Promise P4: a full or read-only disk costs nothing but time. Wants root, for mounts."""
import contextlib
import os
import pathlib
import subprocess
import tempfile

import pytest

import wire
from instance import wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount small file systems")

MIB = 1 << 20


def mount(*argv):
    done = subprocess.run(["mount", *map(str, argv)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"cannot mount here: {done.stderr.strip()}")


@contextlib.contextmanager
def small_file_system(kind, size):
    """A directory on a file system of its own of so many octets."""
    with tempfile.TemporaryDirectory(prefix="postern-disk-") as base:
        os.chmod(base, 0o755)
        where = os.path.join(base, "fs")
        os.mkdir(where)
        if kind == "tmpfs":
            mount("-t", "tmpfs", "-o", f"size={size},mode=1777", "none", where)
        else:
            image = os.path.join(base, "image")
            with open(image, "wb") as f:
                f.truncate(size)
            subprocess.run(["mkfs.ext4", "-q", "-F", "-m0", image], check=True)
            mount("-o", "loop", image, where)
            os.chmod(where, 0o1777)
        try:
            yield where
        finally:
            if subprocess.run(["umount", where], capture_output=True).returncode != 0:
                subprocess.run(["umount", "-l", where], check=True)  # a failed test still runs there


def fill(directory, leave):
    """A file that takes all but `leave` octets of the file system's room."""
    path = os.path.join(directory, "ballast")
    room = os.statvfs(directory)
    left = room.f_bavail * room.f_frsize - leave
    with open(path, "wb", buffering=0) as f, contextlib.suppress(OSError):
        while left > 0:
            left -= f.write(b"\0" * min(left, MIB))
    return path


# Some hundred of these fill what is preallocated.
LETTER = b"Subject: try\r\n\r\n" + (b"y" * 70 + b"\r\n") * 800


def attempt(one, content=LETTER):
    """The first reply that is not good, else that to the content."""
    with one.smtp() as smtp:
        smtp.ehlo()
        for command in ("MAIL FROM:<s@client.example>", "RCPT TO:<ann@example.test>"):
            reply = smtp.cmd(command)
            if reply.code != 250:
                return reply
        return smtp.data(content)


def wait_for_code(one, code, seconds=30):
    wait_for(f"reply {code}", seconds, lambda: attempt(one).code == code, 0.3)


SMALL = {"space-min": "4 MiB", "segment-size": "1 MiB"}


@pytest.mark.parametrize("kind", ["tmpfs", "ext4"])
def test_a_full_disk_defers_and_recovers(make, kind):
    with small_file_system(kind, 48 * MIB) as disk:
        spool = os.path.join(disk, "spool")
        one = make(spool=spool, conf={"queue": {**SMALL, "hold-local": True}})
        try:
            for _ in range(5):
                one.send(b"Subject: before\r\n\r\nx\r\n")
            ballast = fill(disk, leave=0)
            wait_for_code(one, 452, 60)
            reply = attempt(one)
            assert reply.code == 452 and reply.enhanced.startswith("4.3."), reply
            one.wait_log("make room where the spool is; space-min and")
            accepted = one.queue_length()
            assert accepted >= 5
            os.unlink(ballast)
            wait_for_code(one, 250)
            assert one.queue_length() == accepted + 1
            kept = one.queue_length()
            one.stop()
            one.configure(queue=SMALL)
            one.start()
            one.wait_files("ann", kept)
        finally:
            one.stop()


def test_a_large_message_that_does_not_fit(make):
    with small_file_system("ext4", 32 * MIB) as disk:
        one = make(spool=os.path.join(disk, "spool"), conf={"queue": SMALL})
        try:
            big = b"Subject: big\r\n\r\n" + (b"y" * 998 + b"\r\n") * 40000
            reply = attempt(one, big)
            assert reply.code == 452, reply
            one.send(b"Subject: small\r\n\r\nx\r\n")
            one.wait_for_mail("ann", 1)
            assert not any(p.is_file() for p in (one.spool / "large").rglob("*"))
        finally:
            one.stop()


def test_the_clients_fill_the_disk_themselves(make):
    """Every message that got 250 is there; the others got 452."""
    with small_file_system("tmpfs", 24 * MIB) as disk:
        one = make(spool=os.path.join(disk, "spool"), conf={"queue": {**SMALL, "hold-local": True}})
        try:
            accepted = 0
            for _ in range(2000):
                reply = attempt(one)
                if reply.code != 250:
                    break
                accepted += 1
            assert reply.code == 452 and accepted > 50, (reply, accepted)
            assert one.queue_length() == accepted
            one.stop()
            one.configure(queue=SMALL)
            one.start()
            one.wait_files("ann", accepted, 60)
        finally:
            one.stop()


def test_full_mailboxes_keep_mail_in_the_queue(make):
    with small_file_system("tmpfs", 8 * MIB) as disk:
        one = make(conf={"mailboxes": f"{disk}/mail/%d/%n", "queue": {"retry-first": 1}})
        try:
            ballast = fill(disk, leave=0)
            one.send(b"Subject: waits\r\n\r\n" + b"y" * 50000 + b"\r\n")
            wait_for("a deferral", 10, lambda: "deferred" in one.log(), 0.2)
            assert one.queue_length() == 1
            os.unlink(ballast)
            one.postern("queue", "flush", check=True)
            one.wait_queue_empty(30)
            [box] = pathlib.Path(disk, "mail").rglob("new")
            assert len(list(box.iterdir())) == 1
        finally:
            one.stop()


def test_read_only_spool_defers_and_recovers(make):
    """As after a remount by hand; a program that cannot open its spool is tried again and again."""
    with small_file_system("ext4", 48 * MIB) as disk:
        one = make(spool=os.path.join(disk, "spool"), conf={"queue": {**SMALL, "hold-local": True}})
        try:
            one.send(b"Subject: before\r\n\r\nx\r\n")
            one.stop()
            subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
            one.postern("start", "--detach")
            wait_for("an answer", 20, lambda: first_answer(one), 0.3)
            assert first_answer(one) in (451, 452)
            subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
            wait_for_code(one, 250, 60)
            assert one.queue_length() == 2
        finally:
            one.stop()


def first_answer(one):
    try:
        return attempt(one).code
    except (OSError, wire.Closed):
        return None


def test_a_file_system_that_turns_read_only_under_us(make):
    """What ext4 does after an error of the disk (errors=remount-ro)."""
    with small_file_system("ext4", 48 * MIB) as disk:
        device = os.path.basename(subprocess.run(
            ["findmnt", "-no", "SOURCE", disk], capture_output=True, text=True).stdout.strip())
        trigger = f"/sys/fs/ext4/{device}/trigger_fs_error"
        if not os.access(trigger, os.W_OK):
            pytest.skip(f"no {trigger}")
        subprocess.run(["mount", "-o", "remount,errors=remount-ro", disk], check=True)
        one = make(spool=os.path.join(disk, "spool"), conf={"queue": {**SMALL, "hold-local": True}})
        try:
            one.send(b"Subject: before\r\n\r\nx\r\n")
            with open(trigger, "w") as f:
                f.write("test")
            content = b"Subject: after\r\n\r\n" + b"z" * 60000 + b"\r\n"
            reply = attempt(one, content)
            assert reply.code in (451, 452), reply
            assert attempt(one, content).code in (451, 452)
            assert one.queue_length() == 1
        finally:
            one.stop()
