# SPDX-License-Identifier: ISC
"""A program of the suite that was taken over. Installed in its place, it is started by control as the
real one is; where an order lies for it, it says to each of its peers, and to control, what the order's
seed decides; without one it becomes the real program.

Messages are made from the tables of the edges, so an edge that is added is spoken without a line here.
The file is copied beside the programs with what tables() found, since the programs' user may not read
the checkout; it imports only what the interpreter has without its site packages.
"""
import json
import os
import random
import re
import select
import signal
import socket
import struct
import sys
import time

GREETING, PEER, ADMISSION, GO, STOP, READY = 0, 1, 5, 6, 7, 8
CONTROL_FD, CONF_FD = 3, 4
OPERATORS = 1000  # the edges of operators' commands to control, queue, directory: numbers of ours
MESSAGES, FLOOD_SECONDS, LINGER_SECONDS, LINGER_MAX_SECONDS = 80, 0.15, 0.35, 20
WORDS = (b"ann@example.org", b"example.org", b"", b"smtp:[127.0.0.1]:9", b"../../etc/passwd", b"a b\r\nc")


# --- what there is to say: for the tests, which can read the tree ------------------------------


def constants(top):
    text = re.sub(r"/\*.*?\*/", "", (top / "common" / "limits.h").read_text(), flags=re.DOTALL)
    known = {}
    for name, value in re.findall(r"(\w+) = ([\w *+]+),", text):
        known[name] = eval(value, {}, known)  # a number, or others multiplied
    return known


