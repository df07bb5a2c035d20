# SPDX-License-Identifier: ISC
"""Users of the machine who stand in LDAP alone: OpenLDAP's server, and Arthur de Jong's nslcd between it and the
modules of the C library and of PAM. All of them are unpacked, and seen only in the test's mount namespace."""
import os
import pathlib
import shutil
import stat
import subprocess

import pytest

import peers
import wire
from instance import Instance, free_port, wait_for
from machine import Machine

DOMAIN = "host.test"
PEOPLE = {"lena": 5001, "lutz": 5002}
SLAPD, NSS, PAM, NSLCD = (peers.SERVERS / name for name in ("slapd", "libnss-ldapd", "libpam-ldapd", "nslcd"))
SLAPD_CONF = """\
include {schema}/core.schema
include {schema}/cosine.schema
include {schema}/nis.schema
modulepath {modules}
moduleload back_mdb
pidfile {directory}/slapd.pid
database mdb
suffix "dc=host,dc=test"
directory {directory}/db
access to attrs=userPassword by anonymous auth by * none
access to * by * read
"""
PERSON = """
dn: uid={name},dc=host,dc=test
objectClass: account
objectClass: posixAccount
uid: {name}
cn: {name}
uidNumber: {uid}
gidNumber: {uid}
homeDirectory: {home}
userPassword: secret-{name}
"""

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not SLAPD.is_dir(), reason=f"slapd is not unpacked in {peers.SERVERS}: ./bootstrap check does it")]


class Ldap(Machine):
    """With a server of LDAP at `port`, which serve() starts, and stop() ends."""

    def __init__(self):
        self.port = free_port()
        self.server = self.client = None
        super().__init__()
        try:
            self.fill()
            self.serve()
            self.connect()
        except BaseException:
            self.close()
            raise

    def cover(self):
        """The system's libraries and /etc with ours in front, and another /run."""
        libraries, etc, run = (self.directory / name for name in ("libraries", "cover", "run"))
        (libraries / "security").mkdir(parents=True)
        (run / "nslcd").mkdir(parents=True)
        etc.mkdir()
        source, = NSS.rglob("libnss_ldap.so.2")
        shutil.copy2(source, libraries)
        module, = PAM.rglob("pam_ldap.so")
        shutil.copy2(module, libraries / "security")
        (etc / "nsswitch.conf").write_text("passwd: files ldap\ngroup: files ldap\nshadow: files\nhosts: files\n")
        (etc / "nslcd.conf").write_text(f"uid nobody\ngid nogroup\nuri ldap://127.0.0.1:{self.port}/\n"
                                        "base dc=host,dc=test\nreconnect_retrytime 1\n")
        (etc / "nslcd.conf").chmod(0o600)
        os.chown(run / "nslcd", 65534, 65534)
        system = pathlib.Path("/usr", source.parent.relative_to(NSS))
        self.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={libraries}:{system}", system)
        self.run("mount", "-t", "overlay", "overlay", "-o", f"lowerdir={etc}:/etc", "/etc")
        self.run("mount", "--bind", run, "/run")

    def slapd(self, *options):
        paths = ":".join(str(path) for name in ("libltdl7", "slapd") for path in
                         (peers.SERVERS / name / "usr/lib").glob("*-linux-gnu"))
        return ([SLAPD / "usr/sbin/slapd", *options, "-f", self.directory / "slapd.conf"],
                {**os.environ, "LD_LIBRARY_PATH": paths})

    def fill(self):
        (self.directory / "db").mkdir()
        (self.directory / "slapd.conf").write_text(SLAPD_CONF.format(
            schema=SLAPD / "etc/ldap/schema", modules=SLAPD / "usr/lib/ldap", directory=self.directory))
        text = "dn: dc=host,dc=test\nobjectClass: domain\ndc: host\n"
        for name, uid in PEOPLE.items():
            self.home(name).mkdir()
            os.chown(self.home(name), uid, uid)
            text += PERSON.format(name=name, uid=uid, home=self.home(name))
        command, environment = self.slapd("-T", "add")
        subprocess.run(command, env=environment, input=text, text=True, check=True, capture_output=True)

    def serve(self):
        command, environment = self.slapd("-d", "0", "-h", f"ldap://127.0.0.1:{self.port}/")
        with open(self.directory / "log", "ab") as log:
            self.server = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        wait_for("slapd listens", 10, lambda: peers.listens("127.0.0.1", self.port))

    def connect(self):
        with open(self.directory / "log", "ab") as log:
            self.client = subprocess.Popen([*self.user.prefix(), NSLCD / "usr/sbin/nslcd", "-n"], stdout=log, stderr=log)
        wait_for("a user is known", 10, lambda: self.knows("lena"))

    def knows(self, name):
        return subprocess.run([*self.user.prefix(), "getent", "passwd", name], check=False,
                              capture_output=True).returncode == 0

    def stop(self):
        self.server.terminate()
        self.server.wait(20)

    def close(self):
        for process in (self.client, self.server):
            if process is not None:
                process.terminate()
                process.wait(20)
        super().close()


@pytest.fixture(scope="module")
def machine():
    one = Ldap()
    one.set_pam("auth required pam_ldap.so\naccount required pam_ldap.so\n")
    yield one
    one.close()


@pytest.fixture(scope="module")
def server(machine):
    one = Instance(user=machine.user, conf={"system-users": {"domains": DOMAIN, "authentication": "pam"},
                                            "queue": {"retry-first": "1 s", "retry-max": "1 s"}})
    one.configure(listen_smtp={"address": f"127.0.0.1:{one.smtp_port}", "auth": "offered"})
    try:
        yield one.start()
    finally:
        one.close()


def reply_to(server, name):
    with server.smtp() as client:
        client.ehlo()
        assert client.cmd("MAIL FROM:<sender@client.example>").code == 250
        return client.cmd(f"RCPT TO:<{name}@{DOMAIN}>").code


def log_in(server, name, password):
    with wire.Pop3(server.pop3_address) as client:
        client.ok(f"USER {name}@{DOMAIN}")
        return client.cmd(f"PASS {password}")


def test_mail_is_the_users_own(machine, server):
    assert reply_to(server, "nobody-such") == 550
    server.send(b"Subject: by LDAP\r\n\r\nhello\r\n", [f"lena@{DOMAIN}"])
    wait_for("the mail is there", 20, lambda: machine.files("lena"))
    info = machine.files("lena")[0].stat()
    assert (info.st_uid, info.st_gid, stat.S_IMODE(info.st_mode)) == (5001, 5001, 0o600)


def test_passwords_are_the_directorys(server):
    assert b"[AUTH]" in log_in(server, "lena", "secret-lutz")
    content, = wire.fetch_all(server.pop3_address, f"lena@{DOMAIN}", "secret-lena")
    assert b"Subject: by LDAP" in content


def test_a_directory_that_is_away_is_no_answer(machine, server):
    """It is not "no such user", neither for mail nor for a password."""
    machine.stop()
    try:
        assert reply_to(server, "lutz") == 451
        assert b"[SYS/TEMP]" in log_in(server, "lutz", "secret-lutz")
    finally:
        machine.serve()
    wait_for("it is asked again", 20, lambda: reply_to(server, "lutz") == 250)
    server.send(b"Subject: late\r\n\r\nhello\r\n", [f"lutz@{DOMAIN}"])
    wait_for("the mail is there", 20, lambda: machine.files("lutz"))
