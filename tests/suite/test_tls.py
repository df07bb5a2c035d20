# SPDX-License-Identifier: ISC
"""TLS of the whole suite, with OpenSSL, swaks and others as clients."""
import concurrent.futures
import os
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

from instance import Instance, free_port, wait_for
from peers import listens

NAME = "mx.example.test"


def make_certificate(directory, name, kind="ec", cn=NAME):
    """NAME.pem and NAME.key in the directory, self-signed; returns the options of a section."""
    new = ["-newkey", "rsa:2048"] if kind == "rsa" else ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    chain, key = directory / f"{name}.pem", directory / f"{name}.key"
    subprocess.run(["openssl", "req", "-x509", *new, "-nodes", "-keyout", key, "-out", chain, "-days", "30",
                    "-subj", f"/CN={cn}", "-addext", f"subjectAltName=DNS:{cn}"], check=True, capture_output=True)
    return {"chain": chain, "key": key}


class Secure(Instance):
    """An instance with STARTTLS, submissions and pop3s, an ECDSA and an RSA certificate, and another's."""

    def __init__(self):
        super().__init__()
        self.submissions_port, self.pop3s_port = free_port(), free_port()
        self.configure(**{"listen submissions": {"address": f"127.0.0.1:{self.submissions_port}", "auth": "no"},
                          "listen pop3s": {"address": f"127.0.0.1:{self.pop3s_port}"}, **self.certificates()})

    def certificates(self):
        self.make_directory(self.directory / "tls")
        sections = {f"certificate {NAME}": make_certificate(self.directory / "tls", "ec"),
                    f"certificate '{NAME}'": make_certificate(self.directory / "tls", "rsa", "rsa"),
                    "certificate other.example.test": make_certificate(self.directory / "tls", "other",
                                                                       cn="other.example.test")}
        for path in (self.directory / "tls").iterdir():
            self.user.own(path)
        return sections


@pytest.fixture(scope="module")
def secure():
    one = Secure()
    try:
        one.start()
        yield one
    finally:
        one.close()


def context(**options):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    for name, value in options.items():
        setattr(c, name, value)
    return c


def connect(port, c=None, name=None):
    raw = socket.create_connection(("127.0.0.1", port), timeout=20)
    return (c or context()).wrap_socket(raw, server_hostname=name)


def certificate_of(port, name=None):
    with connect(port, name=name) as s:
        return s.getpeercert(binary_form=True)


def read_line(s):
    line = b""
    while not line.endswith(b"\n"):
        octet = s.recv(1)
        if not octet:
            break
        line += octet
    return line


def read_to_end(s):
    octets = b""
    try:
        while more := s.recv(4096):
            octets += more
    except (ConnectionError, ssl.SSLError):
        pass
    return octets


