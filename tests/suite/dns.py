# SPDX-License-Identifier: ISC
"""Name servers of a test's own, on loopback, and a client of the program resolver.

World      a private root with zones below it: signed (NSEC and NSEC3), unsigned, bogus, expired;
           served by nsd, with unbound as a resolver in front of it
Responder  a name server that answers whatever a test wants it to, or nothing
Resolver   the program resolver alone, started as control would, and asked as deliver-remote would
"""
import collections
import contextlib
import ctypes
import datetime
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

import pytest

import instance as instance_module
from edge import versions
from instance import TOP, Logged, conf_text, free_port, ordinary_user, reachable_prefix, wait_for

OK, NO_NAME, NO_DATA, TEMPORARY, BOGUS = 1, 2, 3, 4, 5
A, CNAME, SOA, PTR, MX, TXT, AAAA, TLSA = 1, 5, 6, 12, 15, 16, 28, 52
START_SECONDS = 20
ANSWER_SECONDS = 40

HEAD = """$TTL 600
@ SOA ns.example. admin.example. 1 3600 900 86400 120
@ NS ns.example.
"""

TLSA_DATA = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

HOSTS = f"""
@ MX 20 mx2
@ MX 10 mx1
@ TXT "v=one " "and two"
mx1 A 192.0.2.1
mx1 AAAA 2001:db8::1
mx2 A 192.0.2.2
_25._tcp.mx1 TLSA 3 1 1 {TLSA_DATA}
alias CNAME @
to-plain CNAME plain.example.
to-nothing CNAME not-there
loop1 CNAME loop2
loop2 CNAME loop1
no-mail MX 0 .
mixed MX 0 .
mixed MX 10 mx1
only-ip MX 10 192.0.2.7.
many-a A 192.0.2.1
sub.deep A 192.0.2.9
""" + "".join(f"many MX {100 - n} host{n}\n" for n in range(60)) + \
    "".join(f"many-txt TXT \"{n}\"\n" for n in range(30)) + \
    "long TXT " + " ".join(f'"{"x" * 250}"' for _ in range(20)) + "\n"


def free_udp_and_tcp_port():
    """A port that is free for both; name servers listen on both."""
    while True:
        port = free_port()
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            try:
                udp.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def need(name, package):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is missing: apt-get install {package}")
    return path


