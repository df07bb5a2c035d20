# SPDX-License-Identifier: ISC
"""Clients that people use, in TLS, with every way to log in that each of them has.

Every client is told to believe the tests' authority, and checks; SCRAM-SHA-256-PLUS, which no client of
Debian 12's speaks over POP3, is spoken by ours.
"""
import concurrent.futures
import contextlib
import hashlib
import itertools
import re
import stat

import pytest

import wire
from authority import Authority
from conftest import tool
from secured import IMPLICIT, Secured
from test_auth import plain, scram_plus

ANN, BOB, SECRET = "ann@example.test", "bob@example.test", "secret-ann"
LETTER = b"From: friend@client.example\r\nTo: ann@example.test\r\nSubject: a letter to fetch\r\n\r\ntext\r\n"
OUTGOING = f"From: {ANN}\nTo: {BOB}\nSubject: sent in TLS\n\ntext\n"
fresh = itertools.count()


@pytest.fixture(scope="module")
def server():
    with contextlib.closing(Secured()) as one:
        one.start()
        one.send(LETTER)
        one.wait_files("ann", 1)
        yield one


class Attempt:
    """What one client is to do: by this listener, with this mechanism, this password, this authority's
    certificate, in TLS or without."""

    def __init__(self, one, client, name, mechanism, password=SECRET, authority=None, tls=True):
        self.one, self.client, self.name, self.mechanism, self.password = one, client, name, mechanism, password
        self.authority = authority or one.authority.certificate
        self.tls, self.port = tls, one.ports[name]
        self.starttls = name not in IMPLICIT

    def run(self):
        """The client's exit status, and all it said and fetched."""
        return CLIENTS[self.client](self)

    def command(self, *argv, **kw):
        done = self.one.run(*argv, env={"FETCHMAILHOME": str(self.one.directory / "home")}, **kw)
        return done.returncode, done.out + done.err

    def place(self):
        """A path of its own for what a client keeps."""
        return self.one.directory / "home" / f"kept-{next(fresh)}"

    def control(self, text):
        """A file that only its owner reads, as clients want of one with a password in it."""
        path = self.place()
        self.one.write(path, text)
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        return path


def swaks(a):
    tls = ([] if not a.tls else ["--tls"] if a.starttls else ["--tlsc"])
    return a.command(tool("swaks", "swaks"), "--server", f"localhost:{a.port}", *tls, "--tls-verify", "--tls-ca-path",
                     a.authority, "--auth", a.mechanism, "--auth-user", ANN, "--auth-password", a.password,
                     "--from", ANN, "--to", BOB, "--data", OUTGOING.replace("\n", "\\n"))


def gnu_options(a):
    """Of msmtp and mpop, which are of one author."""
    tls = ["--tls=on", f"--tls-starttls={'on' if a.starttls else 'off'}", f"--tls-trust-file={a.authority}"]
    return ["--host=localhost", f"--port={a.port}", *(tls if a.tls else ["--tls=off"]), f"--auth={a.mechanism.lower()}",
            f"--user={ANN}", f"--passwordeval=echo {a.password}"]


def msmtp(a):
    return a.command(tool("msmtp", "msmtp"), *gnu_options(a), f"--from={ANN}", BOB, input=OUTGOING)


def mpop(a):
    box = a.place()
    status, said = a.command(tool("mpop", "mpop"), *gnu_options(a), "--keep=on", f"--delivery=mbox,{box}",
                             f"--uidls-file={a.place()}")
    return status, said + (box.read_text() if box.exists() else "")


def curl(a):
    scheme = ("pop3" if a.name.startswith("pop3") else "smtp") + ("" if a.starttls else "s")
    options = ["--ssl-reqd"] if a.tls else []
    options += ["-T", "-", "--mail-from", ANN, "--mail-rcpt", BOB] if scheme.startswith("smtp") else []
    mechanism, *initial = a.mechanism.split("+")
    return a.command(tool("curl", "curl"), "-sS", "--cacert", a.authority, *options, *(f"--{i}" for i in initial),
                     "--user", f"{ANN}:{a.password}", "--login-options", f"AUTH={mechanism}",
                     f"{scheme}://localhost:{a.port}/{'1' if scheme.startswith('pop3') else 'client.example'}",
                     input=OUTGOING.replace("\n", "\r\n"))


