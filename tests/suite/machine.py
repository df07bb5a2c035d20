# SPDX-License-Identifier: ISC
"""A machine with users of its own, as far as the suite can tell: a private mount namespace in which
/etc/passwd, group, shadow and pam.d are the test's. Nothing outside it changes. Root only."""
import os
import pathlib
import secrets
import shutil
import subprocess
import tempfile

import pytest

from instance import PREFIX, User

SYSTEM = tuple(f"postern-{name}" for name in
               ("smtpd", "pop3d", "queue", "mail", "dir", "dns", "remote", "users", "keys"))
PAM = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"


class Inside(User):
    """Root, within the namespace."""

    def __init__(self, pid):
        super().__init__("root")
        self.pid = pid

    def prefix(self):
        return ["nsenter", f"--target={self.pid}", "--mount", "--"]


class Machine:
    def __init__(self):
        if not (PREFIX / "libexec" / "postern" / "pam-check").exists():
            pytest.skip("built without PAM")
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="postern-machine-"))
        self.directory.chmod(0o755)
        self.homes = self.directory / "homes"
        self.homes.mkdir()
        self.etc = self.directory / "etc"
        shutil.copytree("/etc/pam.d", self.etc / "pam.d")
        self.uids, self.passwords, self.hashes = {}, {}, {}
        self.order = []
        self.holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "sh", "-c",
                                        "echo ready; exec sleep infinity"], stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.user = Inside(self.holder.pid)
        self.cover()
        self.set_pam(PAM)
        self.write()
        for name in ("passwd", "group", "shadow"):
            self.run("mount", "--bind", self.etc / name, f"/etc/{name}")
        self.run("mount", "--bind", self.etc / "pam.d", "/etc/pam.d")

    def close(self):
        self.holder.terminate()
        self.holder.wait()
        shutil.rmtree(self.directory)

    def cover(self):
        """For machines that see more of their own; before the files are mounted."""

    def run(self, *argv):
        return subprocess.run([*self.user.prefix(), *map(str, argv)], check=True, capture_output=True)

    def set_pam(self, text):
        (self.etc / "pam.d" / "postern").write_text(text)

    def add(self, name, uid, home=True, expired=False):
        """A user whose password is secret-NAME; `home` True makes one."""
        self.uids[name] = uid
        self.passwords[name] = f"secret-{name}"
        self.hashes[name] = subprocess.run(
            ["openssl", "passwd", "-5", "-salt", secrets.token_hex(4), "-stdin"], check=True,
            input=self.passwords[name], capture_output=True, text=True).stdout.strip()
        if expired:
            self.hashes[name] += ":19000:0:99999:7::10"
        else:
            self.hashes[name] += ":19000:0:99999:7::"
        self.order.append(name)
        if home:
            self.home(name).mkdir()
            os.chown(self.home(name), uid, uid)
            self.home(name).chmod(0o755)

    def remove(self, name):
        self.order.remove(name)

    def write(self):
        """In place: the files are mounted."""
        passwd = pathlib.Path("/etc/passwd").read_text()
        group = pathlib.Path("/etc/group").read_text()
        shadow = "root:*:19000:0:99999:7:::\n"
        for name in self.order:
            uid = self.uids[name]
            home = self.home(name) if name in self.homes_of() else "/nonexistent"
            passwd += f"{name}:x:{uid}:{uid}::{home}:/bin/sh\n"
            group += f"{name}:x:{uid}:\n"
            shadow += f"{name}:{self.hashes[name]}:\n"
        for name, text, mode in (("passwd", passwd, 0o644), ("group", group, 0o644),
                                 ("shadow", shadow, 0o600)):
            path = self.etc / name
            path.write_text(text)
            path.chmod(mode)

    def homes_of(self):
        return {p.name for p in self.homes.iterdir()}

    def home(self, name):
        return self.homes / name

    def maildir(self, name):
        return self.home(name) / "Maildir"

    def files(self, name):
        found = []
        for part in ("new", "cur"):
            if (self.maildir(name) / part).is_dir():
                found += sorted((self.maildir(name) / part).iterdir())
        return found
