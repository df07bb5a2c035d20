# SPDX-License-Identifier: ISC
"""The dialogs of tests/dialogs, which the protocol cores pass in memory, against the real programs."""
import base64
import functools
import os
import shutil
import ssl

import pytest

import wire
from authority import Authority
from dialog import Dialog, file_words
from instance import TOP, Instance, crypt_hash, free_port, wait_for
from test_auth import plain

DIALOGS = TOP / "tests" / "dialogs"
USERS = ("ann", "bob", "cy", "admin", "o'hara", '"john doe"', "müller")
SMTP_OPTIONS = {"message-max": "size-max", **{name: name for name in (
    "recipients-max", "bad-commands-max", "commands-per-minute", "messages-per-session",
    "header-max", "hops-max")}}
LEAST = {"size-max": 64 << 10, "header-max": 1 << 10}  # as in common/conf-options.def
KNOWN = {"own-network", "bare-newline-refuse", "tls", "auth", "login-in-clear", "logged-in", "submission", "senders",
         "local-user", *SMTP_OPTIONS}
NEVER = {
    "only": "it says so",
    "queue": "the queue is in order",
    "recipients-left": "users' counts stay: test_submission.py::test_limits",
}
# What no real directory answers, or not to this client.
NEEDS = {
    b"temp@": "no lookup fails",
    b"coded@": "there is no such refusal",
    b"<ANN@": "to directory ANN is ann",
    b"revoked": "a login that was taken away: test_submission.py",
    b"AHRlbXAAc2VjcmV0": "no password is away",
    b"AUTH SCRAM-SHA-256 biws": "SCRAM of the core's own: test_auth.py, test_tls_tools.py",
}
ANN, SECRET = "ann@example.org", "ann's secret"


def base64_line(text):
    return base64.b64encode(text.encode()) + b"\r\n"


# The core's ann and her password, and what is offered where nobody has SCRAM keys.
REAL_WORDS = ((b"AGFubgBzZWNyZXQ=", plain(ANN, SECRET).encode()), (base64_line("ann"), base64_line(ANN)),
              (base64_line("secret"), base64_line(SECRET)))
REAL_REPLIES = {b"250-AUTH SCRAM-SHA-256 PLAIN LOGIN": b"250-AUTH PLAIN LOGIN"}


def paths(kind):
    return sorted((DIALOGS / kind).glob("*.txt"))


def identity(path):
    return path.stem


def smtp_conf(settings):
    """Configuration for a dialog's settings; skips what only the core in memory can play."""
    for name, why in NEVER.items():
        if name in settings:
            pytest.skip(f"for the core in memory: {why}")
    assert set(settings) <= KNOWN
    smtp = {SMTP_OPTIONS[k]: int(v) for k, v in settings.items() if k in SMTP_OPTIONS}
    if any(smtp.get(name, least) < least for name, least in LEAST.items()):
        pytest.skip("for the core in memory: no configuration may say so little")
    if smtp.get("size-max", 1 << 30) < 256 << 10:
        smtp.setdefault("header-max", smtp["size-max"])
    if settings.get("bare-newline-refuse") == "no":
        smtp["bare-newline"] = "repair"
    conf = {"hostname": "mx.example.org", "postmaster": "admin@example.org", "smtp": smtp or None}
    if settings.get("senders") == "any":
        conf["submission"] = {"sender": "any", "header-from": "any"}
    if settings.get("own-network") != "yes":
        conf["networks"] = ["192.0.2.0/24"]
    return conf


class ExampleOrg(Instance):
    """The world of the dialogs' README."""

    domain = "example.org"

    def write_tables(self, users):
        super().write_tables(users)
        self.passwords[ANN] = SECRET
        hashes = "".join(f"{a}:{crypt_hash(p)}\n" for a, p in self.passwords.items())
        self.write("tables/users", hashes)
        self.write("tables/domains", "example.org\ncatchall.example\n")
        self.write("tables/aliases", "team@example.org: ann@example.org, bob@example.org\nsales@example.org: ann@example.org\n"
                   "postmaster@example.org: admin@example.org\n@catchall.example: ann@example.org\n")
        self.postern("table", "build", check=True)


