#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""A private Postern: one message in by submission, out by POP3, both in TLS and with a login, and then it
serves until Ctrl-C."""
import argparse
import base64
import functools
import os
import pathlib
import secrets
import signal
import ssl
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "suite"))

import authority  # noqa: E402
import instance  # noqa: E402
import wire  # noqa: E402

DOMAIN, ADDRESS, HOST = "example.test", "demo@example.test", "localhost"
TRIES = 3
INTERRUPTIONS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
LETTER = b"""From: You <demo@example.test>\r
To: You <demo@example.test>\r
Subject: A letter goes all the way\r
Date: Mon, 2 Nov 2026 10:00:00 +0000\r
Message-ID: <letter@example.test>\r
\r
By submission into the spool, from there into a mailbox, and out by POP3.\r
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

    def begin_tls(self, tls):
        super().begin_tls(tls)
        print(paint("33", f"   {self.socket.version()}, {self.socket.cipher()[0]}; the certificate is {HOST}'s, "
                    "verified"))


class ShownSmtp(Shown, wire.Smtp):
    pass


class ShownPop3(Shown, wire.Pop3):
    pass


class Demo(instance.Instance):
    """An instance whose supervisor is our child and cannot outlive us."""

    child = None

    def __init__(self):
        super().__init__(conf={"postmaster": ADDRESS})
        self.ports = {"smtp": self.smtp_port, "submission": instance.free_port(),
                      "pop3s": instance.free_port()}
        self.make_certificate()
        self.configure(listen_pop3=None, auth=None, **{
            f"certificate {HOST}": {"chain": "tls/server.chain", "key": "tls/server.key"},
            **{f"listen {name}": {"address": f"127.0.0.1:{port}"} for name, port in self.ports.items()}})

    def make_certificate(self):
        """What a server gets from Let's Encrypt, say; here an authority is made that nobody else believes."""
        tls = self.directory / "tls"
        self.make_directory(tls)
        one = authority.Authority(tls, "The demo's authority")
        one.certify("server", HOST)
        self.authority = one.certificate
        for path in tls.iterdir():
            self.user.own(path)

    def verified(self):
        """The demo's authority is believed, and no other; the name must be right."""
        context = ssl.create_default_context(cafile=self.authority)
        return functools.partial(context.wrap_socket, server_hostname=HOST)

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
        demo = Demo()
        try:
            return demo.start()
        except BaseException as e:
            demo.close()
            if n + 1 == TRIES or "in use" not in str(e):
                raise


def heading(text):
    print("\n" + paint("1", text))


def submit(demo):
    heading(f"Submission, to port {demo.ports['submission']}")
    login = base64.b64encode(f"\0{ADDRESS}\0{demo.password}".encode())
    with ShownSmtp(("127.0.0.1", demo.ports["submission"])) as smtp:
        smtp.hidden = login
        smtp.ehlo()
        assert smtp.cmd("STARTTLS").code == 220
        smtp.begin_tls(demo.verified())
        smtp.ehlo()
        assert smtp.cmd(b"AUTH PLAIN " + login).code == 235
        smtp.envelope(ADDRESS, [ADDRESS])
        assert smtp.data(LETTER).code == 250
        smtp.quit()


def fetch(demo):
    heading(f"POP3 in TLS, to port {demo.ports['pop3s']}")
    ShownPop3.hidden = demo.password.encode()
    with ShownPop3(("127.0.0.1", demo.ports["pop3s"]), tls=demo.verified()) as pop:
        pop.login(ADDRESS, demo.password)
        assert pop.stat()[0] == 1
        got = pop.retr(1)
        pop.quit()
    return got


def converse(demo):
    submit(demo)
    demo.wait_files(ADDRESS, 1)
    difference = wire.same_content(LETTER, fetch(demo))
    if difference:
        raise RuntimeError(f"the message is not what was sent: {difference}")
    print("\n" + paint("1;32", "The message arrived as it was sent."))


def explain(demo):
    heading("Use it with your own client")
    smtp, submission, pop3s = demo.ports.values()
    print(f"""  SMTP        {HOST} port {smtp}: from anybody, to {ADDRESS}
  submission  {HOST} port {submission}: STARTTLS, and the login
  POP3        {HOST} port {pop3s}: TLS from the first octet, and the login
  user        {ADDRESS}
  password    {demo.password}
  authority   {demo.authority}

  echo 'Subject: mine' | curl --ssl-reqd --cacert {demo.authority} --user {ADDRESS}:{demo.password} \\
       --mail-from {ADDRESS} --mail-rcpt {ADDRESS} --crlf --upload-file - smtp://{HOST}:{submission}
  curl --cacert {demo.authority} --user {ADDRESS}:{demo.password} pop3s://{HOST}:{pop3s}/1
  mpop --host={HOST} --port={pop3s} --tls --tls-starttls=off --tls-trust-file={demo.authority} \\
       --auth=plain --user={ADDRESS} --passwordeval='echo {demo.password}' --delivery=mbox,demo.mbox --keep=on

Everything is in {demo.directory}: postern.conf, tables/, tls/, spool/, mail/, log.
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
        print("\nThe certificate and its authority were made with openssl, for this demo alone.")
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