def test_mail_by_starttls_and_by_implicit_tls(secure):
    for options in (["--port", secure.smtp_port, "--tls"], ["--port", secure.submissions_port, "--tlsc"]):
        done = subprocess.run(["swaks", "--server", "127.0.0.1", *map(str, options), "--from", "x@y.example",
                               "--to", f"ann@{secure.domain}"], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout
    mails = wait_for("the mail", 10, lambda: len(found := list((secure.directory / "mail").rglob("new/*"))) == 2 and found)
    for mail in mails:
        text = mail.read_text()
        assert " with ESMTPS id " in text
        assert re.search(r"\t\(using TLSv1\.3 with cipher TLS_AES_128_GCM_SHA256 \(128/128 bits\)\)\n", text)
    secure.wait_log("TLS connection established from")


def pop3(s, *commands):
    replies = [read_line(s)]
    for command in commands:
        s.sendall(command.encode() + b"\r\n")
        replies.append(read_line(s))
    return replies


def test_a_mailbox_is_read_in_tls(secure):
    with connect(secure.pop3s_port) as s:
        replies = pop3(s, f"USER ann@{secure.domain}", "PASS secret-ann", "STAT", "NOOP", "QUIT")
        assert all(r.startswith(b"+OK") for r in replies), replies
        assert s.recv(1) == b""


def test_stls_and_a_large_message(secure):
    body = b"".join(b"%07d of many lines of a message\r\n" % i for i in range(60000))
    with connect(secure.submissions_port) as s:
        read_line(s)
        for line in (b"HELO x", b"MAIL FROM:<x@y.example>", f"RCPT TO:<bob@{secure.domain}>".encode(), b"DATA"):
            s.sendall(line + b"\r\n")
            assert read_line(s)[:1] in b"23"
        s.sendall(b"Subject: x\r\n\r\n" + body + b".\r\n")
        assert read_line(s).startswith(b"250")
    wait_for("the mail", 20, lambda: list((secure.directory / "mail").rglob("bob/**/new/*")))
    raw = socket.create_connection(("127.0.0.1", secure.pop3_port), timeout=20)
    assert pop3(raw, "STLS")[1].startswith(b"+OK")
    with context().wrap_socket(raw) as s:
        s.sendall(f"USER bob@{secure.domain}\r\nPASS secret-bob\r\nRETR 1\r\nQUIT\r\n".encode())
        octets = read_to_end(s)
    assert body in octets and octets.rstrip().rpartition(b"\r\n")[2].startswith(b"+OK")


INJECTED = {"smtp": (b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<x@y.example>\r\n", b"EHLO x\r\nSTARTTLS\r\nN"),
            "pop3": (b"STLS\r\nUSER ann\r\n", b"STLS\r\nN")}


@pytest.mark.parametrize("protocol", INJECTED)
def test_nothing_is_taken_from_before_tls(secure, protocol):
    port = secure.smtp_port if protocol == "smtp" else secure.pop3_port
    for octets in INJECTED[protocol]:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
            read_line(s)
            s.sendall(octets)
            said = read_to_end(s)
            assert b"may follow" in said and b"220 " not in said and b"begin TLS" not in said


def test_what_comes_in_clear_behind_the_reply_is_no_tls(secure):
    with socket.create_connection(("127.0.0.1", secure.smtp_port), timeout=20) as s:
        read_line(s)
        s.sendall(b"HELO x\r\n")
        read_line(s)
        s.sendall(b"STARTTLS\r\n")
        assert read_line(s).startswith(b"220")
        s.sendall(b"MAIL FROM:<x@y.example>\r\n")
        assert b"250" not in read_to_end(s)


@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_old_versions_are_turned_away(secure, version):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{secure.submissions_port}", f"-{version}",
                           "-cipher", "ALL:@SECLEVEL=0"], input="", capture_output=True, text=True, timeout=20)
    assert "protocol version" in done.stderr or "Cipher is (NONE)" in done.stdout


def test_names_and_protocols(secure):
    own = certificate_of(secure.submissions_port)
    assert certificate_of(secure.submissions_port, "nobody.example") == own
    assert certificate_of(secure.submissions_port, "other.example.test") != own
    good, bad = context(), context()
    good.set_alpn_protocols(["smtp"])
    bad.set_alpn_protocols(["http/1.1"])
    with connect(secure.submissions_port, good) as s:
        assert s.selected_alpn_protocol() == "smtp"
    with pytest.raises(ssl.SSLError):
        connect(secure.submissions_port, bad)


def test_tickets_are_of_one_service(secure):
    def visit(port, session=None):
        raw = socket.create_connection(("127.0.0.1", port), timeout=20)
        with c.wrap_socket(raw, session=session) as s:
            read_line(s)
            return s.session, s.session_reused
    c = context()
    first, reused = visit(secure.submissions_port)
    assert not reused
    assert visit(secure.submissions_port, first)[1]
    assert not visit(secure.pop3s_port, first)[1]


def test_a_renewed_certificate_comes_into_force(secure):
    with connect(secure.submissions_port) as held:
        assert read_line(held).startswith(b"220")
        before = certificate_of(secure.submissions_port, "other.example.test")
        fresh = make_certificate(secure.directory / "tls", "fresh", cn="other.example.test")
        # A key that does not match, first.
        secure.write("tls/other.key", fresh["key"].read_bytes())
        done = secure.postern("reload")
        complaint = "other.key: it is not the key of the certificate"
        assert done.returncode == 78 and "certificate other.example.test: " in done.err and complaint in done.err
        assert "everything else was taken anew" in done.err
        secure.wait_log(complaint)
        assert complaint in secure.status()["warnings"][0] and complaint in secure.postern("status").out
        secure.wait_log("the one before stays in use")
        assert certificate_of(secure.submissions_port, "other.example.test") == before
        check = secure.postern("check")
        assert check.returncode == 78 and b"other.key: it is not the key" in check.stderr
        secure.write("tls/other.pem", fresh["chain"].read_bytes())
        # Nobody says reload: it is seen.
        wait_for("the new one", 60, lambda: certificate_of(secure.submissions_port, "other.example.test") != before)
        held.sendall(b"NOOP\r\n")
        assert read_line(held).startswith(b"250")


