# SPDX-License-Identifier: ISC
"""The ledger: what clients were told, against what lies in the mailboxes.

Senders on parallel connections write down the fate of every message: accepted (250), refused (4xx
or 5xx: it must never appear) or unknown (the connection broke before the answer: it may appear, once).
Meanwhile a killer ends one program of the instance after the other with SIGKILL, and readers log in
by POP3. At the end every accepted message must lie in each of its mailboxes exactly once, byte for
byte behind the documented trace fields.
"""
import collections
import hashlib
import os
import random
import re
import signal
import threading
import time

import wire

KILLED = ("smtpd", "queue", "keys", "directory", "resolver", "deliver-local", "deliver-remote", "pop3d", "pop3d-session")
NOT_LINE_ENDS = bytes(b if b not in b"\r\n" else b + 64 for b in range(256))
MARK = re.compile(rb"^X-Ledger: ([0-9a-z.]+)\r?$", re.MULTILINE)


def make_content(rng, name):
    """1 to 8 KiB of random octets in lines of random length, some beginning with a dot."""
    size = rng.randint(1024, 8192)
    octets = rng.randbytes(size).translate(NOT_LINE_ENDS)
    lines, at = [], 0
    while at < size:
        step = rng.randint(0, 120)
        lines.append((b"." if rng.random() < 0.05 else b"") + octets[at:at + step])
        at += step + 2
    return b"X-Ledger: %s\r\nSubject: entry\r\n\r\n%s\r\n" % (name.encode(), b"\r\n".join(lines))


class Ledger:
    """Entries by message name: its recipients, the digest of its content, and its fate."""

    def __init__(self, seed, users):
        self.seed, self.users = seed, users
        self.entries = {}
        self.fates = collections.Counter()
        self.refusals = collections.Counter()
        self.kills = collections.Counter()
        self.reads = collections.Counter()
        self.faults = []

    def note(self, name, recipients, content, fate, why=""):
        self.entries[name] = (recipients, hashlib.sha256(content).digest(), len(content), fate)
        self.fates[fate] += 1
        if fate == "refused":
            self.refusals[why] += 1

    def report(self):
        kills = " ".join(f"{name}={self.kills[name]}" for name in KILLED)
        return (f"accepted={self.fates['accepted']} refused={self.fates['refused']} "
                f"unknown={self.fates['unknown']} of which delivered={self.fates['unknown-delivered']} "
                f"lost={self.fates['lost']} duplicates={self.fates['duplicate']} "
                f"corrupt={self.fates['corrupt']} unwanted={self.fates['unwanted']} "
                f"reads={self.reads['mailbox']} kills: {kills} (seed {self.seed})")


class Sender(threading.Thread):
    """One connection at a time; a broken one is opened anew and the next message is sent."""

    def __init__(self, number, ledger, address, count):
        super().__init__(daemon=True)
        self.number, self.ledger, self.address, self.count = number, ledger, address, count
        self.rng = random.Random(f"{ledger.seed}-{number}")
        self.smtp = None
        self.failure = None

    def run(self):
        try:
            for n in range(self.count):
                self.send_one(f"{self.number}.{n}")
                if self.smtp and self.rng.random() < 0.05:
                    self.leave()
            self.leave()
        except Exception as e:  # kept for the main thread, which fails the test with it
            self.failure = e

    def connect(self):
        while self.smtp is None:
            try:
                self.smtp = wire.Smtp(self.address, timeout=120)
                if self.smtp.greeting.code != 220 or self.smtp.cmd("EHLO ledger.example").code != 250:
                    self.smtp = None
                    time.sleep(0.05)
            except (OSError, wire.Closed):
                self.smtp = None
                time.sleep(0.02)

    def leave(self):
        if self.smtp:
            self.smtp.close()
            self.smtp = None

    def send_one(self, name):
        recipients = self.rng.sample(self.ledger.users, self.rng.choice((1, 1, 1, 2, 3)))
        content = make_content(self.rng, name)
        self.connect()
        try:
            reply = self.transact(recipients, content)
        except (OSError, wire.Closed):
            self.leave()
            self.ledger.note(name, recipients, content, "unknown")
            return
        if reply.code == 250:
            self.ledger.note(name, recipients, content, "accepted")
        else:
            self.ledger.note(name, recipients, content, "refused", str(reply))
            if reply.code == 421:
                self.leave()

    def transact(self, recipients, content):
        """The reply that decides; pipelined, so that kills meet every stage of a transaction."""
        commands = [f"MAIL FROM:<ledger-{self.number}@client.example>"]
        commands += [f"RCPT TO:<{r}>" for r in recipients] + ["DATA"]
        self.smtp.send("".join(c + "\r\n" for c in commands).encode())
        replies = [self.smtp.reply() for _ in commands]
        bad = next((r for r in replies[:-1] if r.code != 250), None)
        if replies[-1].code != 354:
            self.smtp.cmd("RSET")
            return bad or replies[-1]
        if bad:  # not to every recipient: let the message be refused as a whole
            self.leave()
            return bad
        self.smtp.send(wire.dot_stuff(content))
        return self.smtp.reply()


