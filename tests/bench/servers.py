# SPDX-License-Identifier: ISC
"""The two servers that a benchmark compares: Postern and Postfix, each a private instance."""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("POSTERN_BUILD", ROOT / "build"))
USERS = 20
TICK_MS = 1000 / os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def stat_fields(pid):
    """The fields of /proc/PID/stat after the command name, or None."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rsplit(")", 1)[1].split()


def tree(root):
    """root and all its descendants."""
    children = {}
    for entry in os.listdir("/proc"):
        fields = stat_fields(entry) if entry.isdigit() else None
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu_ms(root):
    """Processor time of the tree, with that of children that ended and were waited for."""
    total = 0
    for pid in tree(root):
        fields = stat_fields(pid)
        if fields:
            total += sum(int(fields[i]) for i in (11, 12, 13, 14))
    return total * TICK_MS


def own_pss_kib(pid):
    """Its memory, shared pages divided among those that share them."""
    try:
        for line in open(f"/proc/{pid}/smaps_rollup"):
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def pss_kib(root):
    return sum(own_pss_kib(pid) for pid in tree(root))


def command_name(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return None


def wait_for_port(port, seconds=20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as s:
                s.settimeout(2)
                if s.recv(3) == b"220":
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"no server answers on port {port}")


def count_files(directory):
    with os.scandir(directory) as it:
        return sum(1 for _ in it)


class Server:
    """What the benchmarks ask of a server. `hold`: accept and keep, deliver nothing. `routes`: where
    mail for other domains goes, {"sink.example": "[127.0.0.1]:2525"}. `concurrency`: deliveries
    under way to one of these; None: the server's default. `certificate`: a pair of files, chain and
    key, for STARTTLS."""

    name = "?"

    def __init__(self, directory, hold, routes=None, concurrency=None, certificate=None):
        self.directory = pathlib.Path(directory)
        self.hold = hold
        self.routes = routes or {}
        self.concurrency = concurrency
        self.certificate = certificate
        self.port = free_port()
        self.pid = None

    def cpu_ms(self):
        return cpu_ms(self.pid)

    def pss_kib(self):
        return pss_kib(self.pid)

    def queue_kib(self):
        """Of the process that knows what waits."""
        return sum(own_pss_kib(pid) for pid in tree(self.pid) if command_name(pid) == self.queue_name)

    def queue_read_mib(self):
        """What that process has read so far."""
        pid = next(pid for pid in tree(self.pid) if command_name(pid) == self.queue_name)
        text = pathlib.Path(f"/proc/{pid}/io").read_text()
        return int(text.split("rchar: ")[1].split()[0]) / (1 << 20)

    def mailbox(self, user):
        raise NotImplementedError

    def delivered(self):
        total = 0
        for n in range(USERS):
            try:
                total += count_files(self.mailbox(n) / "new")
            except FileNotFoundError:
                pass
        return total


class Postern(Server):
    name = "ours"
    queue_name = "queue"

    def __init__(self, directory, hold, **kw):
        super().__init__(directory, hold, **kw)
        prefix = pathlib.Path(os.environ.get("POSTERN_PREFIX", ROOT / "build" / "inst"))
        self.source = prefix
        self.as_root = os.geteuid() == 0
        self.user = pwd.getpwnam("nobody") if self.as_root else None

    def more_conf(self):
        return ""

    def users(self):
        """What the table has."""
        return {f"user{n}@bench.example.test": "*" for n in range(USERS)}

    def command(self, *args, **kw):
        argv = [str(self.prefix / "sbin/postern"), "-c", str(self.conf), "--libexec",
                str(self.prefix / "libexec/postern"), *args]
        if self.as_root:
            argv = ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}",
                    "--clear-groups", *argv]
        return subprocess.run(argv, check=True, **kw)

    def start(self):
        self.directory.mkdir(parents=True)
        # An ordinary user may be unable to reach the checkout.
        self.prefix = self.directory / "inst"
        shutil.copytree(self.source, self.prefix)
        self.conf = self.directory / "postern.conf"
        self.conf.write_text(f"""hostname = "bench.example.test"
