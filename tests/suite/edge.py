# SPDX-License-Identifier: ISC
"""Plays control and one peer of a program, octet by octet: what a program hears from one that was
taken over. See common/wire.h, common/channel.c and common/service.h."""
import functools
import os
import re
import socket
import struct
import subprocess

from instance import TOP

GREETING = 0
PEER, GO, READY = 1, 6, 8


def edge_number(name):
    rows = re.findall(r"(?m)^EDGE\((\w+)", (TOP / "common" / "wiring.def").read_text())
    return rows.index(name) + 1


def string(data):
    return struct.pack(">I", len(data)) + data


@functools.cache
def versions():
    """What both ends of an edge say, by its name."""
    return {name: int(version) for name, version in re.findall(
        r'#define EDGE_NAME "([\w-]+)"\s+#define EDGE_VERSION (\d+)', (TOP / "common/msg.c").read_text())}


class Channel:
    """One end: greets, and sends and receives packets with descriptors."""

    def __init__(self, sock, edge, server=False):
        self.sock = sock
        sock.settimeout(10)
        self.send(GREETING, string(edge.encode()) + struct.pack(">HB", versions()[edge], server))
        number, _, _ = self.receive()
        assert number == GREETING

    def send(self, number, body=b"", fds=()):
        socket.send_fds(self.sock, [struct.pack(">H", number) + body], list(fds))

    def receive(self):
        """(number, body, descriptors); number None at the end."""
        data, fds, _, _ = socket.recv_fds(self.sock, 200000, 4)
        if not data:
            return None, b"", fds
        return struct.unpack(">H", data[:2])[0], data[2:], fds


class Program:
    """One program of the suite, alone, with one peer: `peer` is ours."""

    def __init__(self, instance, name, wired, edge, log):
        path = instance.prefix / "libexec" / "postern" / name
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        conf = os.memfd_create("conf", 0)
        os.write(conf, instance.conf.read_bytes())

        def place():
            for at, fd in ((3, theirs.fileno()), (4, conf)):
                os.dup2(fd, at + 100)
            for at in (3, 4):
                os.dup2(at + 100, at, inheritable=True)

        with open(log, "ab") as out:
            self.process = subprocess.Popen(
                [*instance.user.prefix(), path, instance.conf], preexec_fn=place, close_fds=False,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        theirs.close()
        os.close(conf)
        self.control = Channel(ours, "supervision")
        mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.send(PEER, struct.pack(">BHI", edge_number(wired), 0, 1), [other.fileno()])
        other.close()
        self.control.send(GO)
        assert self.control.receive()[0] == READY
        self.peer = Channel(mine, edge)

    def close(self):
        """The program leaves when control is gone."""
        self.control.sock.close()
        self.peer.sock.close()
        assert self.process.wait(10) == 0
