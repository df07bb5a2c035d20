# SPDX-License-Identifier: ISC
"""Servers of others that take our mail, as private instances on loopback ports.

Each runs in a directory of its own and is gone after close().
"""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from instance import free_port, wait_for

SMTP_SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/bin")


class Receiver:
    def __init__(self, base=None):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="receiver-", dir=base))
        self.directory.chmod(0o755)
        self.process = None

    def spawn(self, *argv):
        self.process = subprocess.Popen([str(a) for a in argv], cwd=self.directory, start_new_session=True,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def close(self):
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)
        shutil.rmtree(self.directory)


class Sink(Receiver):
    """Postfix's smtp-sink; what it takes lies in `mails`, one file each, behind a few lines of its own."""

    def __init__(self, *options, port=None, host="127.0.0.1", base=None):
        super().__init__(base)
        self.host = host
        self.port = port or free_port(host)
        self.options = options
        self.mails = self.directory / "mails"
        self.mails.mkdir()
        self.start()

    def start(self):
        user = []
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            for path in (self.directory, self.mails):
                os.chown(path, nobody.pw_uid, nobody.pw_gid)
            user = ["-u", "nobody"]
        self.spawn(SMTP_SINK, *user, *self.options, "-d", f"{self.mails}/%M.",
                   f"inet:{'[' + self.host + ']' if ':' in self.host else self.host}:{self.port}", 500)
        wait_for("the sink listens", 10, self.listens)

    def listens(self):
        with open(f"/proc/net/tcp{'6' if ':' in self.host else ''}", encoding="ascii") as table:
            return any(line.split()[1].endswith(f":{self.port:04X}") and line.split()[3] == "0A"
                       for line in list(table)[1:])

    def pause(self):
        """Nobody listens there any more; start() goes on."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)
        self.process = None

    def nexthop(self):
        return f"smtp:[127.0.0.1]:{self.port}"

    def texts(self):
        """What it has taken so far, without the files that are being written. It removes the file of a
        transaction that broke off."""
        found = []
        for path in sorted(self.mails.iterdir()):
            try:
                text = path.read_bytes()
            except FileNotFoundError:
                continue
            if text.endswith(b"\n"):
                found.append(text)
        return found


DOVECOT_CONF = """\
base_dir = {d}/run
state_dir = {d}/run
log_path = {d}/log
protocols = lmtp
ssl = no
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
mail_location = maildir:{d}/mail/%n
mail_uid = {user}
mail_gid = {group}
first_valid_uid = 1
first_valid_gid = 1
passdb {{
  driver = static
  args = nopassword=y
}}
{userdb}
service anvil {{
  chroot =
}}
service lmtp {{
  chroot =
  unix_listener lmtp {{
    mode = 0666
  }}
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


ALL_USERS = """\
userdb {{
  driver = static
  args = uid={user} gid={group} home={d}/mail/%n allow_all_users=yes
}}"""
SOME_USERS = """\
userdb {{
  driver = passwd-file
  args = username_format=%n {d}/users
  override_fields = uid={user} gid={group} home={d}/mail/%n
}}"""


class Dovecot(Receiver):
    """Dovecot's LMTP server, on `socket` and at `port`; every user exists, or those named."""

    def __init__(self, port=None, users=None):
        super().__init__()
        self.port = port or free_port()
        self.socket = self.directory / "run" / "lmtp"
        entry = pwd.getpwnam("nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name)
        group = "nogroup" if os.geteuid() == 0 else str(entry.pw_gid)
        for name in ("run", "mail"):
            (self.directory / name).mkdir()
            os.chown(self.directory / name, entry.pw_uid, entry.pw_gid)
        conf = self.directory / "dovecot.conf"
        names = {"d": self.directory, "user": entry.pw_name, "group": group}
        if users is not None:
            (self.directory / "users").write_text("".join(f"{u}::::::\n" for u in users))
        conf.write_text(DOVECOT_CONF.format(
            port=self.port, userdb=(ALL_USERS if users is None else SOME_USERS).format(**names), **names))
        self.spawn(DOVECOT, "-F", "-c", conf)
        wait_for("Dovecot's socket", 20, self.socket.exists)

    def files(self, user):
        new = self.directory / "mail" / user / "new"
        return sorted(new.iterdir()) if new.is_dir() else []