class Reader(threading.Thread):
    """Logs in again and again and reads a message, so that the POP3 side has work while it is killed."""

    def __init__(self, ledger, instance, stop):
        super().__init__(daemon=True)
        self.ledger, self.instance, self.stopping = ledger, instance, stop
        self.rng = random.Random(f"{ledger.seed}-reader")

    def run(self):
        while not self.stopping.is_set():
            user = self.rng.choice(self.ledger.users)
            try:
                with wire.Pop3(self.instance.pop3_address, timeout=60) as pop:
                    pop.login(user, self.instance.passwords[user])
                    count = pop.stat()[0]
                    if count:
                        check_message(self.ledger, user, pop.retr(self.rng.randint(1, count)))
                        self.ledger.reads["mailbox"] += 1
                    pop.quit()
            except (OSError, wire.Closed, AssertionError):
                self.ledger.reads["broken"] += 1
                time.sleep(0.05)


class Killer(threading.Thread):
    """SIGKILL every half second: every program in turn, in an order that the seed decides."""

    def __init__(self, ledger, instance, stop, interval):
        super().__init__(daemon=True)
        self.ledger, self.instance, self.stopping = ledger, instance, stop
        self.interval = interval
        self.rng = random.Random(f"{ledger.seed}-killer")

    def run(self):
        turn = []
        while not self.stopping.wait(self.interval):
            turn = turn or self.rng.sample(KILLED, len(KILLED))
            pids = self.instance.pids(turn[-1])
            if not pids:
                continue  # not there yet after the last kill: its turn is now, next time
            try:
                os.kill(self.rng.choice(pids), signal.SIGKILL)
                self.ledger.kills[turn.pop()] += 1
            except ProcessLookupError:
                continue


def check_message(ledger, user, got):
    """A message as POP3 or a mailbox file (CRLF) shows it; returns its name, or None with a fault noted."""
    found = MARK.search(got)
    name = found.group(1).decode() if found else None
    if name not in ledger.entries:
        # Its sender may still be waiting for the answer; the audit at the end sees them all.
        return name
    recipients, digest, length, _ = ledger.entries[name]
    if user not in recipients:
        ledger.faults.append(f"{name} is in the mailbox of {user}")
    if hashlib.sha256(got[-length:]).digest() != digest:
        ledger.fates["corrupt"] += 1
        ledger.faults.append(f"{name} in the mailbox of {user} is not what was sent")
    elif not wire.TRACE.fullmatch(got[:-length]):
        ledger.faults.append(f"{name}: odd fields in front: {got[:-length]!r}")
    return name


def audit(ledger, instance):
    """Compares the ledger with the mailbox files."""
    present = collections.Counter()
    for user in ledger.users:
        for path in instance.files(user):
            got = path.read_bytes().replace(b"\n", b"\r\n")
            name = check_message(ledger, user, got)
            if name not in ledger.entries:
                ledger.faults.append(f"{path}: nobody sent this")
            present[name, user] += 1
    for name, (recipients, _, _, fate) in ledger.entries.items():
        for user in recipients:
            judge(ledger, name, user, fate, present[name, user])


def judge(ledger, name, user, fate, copies):
    if copies > 1:
        ledger.fates["duplicate"] += copies - 1
        ledger.faults.append(f"{name} is {copies} times in the mailbox of {user}")
    if fate == "accepted" and copies == 0:
        ledger.fates["lost"] += 1
        ledger.faults.append(f"{name} was accepted and is not in the mailbox of {user}")
    if fate == "refused" and copies:
        ledger.fates["unwanted"] += 1
        ledger.faults.append(f"{name} was refused and is in the mailbox of {user}")
    if fate == "unknown" and copies:
        ledger.fates["unknown-delivered"] += 1


def run(instance, messages, connections, seed, interval=0.5):
    """Sends, kills, waits for the queue to empty, audits; the ledger with its faults."""
    ledger = Ledger(seed, sorted(instance.passwords))
    done = threading.Event()
    share = [messages // connections + (n < messages % connections) for n in range(connections)]
    senders = [Sender(n, ledger, instance.smtp_address, share[n]) for n in range(connections)]
    others = [Reader(ledger, instance, done), Killer(ledger, instance, done, interval)]
    for thread in senders + others:
        thread.start()
    for thread in senders:
        thread.join()
    done.set()
    for thread in others:
        thread.join()
    for thread in senders:
        if thread.failure:
            raise thread.failure
    instance.wait_ready(60)
    instance.wait_queue_empty(300)
    audit(ledger, instance)
    return ledger