def parse_table(text, known, records):
    """(messages, records) of a table: [name, id, descriptors, is an ask, fields]."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    messages, fields = [], []
    for kind, inside in re.findall(r"(\w+)\(([^)]*)\)", text):
        words = [w.strip() for w in inside.split(",")]
        if kind == "RECORD":
            records[words[0]] = fields = []
        elif kind == "MESSAGE":
            fields = []
            messages.append([words[1], int(words[2]), int(words[3]), words[0] == "ASK", fields])
        elif kind.startswith("U"):
            fields.append(["number", int(kind[1:]) // 8])
        elif kind == "STRING":
            fields.append(["string", known.get(words[1]) or int(words[1]) if words[1] in known or
                           words[1].isdigit() else 256])
        elif kind == "REC":
            fields.append(["record", words[0]])
        elif kind == "LIST":
            fields.append(["list", words[0], known.get(words[2], 20)])
    return messages


def tables(top):
    """{number of the edge: what it is called, who is at its ends, and its messages}, and all records."""
    common, records = top / "common", {}
    known = constants(top)
    versions = {table: (name, int(version)) for name, version, table in re.findall(
        r'#define EDGE_NAME "([\w-]+)"\s+#define EDGE_VERSION (\d+)\s+#define TABLE "common/([\w.-]+)"',
        (common / "msg.c").read_text())}
    for shared in ("envelope.def", "auth.def"):
        parse_table((common / shared).read_text(), known, records)
    edges, supervision = {}, versions["msg-supervision.def"]
    rows = re.findall(r"(?m)^EDGE\((\w+),\s*(\w+),\s*(\w+)\)", (common / "wiring.def").read_text())
    operators = [(f"operator_{program}", "operator", program) for program in ("control", "queue", "directory")]
    numbered = [*enumerate(rows, 1), *enumerate(operators, OPERATORS)]
    for number, (edge, client, server) in numbered:
        table = f"msg-{edge.replace('_', '-')}.def"
        if table not in versions:  # several edges share one
            table = f"msg-{edge.split('_')[1]}.def"
        name, version = versions[table]
        edges[number] = {"edge": edge, "name": name, "version": version,
                         "client": client.replace("_", "-"), "server": server.replace("_", "-"),
                         "messages": parse_table((common / table).read_text(), known, records)}
    return {"edges": edges, "records": records, "supervision": supervision[1]}


# --- saying it ---------------------------------------------------------------------------------


class Speaker:
    """Random messages of the edges, well formed, in no order that makes sense."""

    def __init__(self, known, seed):
        self.edges, self.records, self.supervision = known["edges"], known["records"], known["supervision"]
        self.rng = random.Random(seed)

    def greeting(self, edge, server):
        e = self.edges[str(edge)]
        name = e["name"].encode()
        return struct.pack(">HI", GREETING, len(name)) + name + struct.pack(">HB", e["version"], server)

    def field(self, field):
        rng, kind = self.rng, field[0]
        if kind == "number":
            top = rng.choice((8, 8, 64, 1 << 8 * field[1]))
            return rng.randrange(min(top, 1 << 8 * field[1])).to_bytes(field[1], "big")
        if kind == "string":
            text = rng.choice((rng.choice(WORDS), rng.choice(WORDS), rng.randbytes(rng.randrange(64))))
            text = (rng.randbytes(field[1]) if rng.randrange(24) == 0 else text)[:field[1]]
            return struct.pack(">I", len(text)) + text
        if kind == "record":
            return self.fields(self.records[field[1]])
        count = rng.choice((0, 1, 1, 2, 3))
        return struct.pack(">H", count) + b"".join(self.fields(self.records[field[1]]) for _ in range(count))

    def fields(self, fields):
        return b"".join(map(self.field, fields))

    def message(self, edge, server):
        """(packet, descriptors that belong to it) of what that side may say; None: it says nothing."""
        rows = [row for row in self.edges[str(edge)]["messages"] if row[3] != server]
        if not rows:
            return None
        row = self.rng.choice(rows)
        packet = struct.pack(">H", row[1]) + self.fields(row[4])
        return (packet, row[2]) if len(packet) < 150000 else (packet[:2], 0)

    def countings(self, edge, server):
        """Each message that begins with a cookie or an id, with those that others have."""
        for row in self.edges[str(edge)]["messages"]:
            if row[3] != server and row[4] and row[4][0][0] == "number" and row[4][0][1] >= 4:
                rest = self.fields(row[4][1:])
                for n in range(40):
                    yield struct.pack(">H", row[1]) + n.to_bytes(row[4][0][1], "big") + rest, row[2]


class Enemy:
    """What it does to one edge. Each way returns whether it was said and nothing of it may be taken, so
    that it must be dropped."""

    def __init__(self, speaker, edge, instance, server, sock):
        self.speaker, self.rng = speaker, speaker.rng
        self.edge, self.instance, self.server, self.sock = edge, instance, server, sock
        self.closed = self.deaf = self.must = False

    def say(self, packet, descriptors=0):
        fds = [os.memfd_create("x") if n % 2 == 0 else socket.socket(socket.AF_UNIX).detach()
               for n in range(descriptors)]
        try:
            socket.send_fds(self.sock, [packet], fds, socket.MSG_NOSIGNAL)
            return True
        except BlockingIOError:
            return False
        except OSError as e:
            self.closed = self.closed or e.errno in (32, 104)  # EPIPE, ECONNRESET
            return False
        finally:
            for fd in fds:
                os.close(fd)

    def events(self):
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return dict(poll.poll(0)).get(self.sock.fileno(), 0)

    def is_met(self):
        """Whether the peer has this edge: it has greeted. One that is so late that we are dead and replaced
        before gets the next one's edge, and closes ours unseen."""
        return bool(self.events() & select.POLLIN)

    def is_dropped(self):
        return self.closed or bool(self.events() & (select.POLLHUP | select.POLLERR))

    def greet(self):
        self.say(self.speaker.greeting(self.edge, self.server))

    def message(self):
        return self.speaker.message(self.edge, self.server)

    def noise(self):
        if self.rng.randrange(2):
            self.greet()
        return self.say(b"\xff" + self.rng.randbytes(self.rng.randrange(1, 4096)))

    def nothing(self):
        self.greet()
        return self.say(b"")

    def silence(self):
        return False

    def wrong_greeting(self):
        number = self.rng.choice([n for n, e in self.speaker.edges.items()
                                  if e["name"] != self.speaker.edges[str(self.edge)]["name"]])
        return self.say(self.speaker.greeting(number, self.server))

    def own_side(self):
        return self.say(self.speaker.greeting(self.edge, not self.server))

    def huge(self):
        """A packet longer than any may be, in which a string says it is 4 GiB."""
        self.greet()
        return self.say(struct.pack(">HII", 1, 1, 0xffffffff) + bytes(170000))

    def anything(self):
        self.greet()
        for _ in range(MESSAGES):
            if said := self.message():
                self.say(*said)
        return False

    def ids_of_others(self):
        self.greet()
        for packet, descriptors in self.speaker.countings(self.edge, self.server):
            self.say(packet, descriptors)
        return False

    def damaged(self):
        self.greet()
        for _ in range(10):
            if said := self.message():
                packet = bytearray(said[0])
                for _ in range(self.rng.randint(1, 4)):
                    packet[self.rng.randrange(len(packet))] = self.rng.randrange(256)
                self.say(bytes(packet), said[1])
        return False

    def half(self):
        """And nothing behind it."""
        self.greet()
        said = self.message()
        if not said or len(said[0]) < 3:
            return False
        return self.say(said[0][:self.rng.randrange(1, len(said[0]))], said[1])

    def descriptors(self):
        self.greet()
        said = self.message()
        if not said:
            return False
        return self.say(said[0], self.rng.choice([n for n in (0, 1, 2, 3, 4, 9, 200) if n != said[1]]))

    def flood(self):
        self.greet()
        said = self.message()
        end = time.monotonic() + FLOOD_SECONDS
        while said and not self.closed and time.monotonic() < end:
            if not self.say(*said):
                select.select([], [self.sock], [], 0.01)
        return False


