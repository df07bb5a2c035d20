# SPDX-License-Identifier: ISC
"""Logins: what the mechanisms say to real clients, and what guessing passwords costs."""
import base64
import contextlib
import hashlib
import hmac
import json
import os
import poplib
import re
import select
import shutil
import signal
import smtplib
import socket
import ssl
import subprocess
import threading
import time

import pytest

from instance import TOP, Instance, wait_for
from secured import Secured

SECRET = "secret-ann"
ANN = "ann@example.test"


def plain(user, password):
    return base64.b64encode(f"\0{user}\0{password}".encode()).decode()


def make(users=("ann", "bob"), auth=None, **conf):
    """A server where loopback is no network of ours, so that only a login may relay."""
    options = {"networks": ["192.0.2.0/24"], "auth": {"failures": 5, "login-failures": 50, **(auth or {})}}
    one = Instance(conf={**options, **conf}, users=users)
    one.configure(listen_smtp={"address": f"127.0.0.1:{one.smtp_port}", "auth": "offered"})
    return contextlib.closing(one)


def set_password(one, address, password, verb="passwd", *options):
    """By the operator's command, with a hash and SCRAM keys as users get them."""
    one.postern("user", verb, address, *options, input=password + "\n", check=True)


@pytest.fixture(scope="module")
def server():
    with make(auth={"failures": 1000, "login-failures": 1000}) as one:
        one.start()
        yield one


@pytest.fixture(scope="module")
def scram():
    """Every user has SCRAM keys."""
    with make(auth={"failures": 1000, "login-failures": 1000}) as one:
        for name in ("ann", "bob"):
            set_password(one, f"{name}@example.test", f"secret-{name}")
        one.start()
        yield one


def smtp(one, **kwargs):
    client = smtplib.SMTP(*one.smtp_address, timeout=30, **kwargs)
    client.ehlo("client.example")
    return client


def run(*command, status=0, **kwargs):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, **kwargs)
    assert done.returncode == status, (done.args, done.stdout, done.stderr)
    return done.stdout + done.stderr


# --- Clients ------------------------------------------------------------------


def test_scram_is_offered_when_everybody_has_keys(server, scram):
    with smtp(server) as client:
        assert client.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
    with smtp(scram) as client:
        assert client.esmtp_features["auth"].split() == ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
    assert poplib.POP3(*scram.pop3_address).capa()["SASL"] == ["SCRAM-SHA-256", "PLAIN", "LOGIN"]
    users = json.loads(scram.postern("user", "list", "--json", check=True).stdout)
    assert all(user["scram"] for user in users)


@pytest.mark.parametrize("protocol", ["smtp", "pop3"])
def test_a_failure_takes_as_long_whatever_it_was(server, protocol):
    """So long after the question, and not until some tick: nothing of what it takes to find out is seen."""
    def measure(user):
        times = []
        for _ in range(3):
            if protocol == "smtp":
                with smtp(server) as client:
                    begun = time.monotonic()
                    assert client.docmd("AUTH", "PLAIN " + plain(user, "wrong"))[0] == 535
                    times.append(time.monotonic() - begun)
            else:
                box = poplib.POP3(*server.pop3_address)
                box.user(user)
                begun = time.monotonic()
                with pytest.raises(poplib.error_proto, match="AUTH"):
                    box.pass_("wrong")
                times.append(time.monotonic() - begun)
                box.quit()
        return sorted(times)[1]

    took = [measure(user) for user in (ANN, "nobody@example.test", "nobody@example.net")]
    assert 0.99 < min(took) and max(took) < 1.5, took


@pytest.mark.parametrize("mechanism", ["plain", "login"])
def test_smtplib(server, mechanism):
    with smtp(server) as client:
        assert client.docmd("MAIL FROM:<ann@example.test>")[0] == 250
        assert client.docmd("RCPT TO:<friend@example.net>")[0] == 550
        client.rset()
        client.user, client.password = ANN, SECRET
        code, _ = client.auth(mechanism, getattr(client, f"auth_{mechanism}"))
        assert code == 235
        assert client.docmd("MAIL FROM:<ann@example.test>")[0] == 250
        assert client.docmd("RCPT TO:<friend@example.net>")[0] == 250


