# SPDX-License-Identifier: ISC
"""Other people's mail servers as whole private instances: Postfix, Exim 4 and OpenSMTPD.

Debian lets only one of them be installed. Postfix is; the other two are unpacked by `./bootstrap
check` below build/servers and run in a root of their own, with the users that they insist on
("exim: failed to find uid for user name "Debian-exim"", "smtpd: unknown user opensmtpq") and at the
paths that are built into them. All need to be started by root, all listen on loopback, and all are
gone after close().

Each takes mail for `ann`, `bob` and `münchen` at any of its `domains`, and knows nobody else. Where
`back` is given, mail for other domains goes to that port of this machine.
"""
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess

import pytest

import receivers
from instance import TOP, free_port, wait_for

SERVERS = pathlib.Path(os.environ.get("POSTERN_SERVERS", TOP / "build" / "servers"))
POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/bin")
USERS = ("ann", "bob", "münchen")
# What the servers put in front of a message that has every field a message must have.
TRACE = re.compile(
    rb"((?i:Return-Path|Delivered-To|X-Original-To|Envelope-To|Delivery-Date|Received): ?[^\r\n]*\r\n"
    rb"([ \t][^\r\n]*\r\n)*)+")


def need_root():
    if os.geteuid() != 0:
        pytest.skip("needs root: these servers are started by root alone")


