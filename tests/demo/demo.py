#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A private Postern: one message in by SMTP, out by POP3, and then it serves until Ctrl-C."""
import argparse
import os
import pathlib
import secrets
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "suite"))

import instance  # noqa: E402
import wire  # noqa: E402

DOMAIN, ADDRESS = "example.test", "demo@example.test"
TRIES = 3
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
LETTER = b"""From: A stranger <stranger@client.example>\r
To: You <demo@example.test>\r
Subject: A letter goes all the way\r
\r
By SMTP into the spool, from there into a mailbox, and out by POP3.\r
.\r
That dot did not end it.\r
"""


def paint(colour, text):
    return f"\033[{colour}m{text}\033[0m" if COLOUR else text


def show(who, data):
    """A piece of a conversation, a line each."""
    for line in bytes(data).decode("utf-8", "replace").replace("\r\n", "\n").splitlines():
        print(paint(*(("36", "C: " + line) if who == "C" else ("32", "S: " + line))))


class Shown:
    """Mixed into a client: what is sent and what is read is printed as it passes."""

    hidden = None

    def send(self, data):
        show("C", data.replace(self.hidden, b"********") if self.hidden else data)
        super().send(data)

    def until(self, mark):
        taken = super().until(mark)
        show("S", taken)
        return taken


class ShownSmtp(Shown, wire.Smtp):
    pass


class ShownPop3(Shown, wire.Pop3):
    pass


class Demo(instance.Instance):
    """An instance whose supervisor is our child and cannot outlive us."""

    child = None

    def write_tables(self, users):
        """Nothing by hand: what an operator would type."""
        self.password = secrets.token_urlsafe(9)
        self.passwords[ADDRESS] = self.password
        self.postern("domain", "add", DOMAIN, check=True)
        self.postern("user", "add", ADDRESS, input=self.password + "\n", check=True)

    def start(self):
        errors = open(self.directory / "errors", "w+")
        argv = [*self.user.prefix(), "setpriv", "--pdeathsig", "TERM",
                self.prefix / "sbin" / "postern", "-c", self.conf,
                "--libexec", self.prefix / "libexec" / "postern", "start"]
        self.child = subprocess.Popen(list(map(str, argv)), stdin=subprocess.DEVNULL, stdout=errors,
                                      stderr=errors, env=self.environment(), cwd=self.directory,
                                      start_new_session=True)
        instance.wait_for("the programs to be ready", instance.START_SECONDS,
                          lambda: self.child.poll() is not None or self.is_ready(), 0.1)
        if self.child.returncode is not None:
            errors.seek(0)
            raise RuntimeError("postern start: " + (errors.read().strip() or "it ended at once"))
        return self

    def close(self):
        """Stopping takes a moment, in which another Ctrl-C changes nothing."""
        for number in INTERRUPTIONS:
            signal.signal(number, signal.SIG_IGN)
        try:
            self.end()
        finally:
            listen_for_interruptions()

    def end(self):
        if self.child and self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(instance.STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()
        super().close()


def started():
    """Another program may take a free port before we do: then with other ports."""
    for n in range(TRIES):
        demo = Demo(conf={"postmaster": ADDRESS})
        try:
            return demo.start()
        except BaseException as e:
            demo.close()
            if n + 1 == TRIES or "in use" not in str(e):
                raise


def heading(text):
    print("\n" + paint("1", text))


def converse(demo):
    heading(f"SMTP, to port {demo.smtp_port}")
    with ShownSmtp(demo.smtp_address) as smtp:
        smtp.ehlo()
        smtp.envelope("stranger@client.example", [ADDRESS])
        assert smtp.data(LETTER).code == 250
        smtp.quit()
    demo.wait_files(ADDRESS, 1)
    heading(f"POP3, to port {demo.pop3_port}")
    ShownPop3.hidden = demo.password.encode()
    with ShownPop3(demo.pop3_address) as pop:
        pop.login(ADDRESS, demo.password)
        assert pop.stat()[0] == 1
        got = pop.retr(1)
        pop.quit()
    difference = wire.same_content(LETTER, got)
    if difference:
        raise RuntimeError(f"the message is not what was sent: {difference}")
    print("\n" + paint("1;32", "The message arrived as it was sent."))


def explain(demo):
    heading("Use it with your own client")
    print(f"""  SMTP      127.0.0.1 port {demo.smtp_port}, no TLS, no login
  POP3      127.0.0.1 port {demo.pop3_port}, no TLS
  user      {ADDRESS}
  password  {demo.password}

  swaks --server 127.0.0.1 --port {demo.smtp_port} --from you@client.example --to {ADDRESS}
  mpop --host=127.0.0.1 --port={demo.pop3_port} --auth=user --tls=off --user={ADDRESS} \\
       --passwordeval='echo {demo.password}' --delivery=mbox,demo.mbox --keep=on

Everything is in {demo.directory}: postern.conf, tables/, spool/, mail/, log.
Look inside with: {demo.prefix}/sbin/postern -c {demo.conf} status""")


def interrupted(*_):
    raise KeyboardInterrupt


def listen_for_interruptions():
    for number in INTERRUPTIONS:
        signal.signal(number, interrupted)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--once", action="store_true", help="exit 0 when the message has arrived")
    args = parser.parse_args()
    listen_for_interruptions()
    demo = None
    try:
        demo = started()
        print(f"Running in {demo.directory} as {demo.user.name}, configured by {demo.conf}:\n")
        print(demo.conf.read_text(), end="")
        converse(demo)
        explain(demo)
        if not args.once:
            print("\nServing. Ctrl-C stops it and removes the directory.", flush=True)
            demo.child.wait()
            print("demo: it stopped by itself; the end of its log:\n" + demo.log()[-2000:], file=sys.stderr)
            return 70
        return 0
    except KeyboardInterrupt:
        print("\nStopping.")
        return 0 if demo else 130
    except (OSError, AssertionError, RuntimeError, TimeoutError, wire.Closed) as e:
        print(f"\ndemo: {e}", file=sys.stderr)
        if demo:
            print("demo: the end of the log:\n" + demo.log()[-2000:], file=sys.stderr)
        return 70
    finally:
        if demo:
            demo.close()


if __name__ == "__main__":
    sys.exit(main())
