# SPDX-License-Identifier: ISC
"""The ledger of relaying: what clients were told, against what other servers got.

As in ledger.py, but half of the domains are somebody else's: their mail goes to smtp-sink, by routes
and by MX records, and every transaction that the sinks took is on disk with its time. What was
accepted must have arrived for each recipient, byte for byte; at a mailbox of ours once, at a sink at
least once, for SMTP cannot do better than repeat what was under way when a program died.

How often that may be is not guessed, but read: a copy can only be followed by another one when its
delivery was *in flight* at a kill of `queue` or of a `deliver-remote`. That is, the sink had the copy,
and `queue` had not logged a verdict on it yet; or it was `queue` that died, and the record of the
verdict may not have been on disk. It rides with the next commit, or with one that is made within a
second: so it was there when a message was answered 250 whose content a client sent after the verdict.
Each recipient may have as many repeats as kills met it in flight, and none else. Clients, sinks and
the log (JSON) have their times from the same clock.
"""
import bisect
import collections
import datetime
import hashlib
import json
import math
import os
import re
import threading
import time

import dns
import keeper
import ledger
import receivers

KILLED = ("smtpd", "queue", "directory", "resolver", "deliver-local", "deliver-remote")
FAR, NEAR, SENDERS = 12, 12, 24  # domains
ENVELOPE = re.compile(rb"X-Client-Addr: .*\n(?:X-[A-Za-z-]+: .*\n)*")
# A copy that was sent before a kill may lie in the sink's file this much after it; a record is made a
# second after the verdict. Both with what a busy machine may add.
ON_THE_WAY, ON_DISK = 0.3, 1.5
LOG_STEP = 0.001  # its times are cut off there
# Thousands of files are made and removed: not on a disk where others sync.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
# smtp-sink takes a line for a text of C.
NUL = bytes(b or 64 for b in range(256))

Copy = collections.namedtuple("Copy", "time whole")


class Sender(ledger.Sender):
    def transact(self, recipients, content):
        begun = time.time()
        reply = super().transact(recipients, content)
        if reply.code == 250:
            self.ledger.commits.append((begun, time.time()))
        return reply

    def make_content(self, name):
        self.reverse_path = f"sender@s{self.rng.randrange(SENDERS)}.example"
        return super().make_content(name).translate(NUL)


class World(keeper.Keeper):
    """Three sinks, and a name server: domains f0 to f3 are routed to the first; f4 and f5 to the second,
    which is slow, so that much is open at every kill; the rest and all senders are found at the third by
    DNS."""

    def start(self):
        self.sinks = [self.kept(receivers.Sink(*options, base=MEMORY)) for options in ((), ("-w", "1"), ())]
        self.names = self.kept(dns.Responder(self.answer))

    @staticmethod
    def answer(question):
        if question.type == dns.MX and question.name.count(".") == 1:
            return question.reply([dns.mx_record(question.name, 10, f"mx.{question.name}")])
        if question.type == dns.A and question.name.startswith("mx."):
            return question.reply([dns.record(question.name, dns.A, bytes((127, 0, 0, 1)))])
        return question.reply()

    def conf(self):
        return {"log-format": "json", "queue": {"retry-first": 1, "retry-max": 2},
                "remote": {"port": self.sinks[2].port, "families": "ipv4", "destination-concurrency": 200},
                "resolver": {"forwarders": [self.names.address], "validate": "no"}}

    def tables(self):
        return {"domains": "example.test\n" + "".join(f"n{n}.example\n" for n in range(NEAR)),
                "routes": "".join(f"f{n}.example {self.sinks[n // 4].nexthop()}\n" for n in range(6))}


def near_users():
    return [f"{name}@n{n}.example" for n in range(NEAR) for name in ("ann", "bob")]


def far_users():
    return [f"{name}@f{n}.example" for n in range(FAR) for name in ("carol", "dave")]


