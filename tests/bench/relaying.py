# SPDX-License-Identifier: ISC
"""The benches of mail that goes on to other servers."""
import concurrent.futures
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

import servers

HERE = pathlib.Path(__file__).resolve().parent
ROUND_TRIP_MS = 100
DEAD = 1000


def sink(port, messages):
    """Ends when it has them all."""
    argv = ["smtp-sink", "-M", str(messages), f"127.0.0.1:{port}", "1000"]
    if os.geteuid() == 0:
        argv[1:1] = ["-u", "nobody"]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    servers.wait_for_port(port)
    return process


@contextlib.contextmanager
def delayed(port):
    """A port behind which that one is, far away."""
    far = servers.free_port()
    process = subprocess.Popen([sys.executable, "-B", HERE / "delay.py", str(far), str(port),
                                str(ROUND_TRIP_MS)])
    try:
        servers.wait_for_port(far)
        yield far
    finally:
        process.terminate()
        process.wait()


def relay_once(kind, where, messages, latency, concurrency, measure):
    port = servers.free_port()
    with contextlib.ExitStack() as stack:
        process = sink(port, messages)
        stack.callback(process.kill)
        to = stack.enter_context(delayed(port)) if latency else port
        server = kind(where / "server", hold=False, routes={"sink.example": f"[127.0.0.1]:{to}"},
                      concurrency=concurrency)
        server.start()
        stack.callback(shutil.rmtree, where / "server")
        stack.callback(server.stop)

        def work():
            subprocess.run(["smtp-source", "-s", "20", "-m", str(messages), "-l", "4096",
                            "-f", "sender@client.example", "-t", "user@sink.example",
                            f"127.0.0.1:{server.port}"], check=True)
            process.wait(600)

        return measure(server, messages, work)


# --- A backlog --------------------------------------------------------------

def dead_routes():
    """Nobody listens at port 1 of any of these addresses."""
    return {f"d{n}.dead.example": f"[127.1.{n // 200}.{n % 200 + 1}]:1" for n in range(DEAD)}


def until(stream, count):
    """Reads that many replies; their first digits."""
    digits = ""
    while count > 0:
        line = stream.readline()
        if not line:
            raise RuntimeError("the server closed the connection")
        if line[3:4] == b" ":
            digits += chr(line[0])
            count -= 1
    return digits


def submit(port, recipients):
    """One connection, a message for each, the commands of a message in one piece."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as s:
        stream = s.makefile("rb")
        until(stream, 1)
        s.sendall(b"EHLO client.example\r\n")
        until(stream, 1)
        for recipient in recipients:
            s.sendall(f"MAIL FROM:<sender@client.example>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode())
            if until(stream, 3) != "223":
                raise RuntimeError("refused")
            s.sendall(b"Subject: x\r\n\r\nx\r\n.\r\n")
            if until(stream, 1) != "2":
                raise RuntimeError("not accepted")


def fill(port, messages):
    """In parts, for a session may take a bounded number of messages."""
    todo = [f"user{n}@d{n % DEAD}.dead.example" for n in range(messages)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for done in [pool.submit(submit, port, todo[n:n + 500]) for n in range(0, messages, 500)]:
            done.result()


def seconds_to_sink(server, port):
    process = sink(port, 1)
    begin = time.monotonic()
    submit(server.port, ["user@live.example"])
    process.wait(600)
    return time.monotonic() - begin


def backlog_once(kind, where, messages):
    """The slowest of some messages to the live one, and KiB of the queue's process."""
    port = servers.free_port()
    server = kind(where / "server", hold=False,
                  routes={**dead_routes(), "live.example": f"[127.0.0.1]:{port}"})
    server.start()
    try:
        begin = time.monotonic()
        fill(server.port, messages)
        filled = time.monotonic() - begin
        return max(seconds_to_sink(server, port) for _ in range(5)), server.queue_kib(), filled
    finally:
        server.stop()
        shutil.rmtree(where / "server")


# --- A start ----------------------------------------------------------------

def start_once(where, messages, killed):
    """Seconds from the start with so many waiting messages until a new one is accepted, KiB of queue,
    MiB that it read, and MiB of the spool. `killed`: nothing was closed before."""
    server = servers.Postern(where / "server", hold=True, routes=dead_routes())
    server.start()
    try:
        fill(server.port, messages)
        if killed:
            server.kill()
        else:
            server.stop()
        begin = time.monotonic()
        server.start_again()
        submit(server.port, ["user0@d0.dead.example"])
        seconds = time.monotonic() - begin
        spool = sum(p.stat().st_size for p in (server.directory / "spool").rglob("*") if p.is_file())
        return seconds, server.queue_kib(), server.queue_read_mib(), spool / (1 << 20)
    finally:
        server.stop()
        shutil.rmtree(where / "server")
