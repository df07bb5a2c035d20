# SPDX-License-Identifier: ISC
"""What TLS must refuse, keep apart and forget, at every kind of port: with handshakes of our own octets
where a library of today would not ask for what is to be refused."""
import contextlib
import os
import socket
import ssl
import struct
import subprocess

import pytest

import wire
from instance import wait_for
from secured import IMPLICIT, NAME, Secured
from test_auth import plain

LISTENERS = list(Secured.listeners)
ANN, SECRET = "ann@example.test", "secret-ann"
# RFC 5246 §7.2, RFC 8446 §6.
PROTOCOL_VERSION, HANDSHAKE_FAILURE, NO_APPLICATION_PROTOCOL = 70, 40, 120
DECODE_ERRORS = {47, 50}
SSL3, TLS10, TLS11, TLS12 = 0x300, 0x301, 0x302, 0x303
ECDHE_AES128_GCM, RSA_AES128_CBC = (0xc02b, 0xc02f), (0x2f, 0x35)


@pytest.fixture(scope="module")
def server():
    with contextlib.closing(Secured()) as one:
        yield one.start()


def at_tls(one, name):
    """A connection on which TLS is to begin now."""
    if name in IMPLICIT:
        return wire.Stream(("127.0.0.1", one.ports[name]))
    if name == "pop3":
        pop = wire.Pop3(("127.0.0.1", one.ports[name]))
        pop.ok("STLS")
        return pop
    smtp = wire.Smtp(("127.0.0.1", one.ports[name]))
    smtp.ehlo()
    assert smtp.cmd("STARTTLS").code == 220
    return smtp


# --- Handshakes of our own octets ------------------------------------------------------


def vector(octets, length):
    return len(octets).to_bytes(length, "big") + octets


def extension(kind, octets):
    return struct.pack("!H", kind) + vector(octets, 2)


def hello(version=TLS12, ciphers=ECDHE_AES128_GCM, compressions=b"\0", protocols=()):
    """A record with a ClientHello as RFC 5246 has it; ALPN offers the protocols (RFC 7301)."""
    extensions = (extension(10, vector(struct.pack("!2H", 29, 23), 2)) + extension(11, vector(b"\0", 1)) +
                  extension(13, vector(struct.pack("!4H", 0x403, 0x804, 0x401, 0x201), 2)))
    if protocols:
        extensions += extension(16, vector(b"".join(vector(p, 1) for p in protocols), 2))
    body = (struct.pack("!H", version) + os.urandom(32) + vector(b"", 1) +
            vector(b"".join(struct.pack("!H", c) for c in ciphers), 2) + vector(compressions, 1) + vector(extensions, 2))
    return b"\x16\x03\x01" + vector(b"\x01" + vector(body, 3), 2)


def answer(stream, octets):
    """("alert", its number), or ("hello", version, cipher, compression) of a ServerHello."""
    stream.send(octets)
    while len(stream.buffer) < 5 or len(stream.buffer) < 5 + int.from_bytes(stream.buffer[3:5], "big"):
        stream.fill()
    record = bytes(stream.buffer[5:])
    if stream.buffer[0] == 21:
        return "alert", record[1]
    assert stream.buffer[0] == 22 and record[0] == 2, bytes(stream.buffer)
    session = record[38]
    cipher, compression = struct.unpack_from("!HB", record, 39 + session)
    return "hello", int.from_bytes(record[4:6], "big"), cipher, compression


def ask(one, name, **how):
    with at_tls(one, name) as stream:
        return answer(stream, hello(**how))


@pytest.mark.parametrize("name", LISTENERS)
def test_old_versions_are_refused_in_words(server, name):
    ciphers = ECDHE_AES128_GCM + (0xc009, 0xc013, 0xc00a, 0xc014) + RSA_AES128_CBC
    assert ask(server, name, ciphers=ciphers)[:2] == ("hello", TLS12)
    for version, alert in ((SSL3, HANDSHAKE_FAILURE), (TLS10, PROTOCOL_VERSION), (TLS11, PROTOCOL_VERSION)):
        assert ask(server, name, version=version, ciphers=ciphers) == ("alert", alert)