WAYS = ("noise", "nothing", "silence", "wrong_greeting", "own_side", "huge", "anything", "ids_of_others",
        "damaged", "half", "descriptors", "flood")
DEAF = ("flood", "half", "silence")  # these read no answers


class Life:
    def __init__(self, name, directory, order):
        self.name, self.order = name, order
        self.lives = directory / "lives"
        self.speaker = Speaker(json.loads((directory.parent / "tables").read_text()), order["seed"])
        self.control = socket.socket(fileno=CONTROL_FD)
        self.control.setblocking(True)
        self.peers, self.kept, self.heard = [], [], set()

    def tell(self, **what):
        line = json.dumps({"pid": os.getpid(), **what}) + "\n"
        fd = os.open(self.lives, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.write(fd, line.encode())
        os.close(fd)

    def receive(self):
        """One message of control's: its number, 0 for a greeting, None at the end."""
        data, fds, _, _ = socket.recv_fds(self.control, 65536, 4)
        if not data:
            return None
        number = struct.unpack(">H", data[:2])[0]
        if number == PEER:
            edge, instance, _ = struct.unpack(">BHI", data[2:9])
            sock = socket.socket(fileno=fds[0])
            sock.setblocking(False)
            server = self.speaker.edges[str(edge)]["server"] == self.name
            self.peers.append(Enemy(self.speaker, edge, instance, server, sock))
        elif number == ADMISSION:
            self.scribble(*struct.unpack(">HHH", data[2:8]), *fds)
        else:
            self.kept += fds
        return number

    def scribble(self, worker, _workers, page, fd):
        """Over its page of counters, so that each client seems to have all connections it may have; and
        over the others', where it can."""
        claim = b"\xff" * os.fstat(fd).st_size
        try:
            written = os.pwrite(fd, claim, 0) > 0
        except OSError:
            written = False
        self.tell(page=page, own=page == worker, written=written)
        os.close(fd)

    def listen_to(self, enemy):
        """What an edge says, unless it is closed."""
        while not enemy.closed:
            try:
                data, fds, _, _ = socket.recv_fds(enemy.sock, 200000, 4)
            except BlockingIOError:
                return
            except OSError:
                data, fds = b"", []
            for fd in fds:
                os.close(fd)
            enemy.closed = not data
            for nexthop in re.findall(rb"smtp:\[[0-9.]+\]:\d+", data):
                if nexthop not in self.heard:
                    self.heard.add(nexthop)
                    self.tell(heard=nexthop.decode())

    def attack(self):
        self.speaker.rng.shuffle(self.peers)
        for enemy in self.peers:
            way = self.order["way"] or self.speaker.rng.choice(WAYS)
            self.tell(edge=enemy.edge, instance=enemy.instance, way=way)
            met = enemy.is_met()
            enemy.must = getattr(enemy, way)() and met
            self.tell(edge=enemy.edge, instance=enemy.instance, way=way, must=enemy.must)
            enemy.deaf = way in DEAF

    def supervise(self):
        """The edge to control: it is told nonsense last, and kills us for it."""
        way = self.order["control"]
        packets = {"noise": self.speaker.rng.randbytes(300), "unknown": b"\x7f\xff", "nothing": b"",
                   "half": struct.pack(">H", READY)[:1], "again": struct.pack(">H", READY),
                   "lmtp": struct.pack(">HII", 9, 1, 5) + b"local"}
        if way:
            self.tell(control=way)
            self.control.send(packets[way])

    def linger(self):
        """Until it is killed; where nobody has a reason to, it leaves in the end, but not before all who have
        to drop it have done so. It does not stop when it is told to, nor when control is gone."""
        last = time.monotonic() + LINGER_MAX_SECONDS
        end = time.monotonic() + LINGER_SECONDS
        listening = [self.control]
        while (left := end - time.monotonic()) > 0:
            if time.monotonic() < last and not all(e.is_dropped() for e in self.peers if e.must):
                end = time.monotonic() + LINGER_SECONDS
                left = 0.02
            open_ones = [e.sock for e in self.peers if not e.closed and not e.deaf]
            ready, _, _ = select.select([*listening, *open_ones], [], [], left)
            if self.control in ready and self.receive() is None:
                listening = []
            for enemy in self.peers:
                if enemy.sock in ready:
                    self.listen_to(enemy)

    def live(self):
        self.control.send(struct.pack(">HI", GREETING, 11) + b"supervision" +
                          struct.pack(">HB", self.speaker.supervision, 1))
        while (number := self.receive()) != GO:
            if number in (None, STOP):
                return
        if self.order["ready"]:
            self.control.send(struct.pack(">H", READY))
        self.attack()
        self.supervise()
        self.linger()


def visit(root, path, edge, seed, *ways):
    """Somebody at an operator's socket; the ways in which that one was not dropped, though it had to be."""
    with open(f"{root}/tables", encoding="utf-8") as file:
        speaker = Speaker(json.load(file), int(seed))
    kept, left = [], []
    for way in ways:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.connect(path)
        sock.setblocking(False)
        enemy = Enemy(speaker, int(edge), 0, False, sock)
        must = getattr(enemy, way)()
        end = time.monotonic() + 5
        while must and not enemy.closed and time.monotonic() < end:
            select.select([sock], [], [], 0.1)
            try:
                enemy.closed = not sock.recv(200000)
            except BlockingIOError:
                continue
            except OSError:
                enemy.closed = True
        if must and not enemy.closed:
            kept.append(way)
        left.append(sock)  # open until all is said
    return kept


def claim(directory):
    """The next order, which is ours alone; None: there is none."""
    for name in sorted(os.listdir(directory / "orders")):
        taken = directory / "taken" / f"{name}.{os.getpid()}"
        try:
            os.rename(directory / "orders" / name, taken)
        except FileNotFoundError:
            continue
        return json.loads(taken.read_text())
    return None


def main(name, root, conf):
    import pathlib
    directory = pathlib.Path(root) / name
    order = claim(directory)
    if order is None:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.execv(pathlib.Path(root) / "real" / name, [name, conf])
    Life(name, directory, order).live()