postmaster = "{next(iter(self.users()))}"
listen smtp {{ address = "127.0.0.1:{self.port}" }}
mailboxes = "{self.directory}/mail/%d/%n"
spool = "{self.directory}/spool"
run = "{self.directory}/run"
tables = "{self.directory}/tables"
log = "{self.directory}/log"
queue {{ hold-local = {"true" if self.hold else "false"} }}
""" + (f"remote {{ destination-concurrency = {self.concurrency} }}\n" if self.concurrency else "")
            + self.more_conf()
            + ('certificate bench.example.test {{ chain = "{}"  key = "{}" }}\n'.format(*self.certificate)
               if self.certificate else ""))
        (self.directory / "tables").mkdir()
        (self.directory / "tables" / "domains").write_text("bench.example.test\n")
        (self.directory / "tables" / "users").write_text(
            "".join(f"{address}:{value}\n" for address, value in self.users().items()))
        (self.directory / "tables" / "aliases").write_text("")
        (self.directory / "tables" / "routes").write_text(
            "".join(f"{domain} smtp:{to}\n" for domain, to in self.routes.items()))
        (self.directory / "tables" / "users").chmod(0o640)
        if self.as_root:
            for path in [self.directory, *self.directory.glob("[!i]*"), *self.directory.glob("tables/*")]:
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        self.command("table", "build", stdout=subprocess.DEVNULL)
        self.start_again()

    def start_again(self):
        self.command("start", "--detach", stdout=subprocess.DEVNULL)
        self.pid = int((self.directory / "run" / "postern.pid").read_text())
        wait_for_port(self.port)

    def mailbox(self, user):
        return self.directory / "mail" / "bench.example.test" / f"user{user}"

    def stop(self):
        self.command("stop", stdout=subprocess.DEVNULL)

    def kill(self):
        """All at once, as far as that can be."""
        pids = tree(self.pid)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        while any(stat_fields(pid) and stat_fields(pid)[0] != "Z" for pid in pids):
            time.sleep(0.02)


class Postfix(Server):
    name = "peer"
    queue_name = "qmgr"

    def start(self):
        self.directory.mkdir(parents=True)
        conf = self.directory / "conf"
        for d in ("conf", "queue", "data", "mail"):
            (self.directory / d).mkdir()
        os.chown(self.directory / "data", pwd.getpwnam("postfix").pw_uid, -1)
        os.chown(self.directory / "mail", pwd.getpwnam("nobody").pw_uid, -1)
        (conf / "boxes").write_text(
            "".join(f"user{n}@bench.example.test bench.example.test/user{n}/\n" for n in range(USERS)))
        (conf / "transports").write_text(
            "".join(f"{domain} smtp:{to}\n" for domain, to in self.routes.items()))
        # The defaults of Debian's Postfix but for names, places and the log.
        (conf / "main.cf").write_text(f"""compatibility_level = 3.6
queue_directory = {self.directory}/queue
data_directory = {self.directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = bench.example.net
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = bench.example.test
virtual_mailbox_base = {self.directory}/mail
virtual_mailbox_maps = texthash:{conf}/boxes
virtual_uid_maps = static:{pwd.getpwnam("nobody").pw_uid}
virtual_gid_maps = static:{pwd.getpwnam("nobody").pw_gid}
virtual_minimum_uid = 100
transport_maps = texthash:{conf}/transports
{f"default_destination_concurrency_limit = {self.concurrency}" if self.concurrency else ""}
maillog_file = {self.directory}/log
maillog_file_prefixes = {self.directory}
{"smtpd_data_restrictions = check_client_access static:HOLD" if self.hold else ""}
{"smtpd_tls_security_level = may" if self.certificate else ""}
{f"smtpd_tls_cert_file = {self.certificate[0]}" if self.certificate else ""}
{f"smtpd_tls_key_file = {self.certificate[1]}" if self.certificate else ""}
""")
        master = pathlib.Path("/usr/share/postfix/master.cf.dist").read_text()
        lines = []
        for line in master.splitlines():
            if line.startswith("smtp      inet"):
                line = f"127.0.0.1:{self.port} inet n - n - - smtpd"
            lines.append(line.replace("pickup    fifo", "pickup    unix"))
        services = [l.split() for l in lines if l and not l.startswith(("#", " ", "\t"))]
        # Not chrooted: the private queue directory has no etc/ in it.
        (conf / "master.cf").write_text(
            "\n".join(" ".join([*s[:4], "n", *s[5:]]) for s in services if s[7] not in ("pipe",)) + "\n")
        subprocess.run(["postfix", "-c", str(conf), "start"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = int((self.directory / "queue/pid/master.pid").read_text())
        wait_for_port(self.port)

    def mailbox(self, user):
        return self.directory / "mail" / "bench.example.test" / f"user{user}"

    def stop(self):
        os.kill(self.pid, signal.SIGTERM)
        while stat_fields(self.pid):
            time.sleep(0.02)


class TlsFloor(Server):
    """Handshakes and the dialogue, and nothing else: see tls-floor.c."""

    name = "floor"

    def start(self):
        self.directory.mkdir(parents=True)
        self.process = subprocess.Popen([BUILD / "tests/bench/tls-floor", str(self.port), *map(str, self.certificate)],
                                        stdout=subprocess.PIPE)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == b"ready\n"

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