def fetchmail(a):
    """By STLS of itself, when it is not told anything."""
    tls = "" if a.tls and a.starttls else "ssl" if a.tls else "sslproto ''"
    rc = a.control(f'poll localhost protocol pop3 service {a.port} auth password user "{ANN}" password "{a.password}" '
                   f'{tls} sslcertck sslcertfile "{a.authority}" keep mda "cat"\n')
    return a.command(tool("fetchmail", "fetchmail"), "-f", rc, "--pidfile", a.place(), "--idfile", a.place(), "-N")


def getmail(a):
    directory = a.place()
    for part in ("", "box", "box/new", "box/cur", "box/tmp"):
        a.one.make_directory(directory / part)
    kind = "SimplePOP3SSLRetriever" if a.tls else "SimplePOP3Retriever"
    rc = a.control(f"[retriever]\ntype = {kind}\nserver = localhost\nport = {a.port}\nusername = {ANN}\n"
                   f"password = {a.password}\n{f'ca_certs = {a.authority}' if a.tls else ''}\n"
                   f"[destination]\ntype = Maildir\npath = {directory}/box/\n")
    status, said = a.command(tool("getmail", "getmail6"), f"--getmaildir={directory}", f"--rcfile={rc}")
    return status, said + "".join(p.read_text() for p in directory.glob("box/new/*"))


CLIENTS = {f.__name__: f for f in (swaks, msmtp, mpop, curl, fetchmail, getmail)}
# Listeners, and what the client calls the mechanism; "+" is an option of curl's.
KNOWN = {
    "swaks": {"submission submissions": ("PLAIN", "LOGIN")},
    "msmtp": {"submission submissions": ("PLAIN", "LOGIN", "SCRAM-SHA-256")},
    "mpop": {"pop3 pop3s": ("USER", "PLAIN", "LOGIN", "SCRAM-SHA-256")},
    "curl": {"submission submissions pop3 pop3s": ("PLAIN", "LOGIN", "PLAIN+sasl-ir", "LOGIN+sasl-ir")},
    "fetchmail": {"pop3 pop3s": ("USER",)},
    "getmail": {"pop3s": ("USER",)},  # it has no STLS
}
CASES = [(client, name, mechanism) for client, rows in KNOWN.items() for names, mechanisms in rows.items()
         for name in names.split() for mechanism in mechanisms]


def logged(name, mechanism):
    """The beginning of the log's words on a login; USER and PASS are taken for PLAIN."""
    method = {"USER": "PLAIN"}.get(mechanism, mechanism.partition("+")[0])
    return f"protocol={'pop3' if name.startswith('pop3') else 'smtp'}, mechanism={method}, login=<{ANN}> (login"


def sent(one):
    """The one message that bob got, gone from his mailbox."""
    one.wait_files("bob", 1)
    [path] = one.files("bob")
    mail = path.read_bytes()
    path.unlink()
    return mail


def logins(one):
    return len(re.findall(r"protocol=\w+, mechanism=", one.log()))


@pytest.mark.parametrize("client, name, mechanism", CASES)
def test_in_tls(server, client, name, mechanism):
    line = logged(name, mechanism)
    before = server.log().count(line)
    status, said = Attempt(server, client, name, mechanism).run()
    assert status == 0, said
    if name.startswith("pop3"):
        assert "Subject: a letter to fetch" in said
    else:
        mail = sent(server)
        assert re.search(rb" with ESMTPSA id ", mail) and re.search(rb"\(using TLSv1\.3 with cipher TLS_AES_128_GCM", mail)
        assert b"Subject: sent in TLS" in mail
    server.wait_log(line, times=before + 1)
    assert server.log().count(line) == before + 1


def all_at_once(attempts):
    """[(attempt, exit status, what was said)]; waiting for refusals costs a second each."""
    with concurrent.futures.ThreadPoolExecutor(16) as crew:
        return [(a, *done) for a, done in zip(attempts, crew.map(Attempt.run, attempts))]


