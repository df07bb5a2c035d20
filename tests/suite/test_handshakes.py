# SPDX-License-Identifier: ISC
"""Clients that begin a TLS handshake and take their time, or leave: they end at the deadline, count as
connections until then, and cost nobody else anything."""
import select
import socket
import ssl
import struct
import threading
import time

import pytest

import test_tls
from instance import wait_for
from test_hostile_programs import files_of, memory_kb

DEADLINE, LIMIT = 3, 6  # seconds, and connections of one address
SLACK = 5  # what a busy machine may add
ABORTED = 300


@pytest.fixture(scope="module")
def server():
    one = test_tls.Secure()
    one.configure(networks=["192.0.2.0/24"], smtp={"session-timeout": DEADLINE, "connections-per-address": LIMIT},
                  pop3={"login-timeout": DEADLINE, "connections-per-address": LIMIT})
    try:
        yield one.start()
    finally:
        one.close()


def ports(server):
    return {"submissions": server.submissions_port, "pop3s": server.pop3s_port}


def client_hello():
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = test_tls.context().wrap_bio(into, out, server_hostname=test_tls.NAME)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


def is_served(port):
    try:
        with test_tls.connect(port) as s:
            return test_tls.read_line(s)[:3] in (b"220", b"+OK")
    except OSError:  # ssl.SSLError is one
        return False


def is_closed(s):
    try:
        while select.select([s], [], [], 0)[0]:
            if not s.recv(65536):
                return True
    except ConnectionResetError:
        return True
    return False


@pytest.mark.parametrize("listener", ("submissions", "pop3s"))
def test_a_slow_handshake_ends_at_its_deadline(server, listener):
    port, hello = ports(server)[listener], client_hello()
    begun = time.monotonic()
    slow = [socket.create_connection(("127.0.0.1", port)) for _ in range(LIMIT)]
    try:
        # One says nothing, one stops in the middle, one has said all and hears nothing of the answer, the
        # rest say an octet now and then.
        slow[1].sendall(hello[:len(hello) // 2])
        slow[2].sendall(hello)
        time.sleep(0.2)
        assert not is_served(port), "handshakes do not count as connections"
        ended, said = {}, 0
        while len(ended) < LIMIT and time.monotonic() < begun + DEADLINE + SLACK:
            for n, s in enumerate(slow):
                if n not in ended and is_closed(s):
                    ended[n] = time.monotonic() - begun
                elif n > 2 and n not in ended:
                    try:
                        s.send(hello[said:said + 1])
                    except (BrokenPipeError, ConnectionResetError):
                        ended[n] = time.monotonic() - begun
            said += 1
            time.sleep(0.1)
        assert len(ended) == LIMIT, f"still there: {ended}"
        assert min(ended.values()) > DEADLINE - 1.5, ended
    finally:
        for s in slow:
            s.close()
    wait_for("room again", 10, lambda: is_served(port))
    if listener == "submissions":
        server.wait_log("it took too long")


def abort_one(port, hello):
    """The server has signed for it when its answer comes; nobody reads that."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        s.sendall(hello)
        s.recv(1)


@pytest.mark.parametrize("listener", ("submissions", "pop3s"))
def test_aborted_handshakes_hold_up_nobody(server, listener):
    port, hello = ports(server)[listener], client_hello()
    [keys] = server.pids("keys")
    workers = server.pids("smtpd" if listener == "submissions" else "pop3d")
    before = {pid: (memory_kb(pid), files_of(pid)) for pid in (keys, *workers)}
    done, served, slowest = threading.Event(), [], [0.0]

    def go_on():
        while not done.is_set():
            begun = time.monotonic()
            served.append(is_served(port))
            slowest[0] = max(slowest[0], time.monotonic() - begun)

    other = threading.Thread(target=go_on)
    other.start()
    for _ in range(ABORTED):
        abort_one(port, hello)
    done.set()
    other.join()
    assert served and all(served), f"{served.count(False)} of {len(served)} handshakes failed"
    assert slowest[0] < SLACK
    assert server.pids("keys") == [keys] and is_served(port)
    for pid, (kb, files) in before.items():
        assert memory_kb(pid) - kb < 32 * 1024
        wait_for("descriptors are back", 10, lambda pid=pid, files=files: files_of(pid) <= files + 2)
