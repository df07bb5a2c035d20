# SPDX-License-Identifier: ISC
"""A reload sends the log elsewhere and back: each line is in one place, and the audit knows that place. It does
not send it where nobody would read it."""
import json
import os
import pathlib
import re
import subprocess
import threading
import types

import pytest

from instance import User, wait_for

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


class Heard:
    """What comes out of standard error, which a pipe or a file is."""

    def __init__(self, directory, kind):
        self.path, self.pieces = directory / "standard-error", []
        if kind == "pipe":
            self.reading, self.writing = os.pipe()
            threading.Thread(target=self.read, daemon=True).start()
        else:
            flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if kind == "appended file" else 0)
            self.writing = os.open(self.path, flags, 0o666)
            self.reading = None

    def read(self):
        while piece := os.read(self.reading, 65536):
            self.pieces.append(piece)

    def text(self):
        if self.reading is None:
            return self.path.read_text()
        return b"".join(self.pieces).decode()


def start(one, heard):
    argv = [*one.user.prefix(), one.prefix / "sbin" / "postern", "-c", one.conf, "--libexec",
            one.prefix / "libexec" / "postern", "start"]
    process = subprocess.Popen(list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=heard.writing, cwd=one.directory, env=one.environment())
    os.close(heard.writing)
    one.wait_ready()
    return process


def audit_is_clean(one):
    done = one.postern("audit", "--json", user=User("root"))
    report = json.loads(done.out)
    assert done.returncode == 0, [(p["name"], p["excess"]) for p in report["processes"] if p["excess"]]


def check_shape(text, mark, place):
    """In a file each line has time and host; what reads standard error knows both."""
    [line] = [line for line in text.splitlines() if f"from=<{mark}>" in line]
    assert re.match(r"postern/queue\[" if place == "stderr" else r"[A-Z][a-z]{2} .\d [0-9:]{8} \S+ postern/queue\[",
                    line), line


def check_nobody_holds_another(one, place):
    """A file that was renamed, say, would keep its space."""
    for row in one.programs() if place == "stderr" else ():
        held = [os.readlink(path) for path in pathlib.Path(f"/proc/{row['pid']}/fd").iterdir()]
        assert str(one.log_path) not in held, (row["name"], held)


@needs_root
@pytest.mark.parametrize("kind", ("pipe", "file", "appended file"))
def test_the_log_goes_to_standard_error_and_back(make, kind):
    one = make(start=False)
    heard = Heard(one.directory, kind)
    process = start(one, heard)
    places = {one.log_path: one.log, "stderr": heard.text}
    try:
        for number, place in enumerate((one.log_path, "stderr", one.log_path)):
            one.configure(log=place)
            one.postern("reload", check=True)
            mark = f"mark-{number}@client.example"
            one.send(b"Subject: x\r\n\r\nx\r\n", sender=mark)
            [resolver] = one.pids("resolver")
            os.kill(resolver, 9)
            # Of queue, and of control.
            for line in (f"from=<{mark}>", f"program resolver[{resolver}] ended"):
                wait_for(f"{line} in {place}", 10, lambda line=line: line in places[place]())
                assert not any(line in text() for other, text in places.items() if other != place)
            check_shape(places[place](), mark, place)
            one.wait_ready()
            check_nobody_holds_another(one, place)
            audit_is_clean(one)
    finally:
        one.postern("stop")
        process.wait(20)


def refuses(one, words):
    """As any configuration that cannot come into force: it says why, and all stays as it was."""
    done = one.postern("reload")
    assert done.returncode == 78 and words in done.err, (done.returncode, done.err)
    assert b" mx.example.test " in one.smtp().greeting.raw
    mark = f"mark-{len(one.log())}@client.example"
    one.send(b"Subject: x\r\n\r\nx\r\n", sender=mark)
    one.wait_log(f"from=<{mark}>")
    one.wait_log(words)


def test_a_detached_suite_does_not_log_to_standard_error(make):
    """Which led to whoever typed the command. Without the line it is the same."""
    one = make()
    for place in ("stderr", None):
        one.configure(log=place, hostname="other.example")
        refuses(one, "the standard error of what runs leads nowhere")
    moved = one.directory / "moved"
    one.configure(log=moved)
    one.postern("reload", check=True)
    assert b" other.example " in one.smtp().greeting.raw
    wait_for("a line in the other file", 10, lambda: "took the configuration anew" in moved.read_text())


@needs_root
def test_nor_where_nobody_reads_it_any_more(make):
    one = make(start=False)
    reading, writing = os.pipe()
    process = start(one, types.SimpleNamespace(writing=writing))
    try:
        os.close(reading)
        one.configure(log="stderr", hostname="other.example")
        refuses(one, "the standard error of what runs leads nowhere")
    finally:
        one.postern("stop")
        process.wait(20)


def test_a_log_that_cannot_be_opened_changes_nothing(make):
    one = make()
    one.configure(log=one.directory / "absent" / "log", hostname="other.example")
    refuses(one, "the log cannot be opened")
