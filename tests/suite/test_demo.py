# SPDX-License-Identifier: ISC
"""The demonstration that a stranger sees first."""
import os
import pathlib
import re
import signal
import subprocess
import sys

import wire
from instance import TOP, processes_of

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
        for said in ("C: RCPT TO:<demo@example.test>", "S: 250 2.0.0 Ok: queued as", "C: RETR 1",
                     "S: That dot did not end it.", "The message arrived as it was sent."):
            assert said in output
        assert is_gone(directory_of(output))


def test_it_serves_until_interrupted():
    """With what it says, one's own client gets in."""
    with run() as demo:
        output = ""
        try:
            for line in demo.stdout:
                output += line
                if line.strip() == LAST_LINE:
                    break
            assert LAST_LINE in output
            smtp, pop3 = (("127.0.0.1", int(re.search(rf"{name} +127\.0\.0\.1 port (\d+)", output).group(1)))
                          for name in ("SMTP", "POP3"))
            user, password = (re.search(rf"(?m)^ +{name} +(\S+)$", output).group(1) for name in ("user", "password"))
            assert wire.send(smtp, "you@client.example", [user], b"Subject: mine\r\n\r\nx\r\n").code == 250
            with wire.Pop3(pop3) as pop:
                pop.login(user, password)
                pop.quit()
            assert not is_gone(directory_of(output))
        finally:
            demo.send_signal(signal.SIGINT)
            output += demo.communicate(timeout=60)[0]
    assert demo.returncode == 0, output
    assert is_gone(directory_of(output))
