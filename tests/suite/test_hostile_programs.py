# SPDX-License-Identifier: ISC
"""A program of a running suite is taken over, and says to all that it is wired to, and to control, what
nobody should: the others drop it and go on, control starts it anew, and mail goes on meanwhile.

POSTERN_HOSTILE_ROUNDS and POSTERN_HOSTILE_SEED make it longer and repeat it.
"""
import collections
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

import hostile
import receivers
import wire
from instance import PREFIX, TOP, Instance, User, wait_for
from machine import Machine

ROUNDS = int(os.environ.get("POSTERN_HOSTILE_ROUNDS", "1"))
SEED = int(os.environ.get("POSTERN_HOSTILE_SEED", random.SystemRandom().randrange(1 << 32)))
PATIENCE = 8  # seconds that a bystander's dialogue may take; each wait inside the suite is longer
GROWTH_MAX_KB = 96 * 1024
FILES_MAX = 8  # descriptors more than before, when all is quiet again
BREAKING = ("noise", "huge", "half", "descriptors")  # while "nothing" is an end, and a wrong greeting another version
CONTROL_WAYS = ("noise", "unknown", "nothing", "half", "again", "lmtp")
FAULT = "the peer (?:sent|broke|is of another|does not read)"
RANKS = {name.replace("_", "-"): int(rank) for name, rank in re.findall(
    r"\[PROGRAM_(\w+)\] = (\d+)", (TOP / "control" / "wiring.c").read_text())}

WRAPPER = """#!{python} -ISB
import sys
sys.path.insert(0, {root!r})
import hostile
hostile.main({name!r}, {root!r}, sys.argv[1])
"""


class Infiltrated(Instance):
    """Each program of `names` is one that may be taken over."""

    def __init__(self, names, **kw):
        super().__init__(**kw)
        self.prefix = self.directory / "inst"
        if not self.prefix.exists():
            shutil.copytree(PREFIX, self.prefix)
        self.root = self.directory / "hostile"
        (self.root / "real").mkdir(parents=True)
        shutil.copy(pathlib.Path(hostile.__file__), self.root)
        self.known = hostile.tables(TOP)
        (self.root / "tables").write_text(json.dumps(self.known))
        for name in names:
            for part in ("", "orders", "taken"):
                self.make_directory(self.root / name / part) if part else (self.root / name).mkdir()
            self.user.own(self.root / name)
            program = self.prefix / "libexec" / "postern" / name
            program.rename(self.root / "real" / name)
            program.write_text(WRAPPER.format(python=sys.executable, root=str(self.root), name=name))
            program.chmod(0o755)
        self.orders = 0

    def order(self, name, **what):
        self.orders += 1
        path = self.root / name / f"order-{self.orders:06d}"
        path.write_text(json.dumps({"way": None, "control": None, "ready": True, **what}))
        path.rename(self.root / name / "orders" / path.name[6:])

    def lives(self, name):
        """What it did, in order."""
        path = self.root / name / "lives"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def orders_left(self, name):
        return len(list((self.root / name / "orders").iterdir()))


def memory_kb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def files_of(pid):
    """How many descriptors it has, without the mailboxes' directories, which deliver-local keeps (256 at
    most)."""
    count = 0
    for entry in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += "/mail/" not in os.readlink(f"/proc/{pid}/fd/{entry}")
        except FileNotFoundError:  # closed meanwhile
            pass
    return count


EXPOSED = ("smtpd", "pop3d", "deliver-remote")
TAKEN = ("smtpd", "pop3d", "deliver-remote", "deliver-local", "pop3d-session", "directory", "queue", "keys",
         "resolver")
COUNTING = ("smtpd", "pop3d")  # their workers count clients together, each on a page of its own
FAR = 6


@pytest.fixture(scope="module")
def sink():
    if receivers.SMTP_SINK is None:
        yield None
        return
    one = receivers.Sink(host="0.0.0.0")
    yield one
    one.close()


@pytest.fixture(scope="module")
def suite(sink):
    nexthops = [f"smtp:[127.0.0.{n + 1}]:{sink.port}" if sink else "smtp:[127.0.0.1]:9" for n in range(FAR)]
    one = Infiltrated(TAKEN, users=("ann", "bob"), conf={"queue": {"retry-first": 1, "retry-max": 1}},
                      tables={"routes": "".join(f"f{n}.example {nexthop}\n" for n, nexthop in enumerate(nexthops))})
    one.nexthops = nexthops
    try:
        one.start()
        for n in range(4):
            one.send(content(f"old-{n}"))
        one.wait_files("ann", 4)
        yield one
    finally:
        one.close()