def test_the_first_certificate_of_a_reload_is_waited_for(make):
    """Where nothing but TLS is spoken: the listener may be there before what keys has to say."""
    one = make()
    ports, tls = (free_port(), free_port()), one.directory / "tls"
    one.make_directory(tls)
    used = make_certificate(tls, "used")
    for path in tls.iterdir():
        one.user.own(path)
    one.configure(**{"listen submissions": {"address": f"127.0.0.1:{ports[0]}", "auth": "no"},
                     "listen pop3s": {"address": f"127.0.0.1:{ports[1]}"}, f"certificate {NAME}": used})
    keys, = one.pids("keys")
    os.kill(keys, signal.SIGSTOP)
    try:
        with concurrent.futures.ThreadPoolExecutor() as pool:
            reload = pool.submit(one.postern, "reload")
            for port in ports:
                wait_for("the listener", 10, lambda: listens("127.0.0.1", port))
            shown = [pool.submit(certificate_of, port) for port in ports]
            time.sleep(1)
            os.kill(keys, signal.SIGCONT)
            assert reload.result().returncode == 0
            assert all(s.result() for s in shown)
    finally:
        os.kill(keys, signal.SIGCONT)


def test_a_reload_does_not_wait_for_ever_for_a_verdict(make):
    """Everything else is taken anew meanwhile; what becomes of the certificate is seen later."""
    one = make()
    one.make_directory(one.directory / "tls")
    used = make_certificate(one.directory / "tls", "used")
    for path in (one.directory / "tls").iterdir():
        one.user.own(path)
    port = free_port()
    one.configure(**{"listen also": {"address": f"127.0.0.1:{port}", "protocol": "smtp"}, f"certificate {NAME}": used})
    keys, = one.pids("keys")
    os.kill(keys, signal.SIGSTOP)
    try:
        done = one.postern("reload")
        assert done.returncode == 75, (done.returncode, done.err)
        assert "is not known yet: see `postern status`" in done.err
        assert listens("127.0.0.1", port)
    finally:
        os.kill(keys, signal.SIGCONT)
    one.wait_log("used.pem is in use")
    assert one.postern("reload").returncode == 0
    assert one.status()["warnings"] == []


def test_an_expired_certificate_replaces_no_valid_one(make):
    one = make()
    port, tls = free_port(), one.directory / "tls"
    one.make_directory(tls)
    old, used = make_certificate(tls, "old"), make_certificate(tls, "used")
    subprocess.run(["openssl", "x509", "-in", old["chain"], "-signkey", old["key"], "-days", "-1", "-out", tls / "expired.pem"],
                   check=True, capture_output=True)
    old["chain"] = tls / "expired.pem"
    for path in tls.iterdir():
        one.user.own(path)
    one.configure(**{"listen submissions": {"address": f"127.0.0.1:{port}", "auth": "no"}, f"certificate {NAME}": used})
    assert one.postern("reload").returncode == 0
    wait_for("the certificate", 10, lambda: "used.pem is in use" in one.log())
    before = certificate_of(port)
    for part in ("key", "chain"):
        one.write(f"tls/{used[part].name}", old[part].read_bytes())
    used["key"].chmod(0o600)
    done = one.postern("reload")
    complaint = "used.pem: the certificate has expired: get a new one; the one before stays in use"
    assert done.returncode == 78 and complaint in done.err
    one.wait_log(complaint)
    assert certificate_of(port) == before
    check = one.postern("check")
    assert check.returncode == 0 and b"used.pem: the certificate has expired" in check.stderr
    # Nothing better is there at a start.
    one.stop()
    one.start()
    wait_for("the old one", 10, lambda: certificate_of(port) != before)
    done = one.postern("reload")
    assert done.returncode == 0 and "used.pem: the certificate has expired" in done.err