def test_a_wrong_password_is_refused(server):
    lines = [logged(name, mechanism) + " failed" for _, name, mechanism in CASES]
    before = {line: server.log().count(line) for line in lines}
    for a, status, said in all_at_once([Attempt(server, *case, password="wrong") for case in CASES]):
        assert status != 0 and "a letter to fetch" not in said, (a.client, a.name, a.mechanism, said)
    for line in before:
        # Each was tried at least once; some clients try again, or something else.
        server.wait_log(line, times=before[line] + lines.count(line))
    assert server.files("bob") == []


def test_another_authority_is_not_believed(server, tmp_path):
    """Otherwise the other tests would say nothing of certificates."""
    stranger = Authority(tmp_path, "A stranger")
    for path in (tmp_path, stranger.certificate):
        server.user.own(path)
    copy = server.directory / "home" / "stranger.pem"
    server.write(copy, stranger.certificate.read_text())
    before = logins(server)
    firsts = [next(case for case in CASES if case[0] == client) for client in KNOWN]
    for a, status, said in all_at_once([Attempt(server, *case, authority=copy) for case in firsts]):
        assert status != 0, (a.client, said)
        assert re.search("certificate|verif|SSL|TLS", said), (a.client, said)
    assert logins(server) == before


IN_CLEAR = [case for case in CASES if case[1] in ("submission", "pop3")] + [("getmail", "pop3", "USER")]


def test_a_password_in_clear_is_refused(server):
    """Where TLS is required, though this machine may say its passwords to itself elsewhere."""
    before = logins(server)
    for a, status, said in all_at_once([Attempt(server, *case, tls=False) for case in IN_CLEAR]):
        assert status != 0 and "a letter to fetch" not in said, (a.client, a.mechanism, said)
    assert logins(server) == before and server.files("bob") == []


def test_a_password_in_clear_is_refused_unasked(server):
    """A client that does not look at what is offered."""
    before = logins(server)
    with wire.Smtp(("127.0.0.1", server.ports["submission"])) as smtp:
        assert not any(line.startswith("AUTH") for line in smtp.ehlo().lines)
        assert smtp.cmd("AUTH PLAIN " + plain(ANN, SECRET)).code == 538
        assert smtp.cmd("AUTH LOGIN").code == 538
        assert smtp.cmd("AUTH SCRAM-SHA-256").code == 538
        assert smtp.cmd(f"MAIL FROM:<{ANN}>").code == 530
    with wire.Pop3(("127.0.0.1", server.ports["pop3"])) as pop:
        for line in (f"USER {ANN}", f"PASS {SECRET}", "AUTH PLAIN " + plain(ANN, SECRET), "AUTH LOGIN", "AUTH SCRAM-SHA-256"):
            assert pop.cmd(line).startswith(b"-ERR [AUTH]"), line
    assert logins(server) == before


class AsSmtp:
    """A POP3 client with smtplib's way to speak, for scram_plus."""

    codes = {b"+ ": 334, b"+O": 235, b"-E": 535}

    def __init__(self, pop):
        self.pop = pop

    def docmd(self, line):
        reply = self.pop.cmd(line)
        return self.codes[reply[:2]], reply[2:].strip()


@pytest.mark.parametrize("name", ["pop3", "pop3s"])
def test_scram_bound_to_the_connection(server, name):
    with server.connect(name) as pop:
        pop.ok("CAPA")
        assert b"SASL SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n" in pop.listing()
        endpoint = hashlib.sha256(pop.socket.getpeercert(binary_form=True)).digest()
        wrong = bytes([endpoint[0] ^ 1]) + endpoint[1:]
        assert scram_plus(AsSmtp(pop), "tls-server-end-point", wrong) == 535
        assert scram_plus(AsSmtp(pop), "tls-server-end-point", endpoint) == 235
        assert pop.ok("STAT").startswith(b"+OK 1 ")
    server.wait_log(f"mechanism=SCRAM-SHA-256-PLUS, login=<{ANN}> (login)")