@pytest.mark.parametrize("name", LISTENERS)
def test_ciphers_without_forward_secrecy_are_refused(server, name):
    assert ask(server, name, ciphers=RSA_AES128_CBC) == ("alert", HANDSHAKE_FAILURE)


@pytest.mark.parametrize("name", LISTENERS)
def test_there_is_no_compression(server, name):
    assert ask(server, name, compressions=b"\1\0")[3] == 0
    kind, number = ask(server, name, compressions=b"\1")
    assert kind == "alert" and number in DECODE_ERRORS


@pytest.mark.parametrize("name", LISTENERS)
def test_the_server_chooses_the_cipher(server, name):
    backwards = ask(server, name, ciphers=(0xc02c, 0xc030, 0xc02f, 0xc02b))
    assert backwards[2] == 0xc02b


@pytest.mark.parametrize("name", LISTENERS)
def test_protocols_of_others_are_refused(server, name):
    """ALPACA: somebody led a client here, that wanted something else."""
    ours, theirs = (b"pop3", b"smtp") if name.startswith("pop3") else (b"smtp", b"pop3")
    for offered in ((theirs,), (b"http/1.1", b"h2"), (b"imap",), (ours + b"s",), (ours[:-1],)):
        assert ask(server, name, protocols=offered) == ("alert", NO_APPLICATION_PROTOCOL), offered
    assert ask(server, name, protocols=(b"h2", theirs, ours))[0] == "hello"
    context = server.context()
    context.set_alpn_protocols(["h2", ours.decode()])
    with at_tls(server, name) as stream:
        with context.wrap_socket(stream.socket, server_hostname=NAME) as s:
            assert s.selected_alpn_protocol() == ours.decode()


# --- Renegotiation ---------------------------------------------------------------------


@pytest.mark.parametrize("name", LISTENERS)
def test_the_client_may_not_renegotiate(server, name):
    """openssl asks for a new handshake on a line "R"; RFC 5246 §7.2.2: no_renegotiation."""
    starttls = [] if name in IMPLICIT else ["-starttls", "pop3" if name == "pop3" else "smtp"]
    with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{server.ports[name]}", "-tls1_2", *starttls],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        said = b""
        while b"Verify return code" not in said:
            octets = client.stdout.read1(65536)
            assert octets, said
            said += octets
        client.stdin.write(b"R\n")
        client.stdin.flush()
        rest = client.stdout.read()  # it gives up when it is refused, and that is the end
    assert b"RENEGOTIATING" in rest and b"no renegotiation" in rest, rest
    assert b"\ndepth=" not in rest  # no certificate came again


# --- What was said in the clear ------------------------------------------------------------


AHEAD = {
    "smtp": (b"EHLO x\r\nSTARTTLS\r\n", (b"EHLO y\r\n", b"NOOP\r\n", b"MAIL FROM:<x@y.example>\r\nRCPT TO:<ann@example.test>\r\n",
                                       b"AUTH PLAIN " + plain(ANN, SECRET).encode() + b"\r\n", b"\r\n", b"E", hello())),
    "pop3": (b"STLS\r\n", (b"CAPA\r\n", b"USER ann\r\nPASS secret\r\n", b"AUTH PLAIN " + plain(ANN, SECRET).encode() + b"\r\n",
                           b"\r\n", b"U", hello())),
}


@pytest.mark.parametrize("name", ["smtp", "submission", "pop3"])
def test_nothing_may_follow_in_the_same_segment(server, name):
    """The attack of "Why TLS Is Better Without STARTTLS" (2021), also with the handshake itself."""
    begin, tails = AHEAD["pop3" if name == "pop3" else "smtp"]
    for tail in tails:
        with wire.Stream(("127.0.0.1", server.ports[name])) as s:
            s.line()
            s.send(begin + tail)
            said = s.until_closed()
        assert b"may follow" in said and b"220 " not in said and b"begin TLS" not in said, (tail, said)
        assert b"\x16\x03" not in said and b"\x15\x03" not in said


@pytest.mark.parametrize("name", ["smtp", "submission", "pop3"])
@pytest.mark.parametrize("octets", [b"NOOP\r\n", b"QUIT\r\n", b"EHLO x\r\nNOOP\r\n" * 100], ids=["NOOP", "QUIT", "many"])
def test_what_comes_in_clear_behind_the_reply_is_not_answered(server, name, octets):
    with at_tls(server, name) as stream:
        stream.send(octets)
        said = stream.until_closed()
    assert said == b"" or said[:2] == b"\x15\x03", said  # an alert at most