def run(instance, world, messages, connections, seed, interval=0.5):
    """Sends, kills, waits for the queue to empty, audits; the ledger with its faults."""
    book = ledger.Ledger(seed, near_users() + far_users())
    book.commits = []  # (a client began to send, it was answered 250)
    done = threading.Event()
    share = [messages // connections + (n < messages % connections) for n in range(connections)]
    senders = [Sender(n, book, instance.smtp_address, share[n]) for n in range(connections)]
    killer = ledger.Killer(book, instance, done, interval, KILLED)
    for thread in [*senders, killer]:
        thread.start()
    for thread in senders:
        thread.join()
    done.set()
    killer.join()
    for thread in senders:
        if thread.failure:
            raise thread.failure
    instance.wait_ready(60)
    instance.wait_queue_empty(120)
    Audit(book, instance, world).run()
    return book


class Audit:
    """Compares the ledger with mailboxes, sinks and log."""

    def __init__(self, book, instance, world):
        self.book, self.instance, self.world = book, instance, world
        self.copies = collections.defaultdict(list)  # (name, recipient): times, sorted
        self.verdicts = collections.defaultdict(list)  # (queue id, recipient): times, sorted
        self.deaths = [(at, program) for at, program in book.killed_at if program in ("queue", "deliver-remote")]

    def run(self):
        near = set(near_users())
        self.read_mailboxes(near)
        for sink in self.world.sinks:
            for path in sink.mails.iterdir():
                self.read_dump(path)
        for times in self.copies.values():
            times.sort()
        self.read_log()
        self.order_commits()
        for name, (recipients, _, _, fate) in self.book.entries.items():
            for user in recipients:
                if user in near:
                    ledger.judge(self.book, name, user, fate, len(self.copies[name, user]))
                else:
                    self.judge_far(name, user, fate)
        self.count_in_flight()

    def read_mailboxes(self, users):
        for user in users:
            for path in self.instance.files(user):
                got = path.read_bytes().replace(b"\n", b"\r\n")
                name = ledger.check_message(self.book, user, got)
                if name not in self.book.entries:
                    self.book.faults.append(f"{path}: nobody sent this")
                self.copies[name, user].append(path.stat().st_mtime)

    def read_dump(self, path):
        """A transaction at a sink. What was cut off by a kill is shorter than what was sent."""
        text = path.read_bytes()
        envelope = ENVELOPE.match(text)
        assert envelope, (path, text[:300])
        recipients = re.findall(rb"X-Rcpt-Args: <([^>]*)>", envelope.group())
        found = ledger.MARK.search(text)
        if b"X-Mail-Args: <>" in envelope.group():
            self.book.faults.append(f"{path}: somebody was sent a report: {text[-1500:]!r}")
            return
        name = found.group(1).decode() if found else None
        if name not in self.book.entries:
            if found:
                self.book.faults.append(f"{path}: nobody sent this")
            return
        wanted, digest, length, _ = self.book.entries[name]
        content = text[found.start():].replace(b"\n", b"\r\n")
        if len(content) < length:
            self.book.fates["cut"] += 1
            return
        if hashlib.sha256(content[:length]).digest() != digest or content[length:].strip():
            self.book.fates["corrupt"] += 1
            self.book.faults.append(f"{name} at {path} is not what was sent")
        for recipient in recipients:
            recipient = recipient.decode()
            if recipient not in wanted:
                self.book.faults.append(f"{name} was sent to {recipient}, who is no recipient of it")
            self.copies[name, recipient].append(path.stat().st_mtime)

    def read_log(self):
        for line in self.instance.log().splitlines():
            if '"to":' in line and '"status":' in line:
                event = json.loads(line)
                at = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()
                self.verdicts[event["id"], event["to"].strip("<>")].append(at)
        for times in self.verdicts.values():
            times.sort()

    def order_commits(self):
        """For each time at which a client began, the first answer to one who began no earlier."""
        commits = sorted(self.book.commits)
        self.begun = [begun for begun, _ in commits]
        self.first_answer = [answered for _, answered in commits]
        for n in range(len(commits) - 2, -1, -1):
            self.first_answer[n] = min(self.first_answer[n], self.first_answer[n + 1])

    def on_disk(self, verdict):
        """When the record of a verdict is on disk at the latest."""
        at = bisect.bisect_left(self.begun, verdict + LOG_STEP)
        return min([verdict + ON_DISK, *self.first_answer[at:at + 1]])

    def met_in_flight(self, name, recipient):
        """The kills that met one of the copies in flight; for a message whose client got no answer we have
        no id and so no verdicts, and take it as in flight for as long as a record takes."""
        known = name in self.book.ids
        verdicts = self.verdicts.get((self.book.ids.get(name), recipient), [])
        met = set()
        for copy in self.copies[name, recipient]:
            at = bisect.bisect_left(verdicts, copy - ON_THE_WAY)
            verdict = math.inf if at == len(verdicts) else verdicts[at] + LOG_STEP
            ends = {"deliver-remote": verdict, "queue": self.on_disk(verdict)} if known else {}
            for n, (death, program) in enumerate(self.deaths):
                if copy - ON_THE_WAY <= death <= ends.get(program, copy + ON_DISK):
                    met.add(n)
        return met

    def judge_far(self, name, user, fate):
        copies = self.copies[name, user]
        if fate == "accepted" and not copies:
            self.book.fates["lost"] += 1
            self.book.faults.append(f"{name} was accepted and did not reach {user}")
        if fate == "refused" and copies:
            self.book.fates["unwanted"] += 1
            self.book.faults.append(f"{name} was refused and reached {user}")
        if fate == "unknown" and copies:
            self.book.fates["unknown-delivered"] += 1
        repeats = max(0, len(copies) - 1)
        self.book.fates["repeat"] += repeats
        if repeats > len(self.met_in_flight(name, user)):
            self.book.fates["unexplained"] += 1
            self.book.faults.append(
                f"{name} reached {user} {len(copies)} times, at {copies}; its verdicts came at "
                f"{self.verdicts.get((self.book.ids.get(name), user))}, and no kill met it in flight")

    def count_in_flight(self):
        far = set(far_users())
        for (name, user), copies in list(self.copies.items()):
            if copies and user in far:
                self.book.fates["far"] += 1
                self.book.fates["in-flight"] += len(self.met_in_flight(name, user))
