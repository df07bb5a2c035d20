# SPDX-License-Identifier: ISC
"""A server and a client on two machines, as far as the suite can tell: two network namespaces with one
wire between them. Nothing outside them changes, and they end with the processes in them. Root only."""
import contextlib
import ctypes
import os
import shutil
import subprocess

import pytest

from instance import ordinary_user

SERVER, SERVER6 = "192.0.2.1", "2001:db8::1"
# The client's: two of one /24, two of one /64, and one of another each.
CLIENT, NEIGHBOUR, ELSEWHERE = "198.51.100.1", "198.51.100.2", "203.0.113.1"
CLIENT6, NEIGHBOUR6, ELSEWHERE6 = "2001:db8:1::1", "2001:db8:1:0:8000::2", "2001:db8:1:1::1"
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def set_namespace(fd):
    if LIBC.setns(fd, CLONE_NEWNET) < 0:
        raise OSError(ctypes.get_errno(), "setns")


class Host:
    """A namespace, held by a process of its own."""

    def __init__(self):
        self.holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo ready; exec sleep infinity"],
                                       stdout=subprocess.PIPE)
        self.holder.stdout.readline()
        self.prefix = ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--"]
        self.ip("link", "set", "lo", "up")

    def ip(self, *argv):
        subprocess.run([*self.prefix, "ip", *argv], check=True)

    def give(self, *addresses):
        for address in addresses:
            six = ":" in address
            self.ip("address", "add", f"{address}/{128 if six else 32}", "dev", "wire", *(["nodad"] if six else []))

    @contextlib.contextmanager
    def here(self):
        """What this thread opens meanwhile belongs to the host."""
        with open("/proc/thread-self/ns/net") as before, open(f"/proc/{self.holder.pid}/ns/net") as there:
            set_namespace(there.fileno())
            try:
                yield
            finally:
                set_namespace(before.fileno())

    def user(self):
        """Who the programs run as by default, on this host."""
        one = ordinary_user()
        inner = one.prefix()
        one.prefix = lambda: [*self.prefix, *inner]
        return one

    def close(self):
        self.holder.terminate()
        self.holder.wait()
        self.holder.stdout.close()


class Hosts:
    def __init__(self):
        self.server, self.client = Host(), Host()
        self.server.ip("link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", str(self.client.holder.pid))
        for host, own in ((self.server, (SERVER, SERVER6)),
                          (self.client, (CLIENT, NEIGHBOUR, ELSEWHERE, CLIENT6, NEIGHBOUR6, ELSEWHERE6))):
            host.ip("link", "set", "wire", "up")
            host.give(*own)
            host.ip("route", "add", "default", "dev", "wire")
            host.ip("-6", "route", "add", "default", "dev", "wire")

    def close(self):
        self.client.close()
        self.server.close()


def hosts_or_skip():
    """For a test's fixture."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes network namespaces")
    missing = [name for name in ("ip", "nsenter", "unshare")
               if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")]
    if missing:
        pytest.skip("missing: " + ", ".join(missing))
    return contextlib.closing(Hosts())