def test_smtp_forgets_what_was_said_before_tls(server):
    """RFC 3207 §4.2: the name, and what was offered. A transaction is not taken there at all."""
    with wire.Smtp(("127.0.0.1", server.ports["smtp"])) as smtp:
        offered = smtp.ehlo("before.example").lines
        assert smtp.cmd("MAIL FROM:<before@client.example>").code == 250
        assert smtp.cmd("RCPT TO:<ann@example.test>").code == 250
        assert smtp.cmd("STARTTLS").code == 503
        assert smtp.cmd("RSET").code == 250
        assert smtp.cmd("STARTTLS").code == 220
        smtp.begin_tls(server.wrap())
        assert smtp.cmd("DATA").code == 503
        assert smtp.cmd("RCPT TO:<ann@example.test>").code == 503
        assert smtp.cmd("MAIL FROM:<after@client.example>").code == 503
        within = smtp.ehlo("after.example").lines
        assert "STARTTLS" in offered and "STARTTLS" not in within
        assert smtp.cmd("RCPT TO:<ann@example.test>").code == 503
        assert smtp.cmd("STARTTLS").code in (502, 503)
        smtp.envelope("after@client.example", [ANN])
        assert smtp.data(b"Subject: x\r\n\r\nx\r\n").code == 250
    server.wait_files("ann", 1)
    [path] = server.files("ann")
    text = path.read_text()
    path.unlink()
    assert "after.example" in text and "before" not in text


class InClear(Secured):
    """Passwords are taken of this machine without TLS."""

    listeners = {"submission": {}, "pop3": {}}


@pytest.fixture
def in_clear():
    with contextlib.closing(InClear()) as one:
        yield one.start()


def test_logins_in_clear_are_forgotten_in_tls(in_clear):
    """RFC 3207 §4.2; RFC 2595 §4: the name of USER is not that of a PASS in TLS."""
    with wire.Smtp(("127.0.0.1", in_clear.ports["submission"])) as smtp:
        smtp.ehlo()
        assert smtp.cmd("AUTH PLAIN " + plain(ANN, SECRET)).code == 235
        assert smtp.cmd("STARTTLS").code == 220
        smtp.begin_tls(in_clear.wrap())
        smtp.ehlo()
        assert smtp.cmd(f"MAIL FROM:<{ANN}>").code == 530
        assert smtp.cmd("AUTH PLAIN " + plain(ANN, SECRET)).code == 235
        assert smtp.cmd(f"MAIL FROM:<{ANN}>").code == 250
    with wire.Pop3(("127.0.0.1", in_clear.ports["pop3"])) as pop:
        pop.ok(f"USER {ANN}")
        pop.ok("STLS")
        pop.begin_tls(in_clear.wrap())
        assert pop.cmd(f"PASS {SECRET}").startswith(b"-ERR")
        assert pop.cmd("STAT").startswith(b"-ERR")
        assert pop.cmd("STLS").startswith(b"-ERR")
        pop.ok("CAPA")
        assert b"STLS" not in pop.listing()
        pop.login(ANN, SECRET)
        pop.ok("STAT")


# --- Tickets, names, certificates ----------------------------------------------------------


def resumed(one, name, context, session=None):
    """Whether that session went on here, and what may be resumed of this one."""
    with at_tls(one, name) as stream:
        s = context.wrap_socket(stream.socket, server_hostname=NAME, session=session)
        stream.socket = s
        if name in IMPLICIT:
            stream.line()
        else:
            stream.send(b"NOOP\r\n")
            stream.line()
        return s.session_reused, s.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
def test_tickets_are_of_one_service_at_each_port(server, version):
    context = server.context()
    context.minimum_version = context.maximum_version = version
    sessions = {}
    for name in LISTENERS:
        reused, sessions[name] = resumed(server, name, context)
        assert not reused and sessions[name].has_ticket
    services = ("smtp", "submission", "submissions"), ("pop3", "pop3s")
    for mine, others in (services, services[::-1]):
        for name in mine:
            assert resumed(server, name, context, sessions[name])[0], name
            for other in others:
                assert not resumed(server, name, context, sessions[other])[0], (name, other)