def test_a_start_without_a_usable_certificate_says_so(make):
    one = make(start=False)
    port, tls = free_port(), one.directory / "tls"
    one.make_directory(tls)
    used, other = make_certificate(tls, "used"), make_certificate(tls, "other")
    for path in tls.iterdir():
        one.user.own(path)
    one.configure(**{"listen submissions": {"address": f"127.0.0.1:{port}", "auth": "no"},
                     f"certificate {NAME}": {**used, "key": other["key"]}})
    done = one.postern("start", "--detach")
    assert done.returncode == 0 and "started" in done.out
    for words in (f"postern: warning: certificate {NAME}: ", "other.key: it is not the key", "it is not used",
                  "postern: warning: no certificate can be used: STARTTLS is not offered"):
        assert words in done.err
    one.wait_ready()
    one.wait_log("no certificate can be used")
    assert [w for w in one.status()["warnings"] if "no certificate can be used" in w]
    one.send(b"Subject: x\r\n\r\nhello\r\n")
    one.wait_for_mail("ann", 1)
    # A file that is missing is control's to tell.
    one.configure(**{f"certificate {NAME}": {**used, "key": tls / "none.key"}})
    done = one.postern("reload")
    assert done.returncode == 78 and "none.key: No such file or directory; it is not used" in done.err
    one.configure(**{f"certificate {NAME}": used})
    done = one.postern("reload")
    assert done.returncode == 0 and not done.err
    assert certificate_of(port) and one.status()["warnings"] == []
    used["key"].unlink()
    done = one.postern("reload")
    assert done.returncode == 78 and "No such file or directory; the one before stays in use" in done.err
    assert "no certificate can be used" not in done.err and certificate_of(port)


def test_keys_may_die(secure):
    [pid] = secure.pids("keys")
    os.kill(pid, 9)
    with connect(secure.submissions_port) as s:
        assert read_line(s).startswith(b"220")


def memory_of(pid):
    """All that a process can read and write."""
    octets = b""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            where, mode = line.split()[:2]
            if not mode.startswith("rw") or "[v" in line:
                continue
            start, end = (int(x, 16) for x in where.split("-"))
            mem.seek(start)
            try:
                octets += mem.read(end - start)
            except OSError:
                pass
    return octets


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_key_is_in_keys_alone(secure):
    certificate_of(secure.submissions_port)
    text = subprocess.run(["openssl", "rsa", "-in", secure.directory / "tls/rsa.key", "-noout", "-text"],
                          capture_output=True, text=True, check=True).stdout
    prime = bytes.fromhex(re.sub(r"[^0-9a-f]", "", text.split("prime1:")[1].split("prime2:")[0]))[1:]
    forms = (prime, prime[::-1])  # big-endian in files, little-endian limbs in OpenSSL
    holders = {row["name"] for row in secure.programs()
               if any(form in memory_of(row["pid"]) for form in forms)}
    assert holders == {"keys"}


def test_a_known_client_may_relay():
    one = Secure()
    try:
        client = make_certificate(one.directory / "tls", "client")
        shown = subprocess.run(["openssl", "x509", "-in", client["chain"], "-noout", "-fingerprint", "-sha256"],
                               capture_output=True, text=True, check=True).stdout.strip().partition("=")[2]
        one.configure(**{"networks": [], "relay-fingerprints": [shown],
                         "listen smtp": {"address": f"127.0.0.1:{one.smtp_port}", "tls": "implicit",
                                         "client-certificates": "ask"}})
        one.start()
        known, other = context(), context()
        known.load_cert_chain(client["chain"], client["key"])
        other.load_cert_chain(one.directory / "tls/other.pem", one.directory / "tls/other.key")
        for c, code in ((known, b"250"), (other, b"550"), (context(), b"550")):
            with connect(one.smtp_port, c) as s:
                replies = [read_line(s)]
                for line in (b"HELO x", b"MAIL FROM:<x@y.example>", b"RCPT TO:<a@elsewhere.example>", b"QUIT"):
                    s.sendall(line + b"\r\n")
                    replies.append(read_line(s))
            assert replies[3][:3] == code, replies
    finally:
        one.close()


def test_a_client_that_does_not_wait_is_answered_behind_a_wrong_password(secure):
    """What TLS has decrypted already, no socket tells of."""
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context().wrap_bio(coming, going, server_hostname=NAME)
    with socket.create_connection(("127.0.0.1", secure.pop3s_port), 20) as connection:
        def until_done(step, *arguments):
            while True:
                try:
                    return step(*arguments)
                except ssl.SSLWantReadError:
                    connection.sendall(going.read())
                    coming.write(connection.recv(65536))

        until_done(tls.do_handshake)
        assert until_done(tls.read, 1000).startswith(b"+OK")
        tls.write(b"USER ann@example.test\r\nPASS wrong\r\n")
        tls.write(b"CAPA\r\n")
        connection.sendall(going.read())  # two records in one packet
        answers = b""
        while not answers.endswith(b"\r\n.\r\n"):
            answers += until_done(tls.read, 4096)
        assert b"-ERR [AUTH]" in answers