def listens(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
        return True
    except OSError:
        return False


class Mailboxes(receivers.Receiver):
    """`mail/USER/new`, on whichever side of a root."""

    port = None

    def nexthop(self):
        return f"smtp:[127.0.0.1]:{self.port}"

    def files(self, user):
        new = self.mail / user / "new"
        return sorted(new.iterdir()) if new.is_dir() else []

    def received(self, mark):
        """{user: [the content behind the server's own trace fields, with CRLF]} of a message."""
        found = {}
        for box in self.mail.iterdir():
            for path in self.files(box.name):
                text = path.read_bytes().replace(b"\n", b"\r\n")
                if mark in text:
                    head = TRACE.match(text)
                    assert head, text[:1000]
                    found.setdefault(box.name, []).append(text[head.end():])
        return found

    def log(self):
        path = self.directory / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def own(self, *paths, user="nobody"):
        entry = pwd.getpwnam(user)
        for path in paths:
            path.mkdir(parents=True, exist_ok=True)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def end(self):
        """Every process of ours ends, by its own number; a session of its own may have others."""
        for sign, seconds in ((signal.SIGTERM, 10), (signal.SIGKILL, 10)):
            for pid in self.pids():
                try:
                    os.kill(pid, sign)
                except ProcessLookupError:
                    pass
            if self.process is not None:
                try:
                    self.process.wait(seconds)
                except subprocess.TimeoutExpired:
                    continue
            try:
                wait_for("the server has ended", seconds, lambda: not self.pids())
                return
            except TimeoutError:
                pass

    def close(self):
        self.end()
        left = self.pids()
        assert not left, f"{type(self).__name__} did not end: {left}"
        shutil.rmtree(self.directory)


# --- Postfix ------------------------------------------------------------------------------


POSTFIX_MAIN = """\
compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = {name}
mydestination =
inet_interfaces = all
inet_protocols = all
mynetworks = 127.0.0.0/8
local_header_rewrite_clients =
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {d}/mail
virtual_mailbox_maps = regexp:{d}/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 100
virtual_mailbox_limit = 0
message_size_limit = 10485760
relayhost = {back}
smtp_tls_security_level = none
maillog_file = {d}/log
maillog_file_prefixes = {d}
import_environment = MAIL_CONFIG MAIL_LOGTAG
"""
POSTFIX_SERVICES = """\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(Mailboxes):
    """smtpd, cleanup and virtual. `listeners` is {"127.0.0.1:2525": {option: value}}, without it one at
    a free port; `options` go into main.cf."""

    words = "550 5.1.1"

    def __init__(self, domains=("far.example",), listeners=None, back=None, port=None, name="mx.far.example",
                 **options):
        need_root()
        if POSTFIX is None:
            pytest.skip("Postfix is not installed")
        super().__init__()
        self.port = port or free_port()
        listeners = listeners or {f"127.0.0.1:{self.port}": {}}
        self.conf = self.directory / "conf"
        self.mail = self.directory / "mail"
        for path in (self.conf, self.directory / "queue"):
            path.mkdir()
        self.own(self.mail)
        self.own(self.directory / "data", user="postfix")
        nobody = pwd.getpwnam("nobody")
        (self.directory / "boxes").write_text("".join(f"/^{u}@/ {u}/\n" for u in USERS))
        (self.conf / "main.cf").write_text(POSTFIX_MAIN.format(
            d=self.directory, name=name, domains=" ".join(domains), uid=nobody.pw_uid, gid=nobody.pw_gid,
            back=f"[127.0.0.1]:{back}" if back else "") +
            "".join(f"{k} = {v}\n" for k, v in options.items()))
        (self.conf / "master.cf").write_text(POSTFIX_SERVICES + "".join(
            f"{address} inet n - n - - smtpd" + "".join(f"\n  -o {k}={v}" for k, v in own.items()) + "\n"
            for address, own in listeners.items()))
        self.listeners = list(listeners)
        self.begin()

    def begin(self):
        done = subprocess.run([POSTFIX, "-c", str(self.conf), "start"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr + self.log()
        for address in self.listeners:
            host, _, port = address.rpartition(":")
            wait_for(f"Postfix listens at {address}", 20, lambda h=host, p=port: listens(h.strip("[]"), int(p)))

    def pids(self):
        """All that run on our configuration, which only their environment tells."""
        needle = f"MAIL_CONFIG={self.conf}\0".encode()
        return processes_with("environ", lambda text: needle in text)


def processes_with(name, condition):
    """Of those whose /proc/PID/NAME can be read and fits."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            if condition(pathlib.Path(f"/proc/{entry}/{name}").read_bytes()):
                found.append(int(entry))
        except OSError:
            continue
    return found


# --- In a root of their own ---------------------------------------------------------------


DEVICES_SCRIPT = """\
mount -t tmpfs -o mode=755 none "$0/dev" || exit
for name in null zero random urandom; do
	: >"$0/dev/$name" && mount --bind "/dev/$name" "$0/dev/$name" || exit
done
exec chroot "$0" "$@"
"""


class Rooted(Mailboxes):
    """A server out of unpacked packages. `root` looks like a system to it."""

    packages = ()
    users = ()
    host = "127.0.0.1"

    def __init__(self):
        need_root()
        for name in self.packages:
            if not (SERVERS / name).is_dir():
                pytest.skip(f"the package {name} is not unpacked in {SERVERS}: ./bootstrap check does it")
        super().__init__()
        self.root = self.directory / "root"
        try:
            self.make_root()
        except BaseException:
            shutil.rmtree(self.directory)
            raise

    def make_root(self):
        for name in ("dev", "etc", "tmp", "run", "var/spool", "var/log", "lib", "lib64"):
            (self.root / name).mkdir(parents=True)
        self.root.joinpath("var/run").symlink_to("/run")
        for name in self.packages:
            for path in (SERVERS / name).rglob("*"):
                to = self.root / path.relative_to(SERVERS / name)
                if "share" in path.parts or to.exists():
                    continue
                if path.is_dir():
                    to.mkdir()
                else:
                    shutil.copy2(path, to)
        for program in self.programs:
            self.copy_libraries(self.root / program)
        etc = self.root / "etc"
        lines = ["root:x:0:0::/:/bin/sh", "nobody:x:65534:65534::/:/bin/sh"]
        lines += [f"{user}:x:{990 + n}:{990 + n}::/:/bin/sh" for n, user in enumerate(self.users)]
        (etc / "passwd").write_text("\n".join(lines) + "\n")
        (etc / "group").write_text("root:x:0:\nnogroup:x:65534:\nmail:x:8:\n" +
                                   "".join(f"{u}:x:{990 + n}:\n" for n, u in enumerate(self.users)))
        (etc / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
        (etc / "hosts").write_text("127.0.0.1 localhost mx.far.example\n")
        (etc / "resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")
        self.mail = self.root / "mail"
        self.own(self.mail)

    def copy_libraries(self, program):
        """Those that it is linked with, the loader among them, at the paths where they are here."""
        done = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=True)
        if "not found" in done.stdout:
            pytest.skip(f"libraries of {program.name} are missing: {done.stdout}")
        for path in re.findall(r"(/\S+) \(0x", done.stdout):
            to = self.root / path.lstrip("/")
            to.parent.mkdir(parents=True, exist_ok=True)
            if not to.exists():
                shutil.copy2(path, to)

    def spawn_in_root(self, *argv):
        """Its /dev has a few devices of the machine's, in a mount namespace that ends with it: what it
        might remove or replace there is not the machine's."""
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", DEVICES_SCRIPT, str(self.root), *argv], cwd="/",
                start_new_session=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for(f"{argv[0]} listens", 20, lambda: listens(self.host, self.port) or self.died())

    def died(self):
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.log()}"

    def pids(self):
        """All whose root is ours."""
        found = []
        for entry in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{entry}/root") == str(self.root):
                    found.append(int(entry))
            except OSError:
                continue
        return found