@pytest.mark.parametrize("name", LISTENERS)
def test_the_name_picks_the_certificate(server, name):
    def shown(asked):
        context = server.context()
        context.check_hostname = False
        with at_tls(server, name) as stream, context.wrap_socket(stream.socket, server_hostname=asked) as s:
            return [value for kind, value in s.getpeercert()["subjectAltName"] if kind == "DNS"]
    assert shown("other.example.test") == ["other.example.test"] == shown("OTHER.example.test")
    assert shown(NAME) == shown(None) == shown("nobody.example") == [NAME, "localhost"]


def test_both_kinds_of_key_are_shown(server):
    """To each client the one that it can check."""
    for name in LISTENERS:
        assert ask(server, name, ciphers=(0xc02b,))[2] == 0xc02b
        assert ask(server, name, ciphers=(0xc02f,))[2] == 0xc02f


def test_sessions_outlive_a_new_certificate_and_a_wrong_one():
    """Of every port; new connections see a mismatched pair never, and a good one when it is read."""
    def shown(one, name):
        with one.connect(name, one.wrap()) as client:
            return client.socket.getpeercert(binary_form=True)

    with contextlib.closing(Secured()) as one, contextlib.ExitStack() as stack:
        one.start()
        held = {name: stack.enter_context(one.connect(name)) for name in LISTENERS}
        held["pop3"].login(ANN, SECRET)
        before = {name: shown(one, name) for name in LISTENERS}
        place = one.directory / "fresh"
        place.mkdir()
        one.authority.directory = place
        fresh = one.authority.certify("ec", NAME, "localhost")
        one.write("tls/ec.key", fresh.key.read_bytes())
        done = one.postern("reload")
        assert done.returncode == 78 and "it is not the key of the certificate" in done.err
        assert {name: shown(one, name) for name in LISTENERS} == before
        one.write("tls/ec.chain", fresh.chain.read_bytes())
        one.postern("reload", check=True)
        for name in LISTENERS:
            wait_for(f"the new one at {name}", 20, lambda: shown(one, name) != before[name])
        for name, client in held.items():
            if name == "pop3":
                client.ok("STAT")
            elif name == "pop3s":
                client.ok("CAPA")
            else:
                assert client.cmd("NOOP").code == 250
        held["pop3"].ok("NOOP")


# --- What is written down -------------------------------------------------------------------


@pytest.mark.parametrize("version, cipher, bits", [("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256", 128),
                                                   ("TLSv1.3", "TLS_AES_128_GCM_SHA256", 128)])
def test_version_and_cipher_are_told(server, version, cipher, bits):
    tls = server.wrap(maximum_version=ssl.TLSVersion(ssl.TLSVersion.TLSv1_2 if version == "TLSv1.2" else ssl.TLSVersion.TLSv1_3))
    words = f"{version} with cipher {cipher} ({bits}/{bits} bits)"
    for name in ("smtp", "submission", "submissions"):
        with server.connect(name, tls) as smtp:
            smtp.ehlo()
            if name != "smtp":
                assert smtp.cmd("AUTH PLAIN " + plain(ANN, SECRET)).code == 235
            smtp.envelope(ANN, [ANN])
            assert smtp.data(b"Subject: x\r\n\r\nx\r\n").code == 250
    server.wait_files("ann", 3)
    for path in server.files("ann"):
        assert f"\t(using {words})\n" in path.read_text()
        path.unlink()
    established = f"TLS connection established from unknown[127.0.0.1]: {words}"
    server.wait_log(established, times=3)
    log = server.log()
    for name in ("pop3", "pop3s"):
        server.connect(name, tls).close()
    wait_for("the lines of POP3", 10, lambda: server.log()[len(log):].count(f"TLS connection established from [127.0.0.1]: {words}") == 2)


def test_a_handshake_that_is_none(server):
    """What a client gets that speaks clear text to a port of TLS."""
    for name in IMPLICIT:
        with socket.create_connection(("127.0.0.1", server.ports[name]), timeout=20) as s:
            s.sendall(b"EHLO x\r\nQUIT\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert s.recv(4096)[:2] in (b"", b"\x15\x03")