class Protected(ExampleOrg):
    """The same with listeners of every kind: by `ports` under TLS from the first octet, with a login or without,
    in clear with a login, and for submission with STARTTLS."""

    kinds = {"none": {"protocol": "smtp", "tls": "implicit"},
             "offered": {"protocol": "smtp", "tls": "implicit", "auth": "offered"},
             "required": {"protocol": "smtp", "tls": "implicit", "auth": "required"},
             "clear": {"protocol": "smtp", "tls": "no", "auth": "offered"},
             "submission": {"tls": "required"}}

    def __init__(self, **kw):
        super().__init__(**kw)
        place = self.directory / "tls"
        self.make_directory(place)
        self.authority = Authority(place)
        own = self.authority.certify("own", "mx.example.org")
        for path in place.iterdir():
            self.user.own(path)
        self.ports = {kind: free_port() for kind in self.kinds}
        self.configure(listen_smtp=None, listen_pop3={"address": "127.0.0.1:%d" % self.pop3_port, "tls": "no"},
                       **{"certificate mx.example.org": {"chain": own.chain, "key": own.key}},
                       **{f"listen {kind}": {"address": f"127.0.0.1:{self.ports[kind]}", **options}
                          for kind, options in self.kinds.items()})
        context = ssl.create_default_context(cafile=self.authority.certificate)
        self.wrap = functools.partial(context.wrap_socket, server_hostname="mx.example.org")

    def connect(self, settings):
        """A client at the listener that the settings mean, as far as they say it is."""
        login = "logged-in" in settings
        kind = "submission" if "submission" in settings else "offered" if login else settings.get("auth", "none")
        if "tls" not in settings and not login:
            kind = "clear"
        address = "127.0.0.1", self.ports[kind]
        smtp = wire.Smtp(address, greeting=False, tls=None if kind in ("clear", "submission") else self.wrap)
        if login:
            log_in(smtp, self.wrap if kind == "submission" else None)
        return smtp


def log_in(smtp, wrap):
    """As ann, after STARTTLS with `wrap`; then it is as if the greeting had just come."""
    greeting = smtp.line()
    smtp.ehlo()
    if wrap:
        assert smtp.cmd("STARTTLS").code == 220
        smtp.begin_tls(wrap)
        smtp.ehlo()
    assert smtp.cmd("AUTH PLAIN " + plain(ANN, SECRET)).code == 235
    smtp.buffer[:0] = greeting


def real_words(dialog):
    """With the names and passwords that are in the tables."""
    for n, step in enumerate(dialog.steps):
        if step[0] == "send":
            octets = step[1]
            for ours, real in REAL_WORDS:
                octets = octets.replace(ours, real)
            dialog.steps[n] = "send", octets
        elif step[0] == "expect":
            dialog.steps[n] = *step[:2], REAL_REPLIES.get(step[2], step[2])


@pytest.fixture(scope="module")
def servers():
    """Running instances by configuration: dialogs with the same settings share one."""
    running = {}

    def get(conf, kind=ExampleOrg):
        key = kind, repr(sorted(conf.items(), key=str))
        if key not in running:
            running[key] = kind(conf=conf, users=USERS).start()
        return running[key]

    yield get
    for one in running.values():
        one.close()


@pytest.mark.parametrize("pieces", [0, 1], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("path", paths("smtp"), ids=identity)
def test_smtp(servers, path, pieces):
    dialog = Dialog(path)
    settings = dialog.settings
    for octets, why in NEEDS.items():
        if octets in path.read_bytes():
            pytest.skip(f"for the core in memory: {why}")
    if settings.get("auth") == "required" and "tls" not in settings:
        pytest.skip("for the core in memory: not from this machine: test_from_afar.py")
    conf = smtp_conf(settings)
    if {"tls", "auth", "logged-in", "submission"} & set(settings):
        real_words(dialog)
        smtp = servers(conf, Protected).connect(settings)
    elif "local-user" in settings:
        smtp = wire.Smtp(str(servers(conf).directory / "run" / "sendmail.sock"), greeting=False)
    else:
        smtp = wire.Smtp(servers(conf).smtp_address, greeting=False)
    with smtp:
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
    for name, why in {"passwords": "from this machine they are taken: test_from_afar.py",
                      "scram": "SCRAM of the core's own: test_auth.py"}.items():
        if name in dialog.settings:
            pytest.skip(f"for the core in memory: {why}")
    if b"temp@" in path.read_bytes():
        pytest.skip("for the core in memory: no lookup fails")
    limit = {"login-failures-max": int(dialog.settings["login-failures-max"])} \
        if "login-failures-max" in dialog.settings else None
    one = servers({"hostname": "mx.example.org", "pop3": limit})
    box = Mailbox(one, dialog.files)
    with wire.Stream(one.pop3_address) as pop:
        dialog.run(pop, pieces, box)


def test_there_are_dialogs():
    assert paths("smtp") and paths("pop3")