def content(name, size=2000):
    """Any octets, the same for the same name."""
    rng = random.Random(name)
    lines = [rng.randbytes(60).hex().encode() for _ in range(size // 120)]
    return b"Subject: %s\r\n\r\n%s\r\n" % (name.encode(), b"\r\n".join(lines))


class Bystander:
    """Clients who have nothing to do with it: `does` of "submit" (for others' mailboxes here), "relay" and
    "fetch"."""

    def __init__(self, suite, does, name):
        self.suite, self.name = suite, name
        self.sent = []  # (address, content)
        self.failures, self.slowest, self.times = [], 0.0, collections.Counter()
        self.done = threading.Event()
        self.threads = [threading.Thread(target=self.work, args=(getattr(self, what), what), daemon=True)
                        for what in does]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exc):
        self.done.set()
        for thread in self.threads:
            thread.join()

    def work(self, one, what):
        number = 0
        while not self.done.wait(0.03) or number == 0:
            begun = time.monotonic()
            try:
                one(number)
            except (OSError, wire.Closed, AssertionError) as e:
                self.failures.append(f"{what} {number}: {e!r}")
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.times[what] += 1
            number += 1

    def send(self, to, text):
        with wire.Smtp(self.suite.smtp_address, timeout=PATIENCE) as smtp:
            smtp.ehlo()
            smtp.envelope("sender@client.example", [to])
            reply = smtp.data(text)
            assert reply.code == 250, reply
        self.sent.append((to, text))

    def submit(self, number):
        # Now and then one that is a file of its own.
        self.send(self.suite.address("bob"), content(f"{self.name}-near-{number}", 90000 if number % 8 == 7 else 2000))

    def relay(self, number):
        self.send(f"user@f{number % FAR}.example", content(f"{self.name}-far-{number}"))

    def fetch(self, number):
        address = self.suite.address("ann")
        with wire.Pop3(self.suite.pop3_address, timeout=PATIENCE) as pop:
            pop.login(address, self.suite.passwords[address])
            assert pop.stat()[0] == 4, "mail in an unlocked mailbox came or went"
            fault = wire.same_content(content(f"old-{number % 4}"), pop.retr(number % 4 + 1))
            assert fault is None, fault
            pop.quit()


# What goes on as if nothing were while one of these is hostile.
BYSTANDERS = {"smtpd": ("submit", "relay", "fetch"), "pop3d": ("submit", "relay", "fetch"),
              "deliver-remote": ("submit", "relay", "fetch"), "deliver-local": ("relay", "fetch"),
              "pop3d-session": ("submit", "relay"), "keys": ("submit", "relay", "fetch"),
              "resolver": ("submit", "relay", "fetch"), "queue": ("fetch",), "directory": (),
              "users": ("submit", "fetch"), "pam-check": ("submit", "fetch"), "deliver-owner": ("submit", "fetch"),
              "pop3d-owner": ("submit", "fetch")}


def snapshot(suite, but):
    """{(program, instance): pid} of all others, and how much they have."""
    rows = {(r["name"], r["instance"]): r["pid"] for r in suite.programs() if (r["name"], r["instance"]) != but}
    return rows, {who: (memory_kb(pid), files_of(pid)) for who, pid in rows.items()}


def check_others(suite, but, before):
    rows, had = before
    now, _ = snapshot(suite, but)
    assert now == rows, "other programs were started anew"
    for who, pid in rows.items():
        grown = memory_kb(pid) - had[who][0]
        assert grown < GROWTH_MAX_KB, f"{who} grew by {grown} KiB"

        def is_quiet(pid=pid, limit=had[who][1] + FILES_MAX):
            return files_of(pid) <= limit
        try:
            wait_for(f"{who} has its descriptors back", 20, is_quiet)
        except TimeoutError as e:
            held = collections.Counter(re.sub(r"\d+", "N", os.readlink(path))
                                       for path in pathlib.Path(f"/proc/{pid}/fd").iterdir())
            raise AssertionError(f"{e}, but {held}") from e


def check_arrivals(suite, sink, bystander, heard):
    """Everything that a bystander was told is taken has arrived, once, as it was. What a hostile program
    was given itself, it may have thrown away."""
    near = [text for to, text in bystander.sent if to.startswith("bob@")]
    mark = b"Subject: %s-near-" % bystander.name.encode()
    got = []

    def are_there():  # others may come again, after the real queue was killed
        got.extend(mail for mail in suite.fetch("bob") if mark in mail)
        return len(got) >= len(near)
    wait_for("all mail for mailboxes has arrived", 20, are_there, 0.2)
    assert len(got) == len(near), f"{len(got)} messages instead of {len(near)}"
    for text in near:
        assert sum(wire.same_content(text, mail) is None for mail in got) == 1
    far = [text.replace(b"\r\n", b"\n") for to, text in bystander.sent
           if to.startswith("user@") and suite.nexthops[int(to[6])] not in heard]
    if sink is not None:
        def missing():
            texts = b"".join(sink.texts())
            return [text for text in far if text not in texts]
        wait_for("all mail for others has arrived", 20, lambda: not missing(), 0.2)


def check_log(suite, name, log, told):
    """Each life has ended, those that had to by control's hand; each edge of a life is told of once, by
    who dropped it and by control. `log` gives it: who drops one that is dead already may be late."""
    for other in {other_of(suite, name, t) for t in told if "way" in t}:
        to_it = [t for t in told if "way" in t and other_of(suite, name, t) == other]

        def faults(other=other):
            return len(re.findall(rf"postern/{other}\[\d+\]: warning: .*{FAULT}", log()))
        if any(t.get("must") and t["way"] != "nothing" for t in to_it):
            wait_for(f"{other} has told what it was sent: {to_it}", PATIENCE, faults)
        assert faults() <= sum("must" not in t for t in to_it), (other, faults())
    pids = {t["pid"] for t in told}
    wait_for("what control says of each end", PATIENCE, lambda: {
        int(pid) for pid in re.findall(rf"program {name}\[(\d+)\] ended: ", log())} >= pids)
    text, ends = log(), collections.Counter()
    for pid in pids:
        mine = [t for t in told if t["pid"] == pid]
        ended = re.findall(rf"program {name}\[{pid}\] ended: (.*)", text)
        assert len(ended) == 1, (mine, ended)
        broken = collections.Counter(re.findall(
            rf"program {name}\[{pid}\] has broken the protocol of (\w+), says ([\w-]+\[\d+\])", text))
        assert all(times == 1 for times in broken.values()), broken
        stronger = [t for t in mine if "must" in t and RANKS[other_of(suite, name, t)] > RANKS[name]]
        if any(t["must"] and t["way"] in BREAKING for t in stronger):
            assert "signal 9" in ended[0], (mine, ended)
        ends[re.sub(r".*\(Killed\)(: )?", "killed: ", ended[0])] += 1
    return dict(ends)


def other_of(suite, name, told):
    edge = suite.known["edges"][told["edge"]]
    return edge["client"] if edge["server"] == name else edge["server"]


def is_alive(pid):
    return pathlib.Path(f"/proc/{pid}").exists()


def is_real(pid):
    try:
        return "/hostile/real/" in os.readlink(f"/proc/{pid}/exe")
    except FileNotFoundError:
        return False


def take_over(suite, name, instance, lives, rng):
    """Orders for that many lives, the last of which lead to a real one again."""
    ways = list(hostile.WAYS)
    rng.shuffle(ways)
    for n in range(lives):
        way = ways[n % len(ways)] if n < len(ways) else None
        suite.order(name, seed=rng.getrandbits(32), way=way,
                    control=rng.choice(CONTROL_WAYS) if n % 2 else None)
    pid = next(r["pid"] for r in suite.programs() if (r["name"], r["instance"]) == (name, instance))
    os.kill(pid, signal.SIGKILL)


def await_the_last(suite, name, lives):
    wait_for(f"{name} has lived {lives} times", 60, lambda: suite.orders_left(name) == 0)
    taken = [int(path.name.split(".")[1]) for path in (suite.root / name / "taken").iterdir()]
    wait_for(f"the last life of {name} is over", 20, lambda: not any(map(is_alive, taken)))
    suite.wait_ready(60)


def attack(suite, sink, name, lives, capsys):
    rng = random.Random(f"{SEED}-{name}")
    workers = sum(row["name"] == name for row in suite.programs())
    instance = rng.randrange(workers)
    before = snapshot(suite, (name, instance))
    does = [what for what in BYSTANDERS[name] if what != "relay" or sink is not None]
    began = len(suite.log())
    # First the real one is killed: who is its client just then is no bystander.
    take_over(suite, name, instance, lives, rng)
    with Bystander(suite, does, name) as bystander:
        await_the_last(suite, name, lives)
    told = suite.lives(name)
    pages = [t for t in told if "page" in t]
    assert all(t["written"] == t["own"] for t in pages), "it wrote into another's page of counters"
    assert any(t["own"] for t in pages) == (name in COUNTING)
    assert not bystander.failures, bystander.failures[:10]
    assert bystander.slowest < PATIENCE
    check_others(suite, (name, instance), before)
    check_arrivals(suite, sink, bystander, {t["heard"] for t in told if "heard" in t})
    ends = check_log(suite, name, lambda: suite.log()[began:], told)
    with capsys.disabled():
        print(f"\nhostile {name}: {lives} lives, {ends}; bystander: {dict(bystander.times)}, slowest "
              f"{bystander.slowest:.2f} s (seed {SEED})")


@pytest.mark.parametrize("name", TAKEN)
def test_others_go_on(suite, sink, name, capsys):
    attack(suite, sink, name, ROUNDS * (len(hostile.WAYS) if name in EXPOSED else 4), capsys)


def test_one_that_never_gets_ready_is_started_less_and_less(suite, sink):
    rng = random.Random(f"{SEED}-never")
    pid = suite.pids("resolver")[0]
    before = snapshot(suite, ("resolver", 0))
    began = len(suite.log())
    for _ in range(5):
        suite.order("resolver", seed=rng.getrandbits(32), way="noise", control="noise", ready=False)
    with Bystander(suite, ("submit", "fetch"), "never") as bystander:
        os.kill(pid, signal.SIGKILL)
        wait_for("all lives", 30, lambda: suite.orders_left("resolver") == 0)
        wait_for("a real one", 30, lambda: any(map(is_real, suite.pids("resolver"))))
    suite.wait_ready()
    delays = wait_for("three delays", 10, lambda: (
        ms if len(ms := re.findall(r"program resolver is started again in (\d+) ms", suite.log()[began:])) >= 3 else None))
    delays = [int(ms) for ms in delays]
    assert all(b == 2 * a for a, b in zip(delays, delays[1:])), delays
    assert not bystander.failures, bystander.failures[:10]
    check_others(suite, ("resolver", 0), before)
    check_arrivals(suite, sink, bystander, set())


# Whoever may use control.sock may stop the suite; anybody may ask queue, and does.
SOCKETS = {"control": ("noise", "nothing", "silence", "wrong_greeting", "own_side", "huge", "descriptors"),
           "directory": hostile.WAYS, "queue": hostile.WAYS}


def test_at_the_operators_sockets(suite, sink):
    stranger = User("daemon") if os.geteuid() == 0 else suite.user
    before = snapshot(suite, None)
    script = ("import sys\nsys.path.insert(0, sys.argv[1])\nimport hostile\n"
              "left = hostile.visit(*sys.argv[1:])\nassert not left, left\n")
    with Bystander(suite, ("submit", "fetch"), "operators") as bystander:
        for number, (name, ways) in enumerate(SOCKETS.items()):
            user = stranger if name == "queue" else suite.user
            edge = next(n for n, e in suite.known["edges"].items() if e["edge"] == f"operator_{name}")
            done = subprocess.run([*user.prefix(), sys.executable, "-ISBc", script, suite.root,
                                   suite.directory / "run" / f"{name}.sock", str(edge), str(SEED + number), *ways],
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
            assert done.returncode == 0, done.stderr
    assert not bystander.failures, bystander.failures[:10]
    assert suite.queue_length() >= 0
    check_others(suite, None, before)
    check_arrivals(suite, sink, bystander, set())


# --- with users of the machine ------------------------------------------------------------------

ROOTED = ("users", "pam-check", "deliver-owner", "pop3d-owner")


@pytest.fixture(scope="module")
def machine_suite():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    machine = Machine()
    one = None
    try:
        machine.add("carl", 4001)
        machine.write()
        one = Infiltrated(ROOTED, users=("ann", "bob"), user=machine.user,
                          conf={"system-users": {"domains": "host.test", "authentication": "pam"},
                                "queue": {"retry-first": 1, "retry-max": 1}})
        one.machine = machine
        one.start()
        for n in range(4):
            one.send(content(f"old-{n}"))
        one.wait_files("ann", 4)
        yield one
    finally:
        if one is not None:
            one.close()
        machine.close()


@pytest.mark.parametrize("name", ROOTED)
def test_others_go_on_beside_users_of_the_machine(machine_suite, name, capsys):
    count = len(machine_suite.machine.files("carl"))
    attack(machine_suite, None, name, ROUNDS * 4, capsys)
    # It is of use again.
    machine_suite.send(content(name), to=["carl@host.test"])
    wait_for("mail for carl", 20, lambda: len(machine_suite.machine.files("carl")) == count + 1)
    with wire.Pop3(machine_suite.pop3_address) as pop:
        pop.login("carl@host.test", machine_suite.machine.passwords["carl"])
        assert pop.stat()[0] == count + 1
        pop.quit()
