# SPDX-License-Identifier: ISC
"""The demonstration that a stranger sees first."""
import base64
import os
import pathlib
import re
import signal
import subprocess
import sys

import wire
from instance import TOP, processes_of, wait_for

DEMO = [sys.executable, "-B", str(TOP / "tests" / "demo" / "demo.py")]
LAST_LINE = "Serving. Ctrl-C stops it and removes the directory."


def run(*argv):
    return subprocess.Popen([*DEMO, *argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            env={**os.environ, "PYTHONUNBUFFERED": "1"})


def directory_of(output):
    return pathlib.Path(re.search(r"Running in (\S+) as \S+", output).group(1))


def is_gone(directory):
    return not directory.exists() and not processes_of(directory)


def test_once():
    for _ in range(2):
        with run("--once") as demo:
            output = demo.communicate(timeout=60)[0]
        assert demo.returncode == 0, output
        for said in ("C: STARTTLS", "the certificate is localhost's, verified", "C: AUTH PLAIN ********",
                     "C: RCPT TO:<demo@example.test>", "S: 250 2.0.0 Ok: queued as", "POP3 in TLS", "C: RETR 1",
                     "S: That dot did not end it.", "The message arrived as it was sent."):
            assert said in output
        # The password is told once, to be used, and not in the conversation.
        password = re.search(r"(?m)^ +password +(\S+)$", output).group(1)
        talk = output.split("Use it with your own client")[0]
        assert password not in talk and base64.b64encode(f"\0demo@example.test\0{password}".encode()).decode() not in talk
        assert is_gone(directory_of(output))


def sh(command, where):
    """A command as it is printed, in that directory; what it said."""
    done = subprocess.run(command, shell=True, cwd=where, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "HOME": str(where)})
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def test_it_serves_until_interrupted(tmp_path):
    """With what it says, one's own client gets in."""
    with run() as demo:
        output = ""
        try:
            for line in demo.stdout:
                output += line
                if line.strip() == LAST_LINE:
                    break
            assert LAST_LINE in output
            smtp = int(re.search(r"SMTP +localhost port (\d+)", output).group(1))
            user = re.search(r"(?m)^ +user +(\S+)$", output).group(1)
            assert wire.send(("127.0.0.1", smtp), "you@client.example", [user], b"Subject: theirs\r\n\r\nx\r\n").code == 250
            submit, fetch, mpop = re.findall(r"(?m)^  ((?:echo|curl|mpop) (?:.*\\\n)*.*)$", output)
            assert sh(submit, tmp_path) == ""
            assert "Subject: A letter goes all the way" in sh(fetch, tmp_path)
            wait_for("all of the mail", 20, lambda: sh(mpop, tmp_path) is not None and
                     {"theirs", "mine"} <= set(re.findall("Subject: (.*)", (tmp_path / "demo.mbox").read_text())))
            assert not is_gone(directory_of(output))
        finally:
            demo.send_signal(signal.SIGINT)
            output += demo.communicate(timeout=60)[0]
    assert demo.returncode == 0, output
    assert is_gone(directory_of(output))
