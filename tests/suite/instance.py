# SPDX-License-Identifier: ISC
"""One running Postern in a directory of its own, for tests and the demo of what is installed.

The programs run as an ordinary user: the caller, or nobody when the caller is root. Everything of an
instance lies in its directory, listens on free loopback ports, and is gone after
close(), which fails when a process is left over.
"""
import json
import os
import pathlib
import pwd
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import wire

TOP = pathlib.Path(__file__).resolve().parents[2]
PREFIX = pathlib.Path(os.environ.get("POSTERN_PREFIX", TOP / "build" / "inst"))
PROGRAMS = ("keys", "directory", "resolver", "deliver-local", "deliver-remote", "queue", "pop3d-session", "pop3d", "smtpd")
START_SECONDS = 20
STOP_SECONDS = 20
PORTS_FROM, PORTS_LEAST = 10240, 10000


def wait_for(what, seconds, condition, interval=0.05):
    """The condition's first true value; it fails loudly when that does not come in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(interval)


given_ports = set()


def can_listen(host, port):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as s:
        try:
            s.bind((host, port))
            return True
        except OSError:
            return False


def free_port(host="127.0.0.1"):
    """Never the same twice, nor one that a process of tests beside this one could be given, nor one that the kernel
    gives to whoever connects somewhere: until a server of the test listens there, it would be taken."""
    of_all, number = (int(re.sub(r"\D", "", os.environ.get(name, default))) for name, default in (
        ("PYTEST_XDIST_WORKER_COUNT", "1"), ("PYTEST_XDIST_WORKER", "gw0")))
    above = int(pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(PORTS_FROM, max(above, PORTS_FROM + PORTS_LEAST))
        if port % of_all == number and port not in given_ports and can_listen(host, port):
            given_ports.add(port)
            return port


def crypt_hash(password):
    """A crypt(3) hash that costs little to check: tests log in thousands of times."""
    done = subprocess.run(["openssl", "passwd", "-5", "-salt", secrets.token_hex(4), "-stdin"],
                          input=password, capture_output=True, text=True, check=True)
    return done.stdout.strip()


class User:
    """Whom the programs run as, and how to become it."""

    def __init__(self, name=None):
        entry = pwd.getpwnam(name) if name else pwd.getpwuid(os.geteuid())
        self.name, self.uid, self.gid = entry.pw_name, entry.pw_uid, entry.pw_gid

    def prefix(self):
        if self.uid == os.geteuid():
            return []
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups",
                "--inh-caps=-all"]

    def own(self, path):
        if self.uid != os.geteuid():
            os.chown(path, self.uid, self.gid)


def ordinary_user():
    return User("nobody" if os.geteuid() == 0 else None)


def value_text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(value_text(v) for v in value) + "}"
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def conf_text(options):
    """Configuration text; a nested dictionary is a section, its key may hold a title."""
    lines = []
    for key, value in options.items():
        if isinstance(value, dict):
            inner = "  ".join(f"{k} = {value_text(v)}" for k, v in value.items())
            lines.append(f"{key} {{ {inner} }}")
        else:
            lines.append(f"{key} = {value_text(value)}")
    return "\n".join(lines) + "\n"


def processes_of(directory):
    """{pid: command line} of every process whose arguments name something in this directory."""
    needle = str(directory).encode() + b"/"
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            line = pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
        except OSError:
            continue
        if needle in line:
            found[int(entry)] = line.replace(b"\0", b" ").decode("utf-8", "replace").strip()
    return found


def reachable_prefix(user, fallback):
    """PREFIX, or a copy of it where the user can read it (a checkout may be in root's home)."""
    probe = [*user.prefix(), "test", "-x", PREFIX / "sbin" / "postern"]
    if subprocess.run(probe, stderr=subprocess.DEVNULL).returncode == 0:
        return PREFIX
    copy = pathlib.Path(fallback) / "inst"
    if not copy.exists():
        shutil.copytree(PREFIX, copy)
    return copy


class Logged:
    """Who said something may have gone on before it stands in what log() gives: another program writes it."""

    def wait_log(self, text, seconds=10, times=1):
        wait_for(f"{text!r} in the log", seconds, lambda: self.log().count(text) >= times)

    def wait_log_match(self, pattern, seconds=10):
        return wait_for(f"{pattern!r} in the log", seconds, lambda: re.search(pattern, self.log()))


class Instance(Logged):
    """`conf` adds to and replaces the options below; a None takes one away. `tables` are texts of
    tables beside users: {"routes": "example.net relay:inside\\n"}."""

    domain = "example.test"
    live = []

    def __init__(self, conf=None, users=("ann", "bob"), user=None, spool=None, base=None, tables=None):
        self.user = user or ordinary_user()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="postern-", dir=base))
        self.directory.chmod(0o755)
        self.user.own(self.directory)
        self.prefix = reachable_prefix(self.user, self.directory)
        self.passwords = {}
        self.tables = tables or {}
        self.seen = set()
        self.smtp_port, self.pop3_port = free_port(), free_port()
        for name in ("tables", "home"):
            self.make_directory(self.directory / name)
        self.conf = self.directory / "postern.conf"
        self.spool = pathlib.Path(spool or self.directory / "spool")
        self.log_path = self.directory / "log"
        self.options = {
            "hostname": "mx.example.test",
            "postmaster": f"ann@{self.domain}",
            "listen smtp": {"address": f"127.0.0.1:{self.smtp_port}"},
            "listen pop3": {"address": f"127.0.0.1:{self.pop3_port}"},
            "tables": self.directory / "tables",
            "mailboxes": f"{self.directory}/mail/%d/%n",
            "spool": self.spool,
            "run": self.directory / "run",
            "log": self.log_path,
            "workers": 2,
            # All clients of a test have one address, and many err on purpose.
            "auth": {"failures": 10000, "login-failures": 10000},
        }
        try:
            self.configure(**(conf or {}))
            self.write_tables(users)
        except BaseException:
            shutil.rmtree(self.directory)
            raise
        Instance.live.append(self)

    # --- Setting up -----------------------------------------------------------

    def make_directory(self, path):
        path.mkdir(parents=True)
        self.user.own(path)

    def write(self, path, text):
        """A file of the instance, replaced as a whole."""
        path = self.directory / path
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.user.own(fresh)
        fresh.rename(path)

    def configure(self, **conf):
        """Keys as in the file, sections with their titles: {"relay inside": {...}, 'destination
        "example.net"': {...}}; `listen_smtp`, say, stands for what Python cannot spell."""
        for key, value in conf.items():
            for kind in ("listen", "relay", "lmtp"):
                if key.startswith(kind + "_"):
                    key = key.replace("_", " ", 1)
            self.options.pop(key, None)
            if value is not None:
                self.options[key] = value
        self.write("postern.conf", conf_text(self.options))

    def write_tables(self, users):
        """Domains and users as text; passwords are hashed cheaply. Builds the tables."""
        lines = []
        for name in users:
            address = name if "@" in name else f"{name}@{self.domain}"
            self.passwords[address] = "secret-" + name.split("@")[0]
            lines.append(f"{address}:{crypt_hash(self.passwords[address])}\n")
        self.set_tables(**{"domains": f"{self.domain}\n", "users": "".join(lines), "aliases": "",
                           **self.tables})

    def set_tables(self, **texts):
        """Replaces these text tables, and builds: set_tables(routes="* relay:inside\\n")."""
        for name, text in texts.items():
            self.write(f"tables/{name}", text)
        self.postern("table", "build", check=True)

    # --- Commands -------------------------------------------------------------

    def environment(self):
        keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL", "TZ")}
        return {**keep, "HOME": str(self.directory / "home"), "USER": self.user.name,
                "LOGNAME": self.user.name}

    def run(self, *argv, input=None, user=None, timeout=60, env=None, **kw):
        """Any program as the instance's user; output captured as text."""
        if isinstance(input, str):
            input = input.encode()
        done = subprocess.run(
            [*(user or self.user).prefix(), *map(str, argv)], input=input or b"", timeout=timeout,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.directory,
            env={**self.environment(), **(env or {})}, **kw)
        done.out = done.stdout.decode("utf-8", "replace")
        done.err = done.stderr.decode("utf-8", "replace")
        return done

    def postern(self, *argv, check=False, conf=None, **kw):
        done = self.run(self.prefix / "sbin" / "postern", "-c", conf or self.conf,
                        "--libexec", self.prefix / "libexec" / "postern", *argv, **kw)
        if check and done.returncode != 0:
            raise AssertionError(f"postern {' '.join(map(str, argv))}: status {done.returncode}\n"
                                 f"{done.out}{done.err}")
        return done

    def sendmail(self, *argv, input=b"", **kw):
        return self.run(self.prefix / "sbin" / "sendmail", "-C", self.conf, *argv, input=input, **kw)

    # --- Life -----------------------------------------------------------------

    def start(self):
        done = self.postern("start", "--detach")
        if done.returncode != 0:
            raise AssertionError(f"postern start: status {done.returncode}: {done.err}{self.log()[-3000:]}")
        self.wait_ready()
        return self

    def status(self):
        """What `postern status --json` says, or None while nothing answers."""
        done = self.postern("status", "--json")
        return json.loads(done.out) if done.returncode == 0 else None

    def programs(self):
        """[{name, instance, pid, ready, since, restarts}] of the running programs."""
        status = self.status()
        rows = status["programs"] if isinstance(status, dict) else status or []
        self.seen.update(row["pid"] for row in rows if row["pid"])
        return rows

    def is_ready(self):
        rows = self.programs()
        return set(PROGRAMS) <= {r["name"] for r in rows} and all(r["ready"] for r in rows)

    def wait_ready(self, seconds=START_SECONDS):
        wait_for("every program is ready", seconds, self.is_ready, 0.1)

    def pids(self, name):
        return [row["pid"] for row in self.programs() if row["name"] == name and row["pid"]]

    def stop(self):
        self.postern("stop", check=True, timeout=STOP_SECONDS + 10)
        left = self.leftovers(STOP_SECONDS)
        assert not left, f"still running after `postern stop`: {left}"

    def leftovers(self, seconds):
        deadline = time.monotonic() + seconds
        while (left := processes_of(self.directory)) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left

    def close(self):
        """Ends what runs, removes the directory, and fails when something had to be killed."""
        failure = None
        if processes_of(self.directory):
            stopped = self.postern("stop", timeout=STOP_SECONDS + 10)
            left = self.leftovers(STOP_SECONDS)
            if left:
                failure = f"left over: {left} ({stopped.err.strip()})"
                for pid in left:
                    os.kill(pid, signal.SIGKILL)
                self.leftovers(STOP_SECONDS)
        Instance.live.remove(self)
        if not os.environ.get("POSTERN_KEEP"):
            shutil.rmtree(self.directory)
        assert failure is None, failure

    # --- Talking to it --------------------------------------------------------

    @property
    def smtp_address(self):
        return "127.0.0.1", self.smtp_port

    @property
    def pop3_address(self):
        return "127.0.0.1", self.pop3_port

    def smtp(self, **kw):
        return wire.Smtp(self.smtp_address, **kw)

    def address(self, name):
        return name if "@" in name else f"{name}@{self.domain}"

    def pop3(self, name, **kw):
        address = self.address(name)
        return wire.Pop3(self.pop3_address, **kw).login(address, self.passwords[address])

    def send(self, content, to=("ann",), sender="sender@client.example", **kw):
        reply = wire.send(self.smtp_address, sender, [self.address(n) for n in to], content, **kw)
        assert reply.code == 250, reply
        return reply

    def fetch(self, name, delete=True):
        address = self.address(name)
        return wire.fetch_all(self.pop3_address, address, self.passwords[address], delete)

    def wait_files(self, name, count, seconds=20):
        wait_for(f"{count} messages for {name}", seconds, lambda: len(self.files(name)) >= count)

    def wait_for_mail(self, name, count, seconds=20):
        """The messages of a mailbox, fetched and deleted once there are `count`."""
        self.wait_files(name, count, seconds)
        messages = self.fetch(name)
        assert len(messages) == count, f"{len(messages)} messages instead of {count}"
        return messages

    def maildir(self, name):
        local, _, domain = self.address(name).partition("@")
        return self.directory / "mail" / domain / local

    def files(self, name):
        """The mailbox's message files, old and new."""
        found = []
        for part in ("new", "cur"):
            directory = self.maildir(name) / part
            if directory.is_dir():
                found += sorted(directory.iterdir())
        return found

    def queue(self):
        """The rows of `postern queue list --json`."""
        return json.loads(self.postern("queue", "list", "--json", check=True).out)

    def queue_length(self):
        return int(json.loads(self.postern("queue", "stats", "--json", check=True).out)["messages"])

    def wait_queue_empty(self, seconds=60):
        wait_for("the queue is empty", seconds, lambda: self.queue_length() == 0, 0.2)

    def log(self):
        try:
            return self.log_path.read_text(errors="backslashreplace")
        except FileNotFoundError:
            return ""