def test_a_stop_waits_for_no_answer_that_is_held_back():
    with make(auth={"failures": 1}) as one:
        one.start()
        with contextlib.closing(smtp(one)) as busy, contextlib.closing(smtp(one)) as guesser:
            busy.docmd(f"MAIL FROM:<{ANN}>")
            busy.docmd(f"RCPT TO:<{ANN}>")
            assert busy.docmd("DATA")[0] == 354
            guesser.putcmd("AUTH", f"PLAIN {plain(ANN, 'wrong')}")
            wait_for("the failure", 10, lambda: "(login failed: wrong password)" in one.log())
            stop = threading.Thread(target=one.stop)
            stop.start()
            assert guesser.getreply()[0] == 421
            busy.send(b"Subject: x\r\n\r\nx\r\n.\r\n")  # who is at work still may end it
            assert busy.getreply()[0] == 250
            stop.join()


def test_who_sent_it_is_logged_and_traced(server):
    with smtp(server) as client:
        client.login(ANN, SECRET)
        client.sendmail(ANN, ["bob@example.test"], "Subject: traced\r\n\r\nx\r\n")
    assert wait_for("the line of the login", 10, lambda: re.search(
        r"client=unknown\[127\.0\.0\.1\], session=\S+, "
        r"sasl_username=ann@example\.test", server.log_path.read_text()))
    session = re.search(r"client=unknown\[127\.0\.0\.1\], session=(\S+), sasl_username=ann@", server.log_path.read_text())[1]
    wait_for("the session's end", 10, lambda: re.search(rf": disconnect from .* session={session}\n", server.log_path.read_text()))
    assert re.search(rf": connect from unknown\[127\.0\.0\.1\] session={session}\n", server.log_path.read_text())
    server.wait_files("bob", 1)
    box = poplib.POP3(*server.pop3_address)
    box.user("bob@example.test")
    box.pass_("secret-bob")
    lines = b"\n".join(box.retr(1)[1])
    assert b"with ESMTPA id" in lines
    box.quit()


def test_swaks(server):
    for mechanism in ("PLAIN", "LOGIN"):
        run("swaks", "--server", "%s:%d" % server.smtp_address, "--auth", mechanism, "--auth-user", ANN,
            "--auth-password", SECRET, "--from", ANN, "--to", "friend@example.net", "--quit-after", "RCPT")


def test_curl(server):
    run("curl", "-sS", "--user", f"{ANN}:{SECRET}", "--login-options", "AUTH=PLAIN",
        "pop3://%s:%d/" % server.pop3_address)
    run("curl", "-sS", "--user", f"{ANN}:wrong", "pop3://%s:%d/" % server.pop3_address, status=67)


