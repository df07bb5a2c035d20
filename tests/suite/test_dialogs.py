# SPDX-License-Identifier: ISC
"""The dialogs of tests/dialogs, which the protocol cores pass in memory, against the real programs."""
import os
import shutil

import pytest

import wire
from dialog import Dialog, file_words
from instance import TOP, Instance, crypt_hash, wait_for

DIALOGS = TOP / "tests" / "dialogs"
USERS = ("ann", "bob", "cy", "admin", "o'hara", '"john doe"', "müller")
SMTP_OPTIONS = {"message-max": "size-max", **{name: name for name in (
    "recipients-max", "bad-commands-max", "commands-per-minute", "messages-per-session",
    "header-max", "hops-max")}}
LEAST = {"size-max": 64 << 10, "header-max": 1 << 10}  # as in common/conf-options.def
KNOWN = {"own-network", "bare-newline-refuse", *SMTP_OPTIONS}


def paths(kind):
    return sorted((DIALOGS / kind).glob("*.txt"))


def identity(path):
    return path.stem


def smtp_conf(settings):
    """Configuration for a dialog's settings; skips what only the core in memory can play."""
    unknown = set(settings) - KNOWN
    if unknown:
        pytest.skip(f"for the core in memory: {', '.join(sorted(unknown))}")
    smtp = {SMTP_OPTIONS[k]: int(v) for k, v in settings.items() if k in SMTP_OPTIONS}
    if any(smtp.get(name, least) < least for name, least in LEAST.items()):
        pytest.skip("for the core in memory: no configuration may say so little")
    if smtp.get("size-max", 1 << 30) < 256 << 10:
        smtp.setdefault("header-max", smtp["size-max"])
    if settings.get("bare-newline-refuse") == "no":
        smtp["bare-newline"] = "repair"
    conf = {"hostname": "mx.example.org", "postmaster": "admin@example.org", "smtp": smtp or None}
    if settings.get("own-network") != "yes":
        conf["networks"] = ["192.0.2.0/24"]
    return conf


class ExampleOrg(Instance):
    """The world of the dialogs' README."""

    domain = "example.org"

    def write_tables(self, users):
        super().write_tables(users)
        self.passwords["ann@example.org"] = "ann's secret"
        hashes = "".join(f"{a}:{crypt_hash(p)}\n" for a, p in self.passwords.items())
        self.write("tables/users", hashes)
        self.write("tables/domains", "example.org\ncatchall.example\n")
        self.write("tables/aliases", "team@example.org: ann@example.org, bob@example.org\n"
                   "postmaster@example.org: admin@example.org\n@catchall.example: ann@example.org\n")
        self.postern("table", "build", check=True)


@pytest.fixture(scope="module")
def servers():
    """Running instances by configuration: dialogs with the same settings share one."""
    running = {}

    def get(conf):
        key = repr(sorted(conf.items(), key=str))
        if key not in running:
            running[key] = ExampleOrg(conf=conf, users=USERS).start()
        return running[key]

    yield get
    for one in running.values():
        one.close()


@pytest.mark.parametrize("pieces", [0, 1], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("path", paths("smtp"), ids=identity)
def test_smtp(servers, path, pieces):
    dialog = Dialog(path)
    one = servers(smtp_conf(dialog.settings))
    with wire.Smtp(one.smtp_address, greeting=False) as smtp:
        dialog.run(smtp, pieces)


class Mailbox:
    """ann's Maildir, as another program of hers sees it."""

    def __init__(self, one, files):
        self.one, self.place = one, one.maildir("ann")
        shutil.rmtree(self.place, ignore_errors=True)
        for part in ("", "new", "cur", "tmp"):
            directory = self.place / part
            directory.mkdir(parents=True, exist_ok=True)
            one.user.own(directory)
            one.user.own(directory.parent)
        for path, text in files:
            self.make(path, text)

    def path(self, name):
        return self.place / os.fsdecode(name)

    def make(self, name, text):
        self.path(name).write_bytes(text)
        self.one.user.own(self.path(name))

    def do(self, line):
        verb, _, rest = line.partition(b" ")
        if verb == b"file":
            self.make(*file_words(rest))
        elif verb == b"move":
            source, target = rest.split()
            self.path(source).rename(self.path(target))
        elif verb == b"remove":
            self.path(rest).unlink()
        else:
            raise AssertionError(f"unknown X line: {line!r}")

    def names(self):
        return {os.fsencode(f"{part}/{p.name}") for part in ("new", "cur")
                for p in (self.place / part).iterdir()}

    def check(self, wanted, where):
        wait_for(f"{where}: files {wanted}", 5, lambda: self.names() == wanted)


@pytest.mark.parametrize("pieces", [0, 1], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("path", paths("pop3"), ids=identity)
def test_pop3(servers, path, pieces):
    dialog = Dialog(path)
    if {"passwords", "scram"} & set(dialog.settings) or b"temp@" in path.read_bytes():
        pytest.skip("for the core in memory")
    limit = {"login-failures-max": int(dialog.settings["login-failures-max"])} \
        if "login-failures-max" in dialog.settings else None
    one = servers({"hostname": "mx.example.org", "pop3": limit})
    box = Mailbox(one, dialog.files)
    with wire.Stream(one.pop3_address) as pop:
        dialog.run(pop, pieces, box)


def test_there_are_dialogs():
    assert paths("smtp") and paths("pop3")