EXIM_CONF = """\
primary_hostname = mx.far.example
domainlist ours = {domains}
daemon_smtp_ports = {ports}
local_interfaces = {interfaces}
log_file_path = /var/log/exim-%s
log_selector = +received_recipients
spool_directory = /var/spool/exim4
acl_smtp_rcpt = check_rcpt
acl_smtp_data = accept
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
chunking_advertise_hosts = *
pipelining_connect_advertise_hosts =
host_lookup =
# Else what comes behind the tenth mail of a session waits for the next queue run.
smtp_accept_queue_per_connection = 0
message_size_limit = 10M
trusted_users = root
keep_environment =
qualify_domain = far.example
{options}
begin acl
check_rcpt:
{acl}
  accept domains = +ours
         local_parts = ann : bob : münchen
  deny domains = +ours
       message = nobody of that name lives here
  deny message = not for us
begin routers
{routers}
boxes:
  driver = accept
  domains = +ours
  local_parts = ann : bob : münchen
  transport = box
begin transports
box:
  driver = appendfile
  directory = /mail/$local_part_data
  maildir_format
  user = nobody
  group = nogroup
  return_path_add
  delivery_date_add
  envelope_to_add
out:
  driver = smtp
  port = {back}
  allow_localhost
  hosts_try_dane =
  hosts_avoid_tls = *
begin authenticators
{authenticators}"""


class Exim(Rooted):
    """`ports`: where it listens, else at one free port; `options`, `acl` and `authenticators` are
    pieces of its configuration."""

    packages = ("exim4-base", "exim4-daemon-light")
    programs = ("usr/sbin/exim4",)
    users = ("Debian-exim",)
    words = "550 nobody of that name lives here"

    def __init__(self, domains=("far.example",), back=None, port=None, ports=None, interfaces="127.0.0.1",
                 options="", acl="", authenticators="", files=()):
        super().__init__()
        self.host = interfaces
        ports = ports or [port or free_port()]
        self.port = ports[0]
        (self.root / "etc/exim4").mkdir()
        uid = 990
        for name in ("var/spool/exim4", "var/log"):
            (self.root / name).mkdir(exist_ok=True)
            os.chown(self.root / name, uid, uid)
        for path in files:
            shutil.copy2(path, self.root / "etc/exim4")
            os.chown(self.root / "etc/exim4" / path.name, uid, uid)
        routers = ("back:\n  driver = manualroute\n  domains = !+ours\n  transport = out\n"
                   "  route_list = * 127.0.0.1\n  self = send\n") if back else ""
        (self.root / "etc/exim4/exim4.conf").write_text(EXIM_CONF.format(
            domains=" : ".join(domains), ports=" : ".join(map(str, ports)), interfaces=interfaces,
            options=options, acl=acl, routers=routers, back=back or 25, authenticators=authenticators))
        self.spawn_in_root("/usr/sbin/exim4", "-bdf", "-q1m")

    def log(self):
        return super().log() + "".join(
            path.read_text(errors="replace") for path in sorted((self.root / "var/log").glob("exim-*")))


OPENSMTPD_CONF = """\
table people {{ "ann" = "nobody", "bob" = "nobody" }}
listen on 127.0.0.1 port {port} hostname mx.far.example
action "box" maildir "/mail/%{{dest.user:lowercase}}" virtual <people>
action "back" relay host "smtp://127.0.0.1:{back}"
match from any for domain {{ {domains} }} action "box"
match from any for any action "back"
"""


class OpenSmtpd(Rooted):
    packages = ("opensmtpd",)
    programs = ("usr/sbin/smtpd", "usr/sbin/smtpctl", "usr/libexec/opensmtpd/mail.maildir", "bin/sh")
    users = ("opensmtpd", "opensmtpq")
    words = "524 5.2.4 Mailing list expansion problem"

    def __init__(self, domains=("far.example",), back=25, port=None):
        super().__init__()
        self.port = port or free_port()
        empty = self.root / "var/lib/opensmtpd/empty"
        empty.mkdir(parents=True, exist_ok=True)
        (self.root / "etc/smtpd.conf").write_text(OPENSMTPD_CONF.format(
            port=self.port, back=back, domains=", ".join(f'"{d}"' for d in domains)))
        self.spawn_in_root("/usr/sbin/smtpd", "-d")

    def make_root(self):
        (self.root / "bin").mkdir(parents=True)
        shutil.copy2("/bin/sh", self.root / "bin/sh")
        super().make_root()