def test_fetchmail(server, tmp_path):
    control = tmp_path / "fetchmailrc"
    control.write_text(f"poll 127.0.0.1 protocol pop3 port {server.pop3_port} user \"{ANN}\" password "
                       f"\"{SECRET}\" sslproto '' keep mda \"cat\"\n")
    control.chmod(0o600)
    done = subprocess.run(["fetchmail", "-f", str(control), "--pidfile", str(tmp_path / "pid"), "-N", "-c"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done  # 1: no mail


@pytest.mark.parametrize("mechanism", ["plain", "login", "scram-sha-256"])
def test_msmtp(scram, mechanism):
    host, port = scram.smtp_address
    run("msmtp", f"--host={host}", f"--port={port}", "--tls=off", f"--auth={mechanism}", f"--user={ANN}",
        f"--passwordeval=echo {SECRET}", f"--from={ANN}", "bob@example.test", input="Subject: msmtp\n\nx\n")
    out = run("msmtp", f"--host={host}", f"--port={port}", "--tls=off", f"--auth={mechanism}", f"--user={ANN}",
              "--passwordeval=echo wrong", f"--from={ANN}", "bob@example.test", input="\n", status=77)
    assert "535 5.7.8" in out


@pytest.mark.parametrize("mechanism", ["plain", "scram-sha-256"])
def test_mpop(scram, tmp_path, mechanism):
    host, port = scram.pop3_address
    run("mpop", f"--host={host}", f"--port={port}", "--tls=off", f"--auth={mechanism}", f"--user={ANN}",
        f"--passwordeval=echo {SECRET}", "--keep=on", f"--delivery=mbox,{tmp_path}/mbox",
        f"--uidls-file={tmp_path}/uidls")


def test_gsasl(scram):
    host, port = scram.smtp_address
    for mechanism in ("SCRAM-SHA-256", "PLAIN", "LOGIN"):
        done = subprocess.run(["gsasl", "--smtp", f"--connect={host}:{port}", f"--mechanism={mechanism}", f"--authentication-id={ANN}",
            f"--authorization-id={ANN}", f"--password={SECRET}", "--no-starttls", "--quality-of-protection=qop-auth"],
            capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
        # It ends badly when there is no terminal; what it said before is what counts.
        said = done.stdout + done.stderr
        assert "235 2.7.0" in said or "server trusted" in said, said


# --- Errors -------------------------------------------------------------------


def test_wrong_passwords_wait_for_their_answer(server):
    with smtp(server) as client:
        began = time.monotonic()
        assert client.docmd("AUTH PLAIN " + plain(ANN, "wrong"))[0] == 535
        assert time.monotonic() - began > 0.9
        assert client.docmd("AUTH", "PLAIN " + plain("nobody@example.test", "x"))[0] == 535
        assert client.docmd("AUTH PLAIN " + plain(ANN, "worse"))[0] == 535
        assert client.getreply()[0] == 421


def test_as_somebody_else(server):
    message = base64.b64encode(f"bob@example.test\0{ANN}\0{SECRET}".encode()).decode()
    with smtp(server) as client:
        assert client.docmd("AUTH PLAIN " + message)[0] == 535


def test_no_mail_without_a_login_where_it_is_required():
    with make() as one:
        one.configure(listen_smtp={"address": f"127.0.0.1:{one.smtp_port}", "auth": "required"})
        one.start()
        with smtp(one) as client:
            assert client.docmd("MAIL FROM:<x@example.net>") == (530, b"5.7.0 Authentication required")
            client.login(ANN, SECRET)
            assert client.docmd("MAIL FROM:<ann@example.test>")[0] == 250


def test_a_changed_password_is_not_remembered():
    with make() as one:
        one.start()
        with smtp(one) as client:
            client.login(ANN, SECRET)
        set_password(one, ANN, "another")
        wait_for("the new tables", 20, lambda: "tables: " in one.log_path.read_text().split("login)")[-1])
        with smtp(one) as client:
            assert client.docmd("AUTH PLAIN " + plain(ANN, SECRET))[0] == 535
            assert client.docmd("AUTH PLAIN " + plain(ANN, "another"))[0] == 235
        assert "(login: remembered)" not in one.log_path.read_text().split("tables: ")[-1]


def test_polls_are_remembered(server):
    for _ in range(3):
        box = poplib.POP3(*server.pop3_address)
        box.user("bob@example.test")
        box.pass_("secret-bob")
        box.quit()
    server.wait_log("login=<bob@example.test> (login: remembered)")


# --- Guessing -----------------------------------------------------------------


def guess(one, count, login=ANN):
    """Wrong passwords, each on a connection of its own, all at once; the replies' codes."""
    clients = []
    for i in range(count):
        client = smtp(one)
        client.putcmd("AUTH PLAIN " + plain(login, f"guess-{i}"))
        clients.append(client)
    codes = [client.getreply()[0] for client in clients]
    for client in clients:
        client.close()
    return codes


def status(one):
    return {e["name"]: e for e in json.loads(one.postern("auth", "status", "--json", check=True).stdout)}


def test_guessing_is_refused_everywhere_and_after_a_restart():
    with make() as one:
        one.start()
        codes = guess(one, 8)
        assert codes.count(535) >= 5 and set(codes) <= {535, 454}
        known = status(one)
        assert known["127.0.0.1"]["failures"] >= 5 and known["127.0.0.1"]["refused_until"] > time.time()
        assert known[ANN]["failures"] >= 5 and known[ANN]["refused_until"] == 0
        with smtp(one) as client:
            assert client.docmd("AUTH PLAIN " + plain("bob@example.test", "secret-bob")) == (
                454, b"4.7.0 Too many failed logins, try again later")
        box = poplib.POP3(*one.pop3_address)
        box.user("bob@example.test")
        with pytest.raises(poplib.error_proto, match="SYS/TEMP.*too many failures"):
            box.pass_("secret-bob")
        one.stop()
        one.start()
        assert status(one)["127.0.0.1"]["refused_until"] > time.time()
        with smtp(one) as client:
            assert client.docmd("AUTH PLAIN " + plain("bob@example.test", "secret-bob"))[0] == 454
        assert b"2 released" in one.postern("auth", "release", "127.0.0.1", check=True).stdout
        with smtp(one) as client:
            assert client.docmd("AUTH PLAIN " + plain("bob@example.test", "secret-bob"))[0] == 235
        one.postern("auth", "release", "--all", check=True)
        done = one.postern("auth", "release", "127.0.0.9")
        assert done.returncode == 69 and "nothing is counted of 127.0.0.9" in done.err and not done.out
        assert "0 released" in one.postern("auth", "release", "--all", check=True).out
        assert status(one) == {}


def test_a_damaged_file_stops_no_login():
    with make() as one:
        one.start()
        guess(one, 2)
        one.stop()
        path = one.directory / "auth" / "guesses.db"
        octets = bytearray(path.read_bytes())
        octets[len(octets) // 2] ^= 1
        path.write_bytes(octets)
        one.start()
        with smtp(one) as client:
            client.login(ANN, SECRET)
        one.wait_log("guesses.db, which knew of failed logins, is damaged")
        assert path.with_name("guesses.bad").exists()


def test_fail2ban_reads_the_log(tmp_path):
    with make() as one:
        one.start()
        guess(one, 3)
        guess(one, 1, login='x> (login failed: wrong), client=[192.0.2.66], y')
        with smtp(one) as client:
            assert client.docmd("AUTH PLAIN " + plain("bob@example.test", "secret-bob"))[0] == 235
        one.stop()
        shutil.copy(TOP / "conf" / "fail2ban" / "postern.filter.conf", tmp_path / "postern.conf")
        shutil.copy("/etc/fail2ban/filter.d/common.conf", tmp_path)
        out = run("fail2ban-regex", one.log_path, tmp_path / "postern.conf")
    assert re.search(r"\b4 matched", out), out


def test_fail2ban_reads_the_journal(tmp_path):
    """What the jail of the examples becomes with the backend that its comment names: a machine without rsyslog."""
    configured = tmp_path / "fail2ban"
    shutil.copytree("/etc/fail2ban", configured)
    (configured / "jail.d" / "defaults-debian.conf").unlink(missing_ok=True)
    shutil.copy(TOP / "conf" / "fail2ban" / "postern.filter.conf", configured / "filter.d" / "postern.conf")
    jail = (TOP / "conf" / "fail2ban" / "postern.jail.conf").read_text()
    assert '"backend = systemd"' in jail
    (configured / "jail.d" / "postern.conf").write_text(re.sub(r"(?m)^logpath .*", "backend = systemd", jail))
    dump = run("fail2ban-server", "-c", configured, "-d")
    assert "['set', 'postern', 'addjournalmatch', '_SYSTEMD_UNIT=postern.service']" in dump
    ours = next(line for line in dump.splitlines() if "'addfailregex'" in line and "directory" in line)
    pattern = re.search(r"'addfailregex', '(.*)'\]", ours)[1].replace("\\\\", "\\").replace("<HOST>", r"(?P<host>\S+)")
    found = re.search(pattern, "mx postern/directory[7]: 0nL2G3jFzYr: client=[IPv6:2001:db8::1], protocol=smtp, "
                      "mechanism=PLAIN, login=<bob@example.test> (login failed: wrong password)")
    assert found and found["host"] == "2001:db8::1"


def test_hydra(tmp_path):
    """It finds nothing, though the right password is on its list, behind more wrong ones than it may try."""
    (tmp_path / "list").write_text("".join(f"wrong-{i}\n" for i in range(30)) + SECRET + "\n")
    with make() as one:
        one.start()
        out = subprocess.run(["hydra", "-l", ANN, "-P", str(tmp_path / "list"), "-t", "2", "-w", "5", "-I",
                              "-s", str(one.pop3_port), "127.0.0.1", "pop3"], capture_output=True, text=True,
                             timeout=280, cwd=tmp_path).stdout
        assert "login: " not in out, out
        assert status(one)["127.0.0.1"]["refused_until"] > time.time()


HYDRA_SECONDS = 15
HYDRAS = {"submission": ("smtp", "-m", "TLS"), "submissions": ("smtp", "-S"), "pop3s": ("pop3", "-S")}


def hydra(one, name, words):
    service, *options = HYDRAS[name]
    path = one.directory / f"words-{name}-{len(words)}"
    path.write_text("".join(f"{word}\n" for word in words))
    return subprocess.Popen(["hydra", "-l", ANN, "-P", path, "-t", "2", "-w", "5", "-I", *options, "-s", str(one.ports[name]),
                             "127.0.0.1", service], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            cwd=one.directory, start_new_session=True)


def found(attack, until):
    """Whether it has, by then at the latest."""
    try:
        out = attack.communicate(timeout=max(0, until - time.monotonic()))[0]
    except subprocess.TimeoutExpired:
        os.killpg(attack.pid, signal.SIGKILL)  # its children hold the pipe, too
        out = attack.communicate()[0]
    return f"login: {ANN} " in out, out


def test_hydra_under_tls():
    """At three ports at once. One word that is right it does find; behind more wrong ones than may be tried it does not."""
    with contextlib.closing(Secured(auth={"failures": 5, "login-failures": 50})) as one:
        one.start()
        for name in HYDRAS:
            right, out = found(hydra(one, name, [SECRET]), time.monotonic() + HYDRA_SECONDS)
            assert right, (name, out)
        attacks = [hydra(one, name, [*(f"{name}-{i}" for i in range(30)), SECRET]) for name in HYDRAS]
        wait_for("a refusal", HYDRA_SECONDS, lambda: "(login refused: too many failures)" in one.log())
        until = time.monotonic() + HYDRA_SECONDS
        for attack in attacks:
            right, out = found(attack, until)
            assert not right, out
        for protocol in ("smtp", "pop3"):
            one.wait_log_match(rf"protocol={protocol}, .*\(login failed: wrong password\)")
        assert status(one)["127.0.0.1"]["refused_until"] > time.time()


def test_failures_by_pop3_are_refused_at_smtp():
    with make() as one, contextlib.ExitStack() as stack:
        one.start()
        for i in range(5):
            box = stack.enter_context(contextlib.closing(poplib.POP3(*one.pop3_address)))
            box._putcmd(f"AUTH PLAIN {plain(ANN, f'guess-{i}')}")
        wait_for("the failures", 20, lambda: one.log().count("protocol=pop3, mechanism=PLAIN, login=<ann@example.test> (login failed") == 5)
        client = stack.enter_context(contextlib.closing(smtp(one)))
        client.putcmd("AUTH PLAIN " + plain("bob@example.test", "secret-bob"))  # its answer takes 15 s
        one.wait_log("protocol=smtp, mechanism=PLAIN, login=<> (login refused: too many failures)")


def test_answers_take_longer_and_longer():
    """1 s, 2 s, 4 s for the first three of ten."""
    with make(auth={"failures": 10}) as one, contextlib.ExitStack() as stack:
        one.start()
        clients = [stack.enter_context(contextlib.closing(smtp(one))) for _ in range(3)]
        began = time.monotonic()
        for i, client in enumerate(clients):
            client.putcmd("AUTH PLAIN " + plain(ANN, f"guess-{i}"))
            wait_for("the failure", 10, lambda: one.log().count("(login failed: wrong password)") == i + 1)
        for client, least in zip(clients, (1, 2, 4)):
            assert client.getreply()[0] == 535
            assert least - 0.1 < time.monotonic() - began < least + 3


def test_somebody_else_logs_in_meanwhile():
    """A hundred guesses a second from one address; from another one, a login takes less than a second."""
    with make(auth={"failures": 100000, "login-failures": 100000, "cache-size": 0},
              smtp={"connections-per-address": 1000}) as one:
        set_password(one, ANN, SECRET)
        set_password(one, "bob@example.test", "secret-bob")
        one.start()
        guessers = []
        times = []
        for i in range(20):
            for _ in range(10):
                client = smtp(one)
                client.putcmd("AUTH PLAIN " + plain(ANN, f"guess-{i}-{_}"))
                guessers.append(client)
            began = time.monotonic()
            with smtp(one, source_address=("127.0.7.1", 0)) as client:
                client.login("bob@example.test", "secret-bob")
            times.append(time.monotonic() - began)
        for client in guessers:
            client.close()
        assert sorted(times)[-1] < 1, times


def test_who_is_known_does_not_wait_behind_guesses_from_everywhere():
    """From 120 networks, which are below every limit: more than the threads can hash in seconds."""
    with make(auth={"failures": 100000, "login-failures": 100000, "cache-size": 0, "threads": 1}) as one:
        set_password(one, ANN, SECRET)
        set_password(one, "bob@example.test", "secret-bob")
        one.start()

        def bob():
            began = time.monotonic()
            with smtp(one, source_address=("127.0.7.1", 0)) as client:
                client.login("bob@example.test", "secret-bob")
            return time.monotonic() - began

        bob()
        guessers = [smtp(one, source_address=(f"127.1.{n}.1", 0)) for n in range(120)]
        for client in guessers:
            client.putcmd("AUTH PLAIN " + plain(ANN, "guess"))
        took = bob()
        answered = sum(bool(select.select([client.sock], [], [], 0)[0]) for client in guessers)
        for client in guessers:
            client.close()
        assert answered < 80 and took < 1, (answered, took)


def test_our_own_client_proves_its_password():
    """A relay of ours that offers SCRAM gets no password; one that does not know it, no mail."""
    with make() as far:
        for name in ("ann", "bob"):
            set_password(far, f"{name}@example.test", f"secret-{name}")
        far.start()
        relay = {"host": f"127.0.0.1:{far.smtp_port}", "tls": "none", "login": "smarthost"}
        near = Instance(conf={"relay out": relay}, tables={"logins": f"smarthost {ANN} {SECRET}\n"})
        with contextlib.closing(near):
            near.start()
            near.sendmail("-f", "x@example.net", "bob@example.test.elsewhere.example", input=b"Subject: x\n\nx\n")
            near.wait_log("status=sent", 30)
        far.wait_log("mechanism=SCRAM-SHA-256, login=<ann@example.test> (login)")


# --- With TLS -----------------------------------------------------------------


@pytest.fixture(scope="module")
def protected(tmp_path_factory):
    """The same with a certificate, and every way to be bound to its connection."""
    keys = tmp_path_factory.mktemp("keys")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
        "-subj", "/CN=mx.example.test", "-addext", "subjectAltName=DNS:mx.example.test,DNS:localhost",
        "-keyout", keys / "key.pem", "-out", keys / "chain.pem")
    with make(auth={"failures": 1000, "login-failures": 1000}) as one:
        for name in ("chain.pem", "key.pem"):
            one.write(name, (keys / name).read_bytes())
        (one.directory / "key.pem").chmod(0o600)
        one.configure(**{'certificate "mx.example.test"': {"chain": one.directory / "chain.pem",
                                                           "key": one.directory / "key.pem"}})
        for name in ("ann", "bob"):
            set_password(one, f"{name}@example.test", f"secret-{name}")
        one.start()
        one.certificate = keys / "chain.pem"
        yield one


def test_scram_plus_is_offered_under_tls(protected):
    context = ssl.create_default_context(cafile=protected.certificate)
    context.check_hostname = False
    with smtp(protected) as client:
        client.starttls(context=context)
        client.ehlo("client.example")
        assert client.esmtp_features["auth"].split() == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"]
        client.login(ANN, SECRET)
        client.sendmail(ANN, ["bob@example.test"], "Subject: tls\r\n\r\nx\r\n")


def memory(pid):
    """All of it that can be written."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as octets:
        for line in maps:
            start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            if rights.startswith("rw"):
                octets.seek(int(start, 16))
                yield octets.read(int(end, 16) - int(start, 16))


only_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root sees into programs that are not to be dumped")


@only_root
def test_keys_forgets_the_text_of_a_key(protected):
    secret = (protected.directory / "key.pem").read_bytes().splitlines()[1]
    for pid in protected.pids("keys"):
        assert not [piece for piece in memory(pid) if secret in piece]


@only_root
def test_exposed_programs_keep_no_password(protected):
    """Not in what they read, nor in what they told directory, nor in what OpenSSL made of it."""
    context = ssl.create_default_context(cafile=protected.certificate)
    context.check_hostname = False
    user, password = "bob@example.test", "secret-bob"
    with smtp(protected) as client:
        client.starttls(context=context)
        client.ehlo("client.example")
        assert client.docmd("AUTH PLAIN " + plain(user, password))[0] == 235
    with smtp(protected) as client:
        client.starttls(context=context)
        client.ehlo("client.example")
        assert client.docmd("AUTH LOGIN")[0] == 334
        assert client.docmd(base64.b64encode(user.encode()).decode())[0] == 334
        assert client.docmd(base64.b64encode(password.encode()).decode())[0] == 235
    mailbox = poplib.POP3("127.0.0.1", protected.pop3_port)
    mailbox.stls(context)
    mailbox.user(user)
    mailbox.pass_(password)
    mailbox.quit()
    secrets = [password.encode(), plain(user, password).encode(), base64.b64encode(password.encode())]
    for pid in protected.pids("smtpd") + protected.pids("pop3d"):
        assert not [s for piece in memory(pid) for s in secrets if s in piece]


class Introducer(threading.Thread):
    """Says EHLO for gsasl, which begins TLS without it, and then passes octets on as they are."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.server = server
        self.start()

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(self.server, timeout=30)
        client.sendall(server.recv(4096))
        server.sendall(b"EHLO client.example\r\n")
        said = b""
        while not re.search(rb"^250 ", said, re.M):
            said += server.recv(4096)
        with contextlib.suppress(ConnectionError), client, server:
            octets = b"-"
            while octets:
                for ready in select.select([client, server], [], [], 30)[0]:
                    octets = ready.recv(65536)
                    (server if ready is client else client).sendall(octets)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_gsasl_binds_to_the_connection(protected, version):
    """tls-exporter with TLS 1.3, tls-unique with 1.2, as GNU SASL and GnuTLS have them."""
    line = f"mechanism=SCRAM-SHA-256-PLUS, login=<{ANN}> (login)"
    before = protected.log().count(line)
    port = Introducer(protected.smtp_address).listener.getsockname()[1]
    done = subprocess.run(["gsasl", "--smtp", f"--connect=localhost:{port}", "--mechanism=SCRAM-SHA-256-PLUS",
                           f"--authentication-id={ANN}", f"--authorization-id={ANN}", f"--password={SECRET}",
                           f"--x509-ca-file={protected.certificate}", "--starttls",
                           f"--priority=NORMAL:-VERS-TLS-ALL:+VERS-TLS{version}",
                           "--quality-of-protection=qop-auth"],
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr
    protected.wait_log(line, times=before + 1)
    assert protected.log().count(line) == before + 1


def scram_plus(client, binding, octets):
    """The codes of an exchange in which the client binds it to these octets."""
    nonce, name = "abcdefghijkl", f"n={ANN},r=abcdefghijkl"
    header = f"p={binding},,"
    code, challenge = client.docmd("AUTH SCRAM-SHA-256-PLUS " + base64.b64encode((header + name).encode()).decode())
    if code != 334:
        return code
    first = base64.b64decode(challenge).decode()
    nonce, salt, iterations = (part[2:] for part in first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", SECRET.encode(), base64.b64decode(salt), int(iterations))
    final = "c=" + base64.b64encode(header.encode() + octets).decode() + ",r=" + nonce

    def mac(key, text):
        return hmac.digest(key, text.encode(), "sha256")

    key = mac(salted, "Client Key")
    signature = mac(hashlib.sha256(key).digest(), f"{name},{first},{final}")
    proof = bytes(a ^ b for a, b in zip(key, signature))
    code, _ = client.docmd(base64.b64encode(f"{final},p={base64.b64encode(proof).decode()}".encode()).decode())
    return client.docmd("")[0] if code == 334 else code


def test_a_proof_is_good_for_one_connection(protected):
    context = ssl.create_default_context(cafile=protected.certificate)
    context.check_hostname = False
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with smtp(protected) as one, smtp(protected) as other:
        for client in (one, other):
            client.starttls(context=context)
            client.ehlo("client.example")
        unique = one.sock.get_channel_binding("tls-unique")
        endpoint = hashlib.sha256(one.sock.getpeercert(binary_form=True)).digest()
        assert scram_plus(other, "tls-unique", unique) == 535
        assert scram_plus(other, "tls-server-end-point", unique) == 535
        assert scram_plus(one, "tls-unique", unique) == 235
        assert scram_plus(other, "tls-server-end-point", endpoint) == 235
