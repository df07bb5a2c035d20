# SPDX-License-Identifier: ISC
"""A server with TLS and logins as it is in earnest: started by root, every program under its own user, and
the private keys nobody's but root's."""
import contextlib
import json
import os
import smtplib
import time

import pytest

from instance import User, wait_for
from secured import NAME, Secured
from test_auth import plain

ANN, SECRET, BOB = "ann@example.test", "secret-ann", "bob@example.test"
LISTENERS = list(Secured.listeners)

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def server():
    with contextlib.closing(Secured(user=User("root"), auth={"failures": 2, "login-failures": 100})) as one:
        for path in (one.directory / "tls").glob("*.key"):
            path.chmod(0o600)
            assert path.stat().st_uid == 0
        (one.directory / "tables" / "users").chmod(0o600)
        yield one.start()
        done = one.postern("audit", "--json")
        report = json.loads(done.out)
        assert done.returncode == 0 and not [p for p in report["processes"] if p["excess"]], done.out


def user_of(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("Uid:"))


def test_programs_are_of_users_of_their_own(server):
    for name, user in (("smtpd", "smtpd"), ("pop3d", "pop3d"), ("keys", "keys"), ("directory", "dir"), ("queue", "queue")):
        assert {user_of(pid) for pid in server.pids(name)} == {User(f"postern-{user}").uid}, name


def log_in(server, name):
    """A session at that listener under TLS, logged in where one can."""
    client = server.connect(name)
    if name.startswith("pop3"):
        # A mailbox is open once at a time.
        return client.login(ANN, SECRET) if name == "pop3" else client.login(BOB, "secret-bob")
    client.ehlo()
    assert client.cmd("AUTH PLAIN " + plain(ANN, SECRET)).code == (235 if name != "smtp" else 502)
    return client


def shown(server, name):
    with server.connect(name, server.wrap()) as client:
        return client.socket.getpeercert(binary_form=True)


def send(client, subject):
    client.envelope(ANN, [BOB])
    return client.data(f"From: {ANN}\r\nSubject: {subject}\r\n\r\nx\r\n".encode()).code


def test_every_port_over_a_reload(server):
    """Logins, submission and mailboxes before and after a new certificate."""
    before = {name: shown(server, name) for name in LISTENERS}
    with contextlib.ExitStack() as stack:
        held = {name: stack.enter_context(log_in(server, name)) for name in LISTENERS}
        for name in ("smtp", "submission", "submissions"):
            assert send(held[name], name) == 250
        server.wait_files("bob", 3)
        place = server.directory / "fresh"
        place.mkdir()
        server.authority.directory = place
        fresh = server.authority.certify("ec", NAME, "localhost")
        server.write("tls/ec.chain", fresh.chain.read_bytes())
        server.write("tls/ec.key", fresh.key.read_bytes())
        (server.directory / "tls" / "ec.key").chmod(0o600)
        server.postern("reload", check=True)
        for name in LISTENERS:
            wait_for(f"the new one at {name}", 20, lambda: shown(server, name) != before[name])
        for name in ("smtp", "submission", "submissions"):
            assert send(held[name], name) == 250
        for name in ("pop3", "pop3s"):
            held[name].ok("STAT")
    for name in LISTENERS:
        log_in(server, name).close()
    server.wait_files("bob", 6)
    with server.connect("pop3s") as pop:
        pop.login(BOB, "secret-bob")
        assert pop.stat()[0] == 6 and b"Subject: " in pop.retr(6)


def test_scram_is_bound_to_the_connection(server):
    context = server.context()
    with smtplib.SMTP("127.0.0.1", server.ports["submission"], timeout=30) as client:
        client._host = NAME  # whom it wants to speak to
        client.starttls(context=context)
        client.ehlo("client.example")
        assert client.esmtp_features["auth"].split()[:2] == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]


@pytest.mark.parametrize("source", ["127.0.8.1", "127.0.8.2"])
def test_a_refusal_outlives_a_kill(server, source):
    """It is on the disk before the guesser has his answer; directory, in its own root, can write and read it."""
    def guess(password):
        client = smtplib.SMTP("127.0.0.1", server.ports["submission"], timeout=30, source_address=(source, 0))
        client._host = NAME
        client.starttls(context=server.context())
        client.ehlo("client.example")
        client.putcmd("AUTH PLAIN " + plain(ANN, password))
        return client

    failed = f"client=[{source}], protocol=smtp, mechanism=PLAIN, login=<{ANN}> (login failed: wrong password)"
    guessers = []
    for count in (1, 2):
        guessers.append(guess(f"wrong-{count}"))
        wait_for("the failure", 10, lambda: server.log().count(failed) == count)
    time.sleep(0.5)  # the answer is held back for longer
    [before] = server.pids("directory")
    os.kill(before, 9)
    for client in guessers:
        client.close()
    wait_for("another directory", 20, lambda: server.is_ready() and server.pids("directory") != [before])
    known = {e["name"]: e for e in json.loads(server.postern("auth", "status", "--json", check=True).out)}
    assert known[source]["failures"] == 2 and known[source]["refused_until"] > time.time()
    client = guess(SECRET)  # its answer takes 15 s
    refused = f"client=[{source}], protocol=smtp, mechanism=PLAIN, login=<> (login refused: too many failures)"
    server.wait_log(refused)
    client.close()
    server.postern("auth", "release", "--all", check=True)
