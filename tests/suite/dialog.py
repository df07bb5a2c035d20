# SPDX-License-Identifier: ISC
"""Dialogs as text, run against a real server; tests/dialogs/README has the format."""
import re

import wire

ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|\{(\d+):([^}]*)\}|(.))", re.DOTALL)
SIMPLE = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"0": b"\0", b"\\": b"\\"}


def unescape(text):
    """The octets that a C line stands for, with its line end unless \\c takes that away."""
    end = b"\r\n"
    if text.endswith(b"\\c"):
        text, end = text[:-2], b""

    def replace(m):
        if m.group(1):
            return bytes.fromhex(m.group(1).decode())
        if m.group(2):
            return m.group(3) * int(m.group(2))
        return SIMPLE[m.group(4)]

    return ESCAPE.sub(replace, text) + end


class Group:
    """What is sent at a time, and the lines that must come of it."""

    def __init__(self):
        self.send, self.expect, self.line = b"", [], 0


class Dialog:
    def __init__(self, path):
        self.path, self.settings = path, {}
        self.groups = [Group()]
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            self.take(number, line)

    def take(self, number, line):
        kind, rest = line[:2], line[3:]
        if kind == b"@ ":
            name, _, value = line[2:].decode().partition(" ")
            self.settings[name] = value.strip()
        elif kind == b"C:":
            if self.groups[-1].expect or not self.groups[-1].send and len(self.groups) == 1:
                self.groups.append(Group())
            self.groups[-1].send += unescape(rest)
        elif kind == b"S:":
            self.groups[-1].expect.append((number, rest))

    def run(self, stream, pieces=1):
        """Fails with file and line at the first difference. `pieces` 1 sends octet by octet."""
        for group in self.groups:
            self.send(stream, group.send, pieces)
            for number, wanted in group.expect:
                self.compare(stream, number, wanted)
        if not self.groups[-1].expect or self.groups[-1].expect[-1][1] != b"<closed>":
            assert not stream.buffer, f"{self.path}: the server said more: {bytes(stream.buffer)!r}"

    @staticmethod
    def send(stream, data, pieces):
        step = pieces or len(data) or 1
        try:
            for at in range(0, len(data), step):
                stream.send(data[at:at + step])
        except (OSError, wire.Closed):
            pass  # it may close before it has read everything; what it said is compared

    def compare(self, stream, number, wanted):
        where = f"{self.path}:{number}"
        if wanted == b"<closed>":
            assert stream.until_closed() == b"", f"{where}: the server said more before it closed"
            return
        try:
            got = stream.line()[:-2]
            if re.fullmatch(rb"\d{3} \.\.\.", wanted):
                while got[:3] == wanted[:3] and got[3:4] == b"-":
                    got = stream.line()[:-2]
        except wire.Closed as e:
            raise AssertionError(f"{where}: expected {wanted!r}, but: {e}") from e
        if wanted.endswith(b"..."):
            assert got.startswith(wanted[:-3]), f"{where}: expected {wanted!r}, got {got!r}"
        else:
            assert got == wanted, f"{where}: expected {wanted!r}, got {got!r}"