class World:
    """The zones below a private root, and who serves them. `nsd` and `unbound` are addresses for
    the configuration's `forwarders`; `anchor` is the text of the private root's trust anchor. With
    `addresses` nsd listens there, on port 53, and there is no unbound. `zones` are others than the
    usual: {name: (is it signed, records)}; signed.example must be among them."""

    def __init__(self, addresses=(), zones=None):
        self.tools = {name: need(name, package) for name, package in (
            ("nsd", "nsd"), ("unbound", "unbound"), ("ldns-keygen", "ldnsutils"),
            ("ldns-signzone", "ldnsutils"))}
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="postern-dns-"))
        self.directory.chmod(0o755)
        self.zones, self.children = {}, []
        self.given = zones
        self.addresses = addresses or ("127.0.0.1",)
        self.nsd_port = 53 if addresses else free_udp_and_tcp_port()
        self.unbound_port = free_udp_and_tcp_port()
        self.nsd, self.unbound = f"127.0.0.1:{self.nsd_port}", f"127.0.0.1:{self.unbound_port}"
        try:
            self.make_zones()
            self.start_nsd()
            if not addresses:
                self.start_unbound()
        except BaseException:
            self.close()
            raise

    # --- Zones ------------------------------------------------------------------

    def make_zones(self):
        if self.given is None:
            delegations = self.make_usual_zones()
        else:
            delegations = "".join((self.signed if is_signed else self.unsigned)(name, records)
                                  for name, (is_signed, records) in self.given.items())
        delegations += "example. TXT \"a name on the way\"\n"
        delegations += f"ns.example. A {self.addresses[0]}\n"
        self.signed(".", delegations)

    def make_usual_zones(self):
        delegations = ""
        delegations += self.signed("signed.example", HOSTS)
        delegations += self.signed("nsec3.example", HOSTS, "-n", "-s", "abcd", "-t", "1")
        delegations += self.signed("expired.example", HOSTS, "-i", "20200101", "-e", "20200201")
        delegations += self.signed("bogus.example", HOSTS)
        self.break_signature("bogus.example", "MX")
        delegations += self.unsigned("plain.example", HOSTS)
        delegations += self.unsigned("2.0.192.in-addr.arpa", "1 PTR mx1.signed.example.\n"
                                     "2 PTR not_a.host.example.\n2 PTR bad\\032name.example.\n"
                                     "3 PTR bad\\032name.example.\n")
        delegations += self.unsigned("8.b.d.0.1.0.0.2.ip6.arpa",
                                     "1" + ".0" * 23 + " PTR mx1.signed.example.\n")
        return delegations

    def write_zone(self, name, records):
        path = self.directory / (name.strip(".") or "root")
        path.write_text(f"$ORIGIN {name.rstrip('.')}.\n" + HEAD + records)
        return path

    def unsigned(self, name, records):
        self.zones[name] = self.write_zone(name, records)
        return f"{name}. NS ns.example.\n"

    def signed(self, name, records, *options):
        """Signs it; returns its delegation. The root's is the anchor."""
        path = self.write_zone(name, records)
        key = self.tool("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", name)
        if "-e" not in options:
            later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=300)
            options += ("-e", later.strftime("%Y%m%d"))
        self.tool("ldns-signzone", *options, "-o", name, path.name, key)
        self.zones[name] = path.with_name(path.name + ".signed")
        ds = (self.directory / f"{key}.ds").read_text()
        if name == ".":
            self.anchor = ds
        return f"{name}. NS ns.example.\n{ds}"

    def tool(self, name, *arguments):
        done = subprocess.run([self.tools[name], *map(str, arguments)], cwd=self.directory,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, (name, arguments, done.stdout, done.stderr)
        return done.stdout.strip()

    def break_signature(self, name, kind):
        """Another octet in the middle of the signature of that type at the zone's own name."""
        text = self.zones[name].read_text()
        match = re.search(rf"^{re.escape(name)}\.\s.*\sRRSIG\s+{kind}\s.*$", text, re.MULTILINE)
        line = match.group()
        at = line.rindex(" ") + 20
        broken = line[:at] + ("A" if line[at] != "A" else "B") + line[at + 1:]
        self.zones[name].write_text(text.replace(line, broken))

    # --- Servers ----------------------------------------------------------------

    def start_nsd(self):
        zones = "".join(f'zone:\n  name: "{name}"\n  zonefile: "{path}"\n'
                        for name, path in self.zones.items())
        addresses = "".join(f"  ip-address: {a}\n" for a in self.addresses)
        conf = self.directory / "nsd.conf"
        conf.write_text(f"""server:
{addresses}  port: {self.nsd_port}
  username: ""
  chroot: ""
  zonesdir: "{self.directory}"
  xfrdir: "{self.directory}"
  xfrdfile: "{self.directory}/xfrd.state"
  zonelistfile: "{self.directory}/zone.list"
  pidfile: "{self.directory}/nsd.pid"
  logfile: "{self.directory}/nsd.log"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
{zones}""")
        self.start("nsd", "-d", "-c", conf)
        self.wait_for_server(self.nsd_port, self.addresses[0])

    def start_unbound(self):
        conf = self.directory / "unbound.conf"
        conf.write_text(f"""server:
  interface: 127.0.0.1
  port: {self.unbound_port}
  username: ""
  chroot: ""
  directory: "{self.directory}"
  pidfile: "{self.directory}/unbound.pid"
  logfile: "{self.directory}/unbound.log"
  use-syslog: no
  module-config: "iterator"
  do-not-query-localhost: no
  unblock-lan-zones: yes
  access-control: 127.0.0.0/8 allow
  num-threads: 1
stub-zone:
  name: "."
  stub-addr: 127.0.0.1@{self.nsd_port}
remote-control:
  control-enable: no
""")
        self.start("unbound", "-d", "-c", conf)
        self.wait_for_server(self.unbound_port)

    def start(self, name, *arguments):
        log = open(self.directory / f"{name}.out", "wb")
        with log:
            self.children.append(subprocess.Popen(
                [self.tools[name], *map(str, arguments)], cwd=self.directory,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def wait_for_server(self, port, host="127.0.0.1"):
        """It answers a question over UDP."""
        question = struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + wire_name("signed.example") + \
            struct.pack("!HH", MX, 1)

        def answers():
            with socket.socket(type=socket.SOCK_DGRAM) as s:
                s.settimeout(0.5)
                try:
                    s.sendto(question, (host, port))
                    return s.recv(4096)[3] & 15 == 0
                except OSError:
                    return False

        wait_for("a name server", START_SECONDS, answers)

    def close(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait(10)
        shutil.rmtree(self.directory)


ROOT_SERVERS = (
    "198.41.0.4", "170.247.170.2", "192.33.4.12", "199.7.91.13", "192.203.230.10", "192.5.5.241",
    "192.112.36.4", "198.97.190.53", "192.36.148.17", "192.58.128.30", "193.0.14.129",
    "199.7.83.42", "202.12.27.33", "199.9.14.201")


@contextlib.contextmanager
def network_of_its_own(*addresses):
    """This thread, and what it starts, in a network namespace where only these addresses are."""
    new_net = 0x40000000
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(new_net) != 0:
            pytest.skip("no network namespaces: " + os.strerror(ctypes.get_errno()))
        try:
            for arguments in (["link", "set", "lo", "up"],
                              *(["address", "add", f"{a}/{128 if ':' in a else 32}", "dev", "lo"]
                                for a in addresses)):
                subprocess.run([need("ip", "iproute2"), *arguments], check=True)
            yield
        finally:
            assert libc.setns(home, new_net) == 0
    finally:
        os.close(home)


# --- A server that lies -----------------------------------------------------------------


def wire_name(name):
    out = b""
    for label in filter(None, name.rstrip(".").split(".")):
        out += bytes([len(label)]) + label.encode("latin-1")
    return out + b"\0"


def record(name, kind, rdata, ttl=600):
    return wire_name(name) + struct.pack("!HHIH", kind, 1, ttl, len(rdata)) + rdata


def mx_record(name, preference, host):
    return record(name, MX, struct.pack("!H", preference) + wire_name(host))


class Question:
    def __init__(self, packet):
        self.id, self.flags = struct.unpack_from("!HH", packet)
        at, labels = 12, []
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1").lower())
            at += 1 + packet[at]
        self.name = ".".join(labels)
        self.type, = struct.unpack_from("!H", packet, at + 1)
        self.section = packet[12:at + 5]

    def reply(self, answers=(), rcode=0, flags=0x8580, authorities=(), counts=None):
        """The bytes of a reply; records are bytes. `counts` lies about their number."""
        counts = counts or (len(answers), len(authorities), 0)
        return struct.pack("!6H", self.id, flags | rcode, 1, *counts) + self.section + \
            b"".join(answers) + b"".join(authorities)


class Responder:
    """Answers over UDP, and TCP, with what answer(question) returns: bytes, a list of them, or None
    for silence. `asked` counts the questions by (name, type)."""

    def __init__(self, answer, host="127.0.0.1", port=None):
        self.answer = answer
        self.asked = collections.Counter()
        self.port = port or free_udp_and_tcp_port()
        self.address = f"{host}:{self.port}"
        self.udp = socket.socket(type=socket.SOCK_DGRAM)
        self.udp.bind((host, self.port))
        self.tcp = socket.socket()
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind((host, self.port))
        self.tcp.listen()
        self.threads = [threading.Thread(target=run, daemon=True)
                        for run in (self.run_udp, self.run_tcp)]
        for thread in self.threads:
            thread.start()

    def replies(self, packet, over_tcp):
        question = Question(packet)
        question.over_tcp = over_tcp
        self.asked[question.name, question.type] += 1
        replies = self.answer(question)
        return [replies] if isinstance(replies, bytes) else replies or []

    def run_udp(self):
        try:
            while True:
                packet, peer = self.udp.recvfrom(4096)
                if not packet:
                    return
                for reply in self.replies(packet, False):
                    self.udp.sendto(reply, peer)
        except OSError:
            return  # closed

    def run_tcp(self):
        try:
            while True:
                connection, _ = self.tcp.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()
        except OSError:
            return

    def serve(self, connection):
        with connection:
            try:
                while size := connection.recv(2, socket.MSG_WAITALL):
                    packet = connection.recv(struct.unpack("!H", size)[0], socket.MSG_WAITALL)
                    for reply in self.replies(packet, True):
                        connection.sendall(struct.pack("!H", len(reply)) + reply)
            except OSError:
                return

    def close(self):
        for s in (self.udp, self.tcp):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()


# --- The program resolver ---------------------------------------------------------------


def edge_number(name):
    """As the wiring numbers it."""
    names = re.findall(r"^EDGE\((\w+),", (TOP / "common" / "wiring.def").read_text(), re.MULTILINE)
    return names.index(name) + 1


def put_string(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("!I", len(value)) + value


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, n):
        value = int.from_bytes(self.data[self.at:self.at + n], "big")
        assert self.at + n <= len(self.data)
        self.at += n
        return value

    def string(self):
        n = self.number(4)
        self.at += n
        assert self.at <= len(self.data)
        return self.data[self.at - n:self.at]

    def text(self):
        return self.string().decode("latin-1")

    def list(self, element):
        return [element(self) for _ in range(self.number(2))]


def greeting(edge, is_server=False):
    return struct.pack("!H", 0) + put_string(edge) + struct.pack("!HB", versions()[edge], is_server)


Answer = collections.namedtuple("Answer", "cookie state secure ttl why canonical records")

ELEMENTS = {
    2: lambda r: (r.number(2), r.text()),
    4: lambda r: r.string(),
    6: lambda r: (r.number(1), r.number(1), r.number(1), r.string()),
    8: lambda r: r.string(),
    10: lambda r: r.text(),
}


class Resolver(Logged):
    """`conf` is the section resolver. Runs as an ordinary user unless `user` is another."""

    def __init__(self, conf, user=None):
        self.user = user or ordinary_user()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="postern-resolver-"))
        self.directory.chmod(0o755)
        self.user.own(self.directory)
        self.program = reachable_prefix(self.user, self.directory) / "libexec/postern/resolver"
        self.log_path = self.directory / "log"
        self.process = None
        self.peers = {}
        self.cookie = 0
        self.conf = conf
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    def write_conf(self, conf):
        path = self.directory / "postern.conf"
        path.write_text(conf_text({
            "hostname": "mx.example.test",
            "listen smtp": {"address": "127.0.0.1:2525"},
            "mailboxes": f"{self.directory}/mail/%d/%n",
            "tables": self.directory,
            "log": self.log_path,
            "resolver": conf}))
        return path

    def start(self):
        path = self.write_conf(self.conf)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, open(path, "rb") as conf, open(self.log_path, "ab") as log:
            fds = [os.dup(theirs.fileno()), os.dup(conf.fileno())]
            high = [os.dup2(fd, 200 + n) for n, fd in enumerate(fds)]

            def place():
                os.dup2(high[0], 3)
                os.dup2(high[1], 4)

            self.process = subprocess.Popen(
                [*self.user.prefix(), str(self.program), str(path)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, preexec_fn=place, pass_fds=(3, 4))
            for fd in fds + high:
                os.close(fd)
        self.control = ours
        ours.settimeout(START_SECONDS)
        try:
            ours.send(greeting("supervision"))
            self.connect()
            ours.send(struct.pack("!H", 6))
            assert ours.recv(1 << 16)[:2] == b"\0\0"
            assert ours.recv(1 << 16) == struct.pack("!H", 8), "not ready"
        except (OSError, AssertionError) as e:
            raise RuntimeError(f"resolver did not start: {self.log()}") from e

    def connect(self, instance=0):
        """A fresh edge, as control makes it; takes the place of an older one."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        theirs.setblocking(False)
        with theirs:
            message = struct.pack("!HBHI", 1, edge_number("remote_resolver"), instance, 1)
            socket.send_fds(self.control, [message], [theirs.fileno()])
        ours.settimeout(ANSWER_SECONDS)
        ours.send(greeting("remote-resolver"))
        assert ours.recv(1 << 16)[:2] == b"\0\0"
        if instance in self.peers:
            self.peers[instance].close()
        self.peers[instance] = ours

    def reload(self, **conf):
        self.conf = {**self.conf, **conf}
        path = self.write_conf(self.conf)
        with open(path, "rb") as file:
            socket.send_fds(self.control, [struct.pack("!HI", 3, 1)], [file.fileno()])

    # --- Asking -----------------------------------------------------------------

    def send(self, kind, fields, instance=0):
        self.cookie += 1
        self.peers[instance].send(struct.pack("!HI", kind, self.cookie) + fields)
        return self.cookie

    def receive(self, instance=0):
        """The next answer; None when the channel was closed."""
        try:
            packet = self.peers[instance].recv(1 << 18)
        except ConnectionResetError:
            return None
        if not packet:
            return None
        r = Reader(packet)
        kind = r.number(2)
        head = [r.number(4), r.number(1), bool(r.number(1)), r.number(4), r.text()]
        canonical = r.text() if kind in (2, 4) else ""
        answer = Answer(*head, canonical, r.list(ELEMENTS[kind]))
        assert r.at == len(packet)
        return answer

    def ask(self, kind, fields):
        cookie = self.send(kind, fields)
        answer = self.receive()
        assert answer is not None, self.log()
        assert answer.cookie == cookie
        return answer

    def mx(self, domain):
        return self.ask(1, put_string(domain))

    def ip(self, host, family=4):
        return self.ask(3, bytes([family]) + put_string(host))

    def tlsa(self, host, port=25):
        return self.ask(5, struct.pack("!H", port) + put_string(host))

    def txt(self, name):
        return self.ask(7, put_string(name))

    def ptr(self, octets):
        return self.ask(9, put_string(octets))

    # --- Ending -----------------------------------------------------------------

    def log(self):
        return self.log_path.read_text() if self.log_path.exists() else ""

    def wait_for_end(self, seconds=20):
        return self.process.wait(seconds)

    def stop(self):
        """As control stops it; its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.control.close()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
        return self.process.wait()

    def close(self):
        status = self.stop()
        for peer in self.peers.values():
            peer.close()
        shutil.rmtree(self.directory)
        return status
