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


class Dialog:
    """`steps` in order: ("send", octets), ("expect", line number, text), ("do", words) for an X line
    and ("files", names) for an F line; `files` are those of "@ file", `settings` the other ones."""

    def __init__(self, path):
        self.path, self.settings, self.files, self.steps = path, {}, [], []
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            self.take(number, line)

    def take(self, number, line):
        kind, rest = line[:2], line[3:]
        if kind == b"@ ":
            self.set(line[2:])
        elif kind == b"C:" and self.steps and self.steps[-1][0] == "send":
            self.steps[-1] = "send", self.steps[-1][1] + unescape(rest)
        elif kind == b"C:":
            self.steps.append(("send", unescape(rest)))
        elif kind == b"S:":
            self.steps.append(("expect", number, rest))
        elif kind == b"X:":
            self.steps.append(("do", rest))
        elif kind == b"F:":
            self.steps.append(("files", {unescape(name + b"\\c") for name in rest.split()}))

    def set(self, text):
        name, _, value = text.partition(b" ")
        if name == b"file":
            self.files.append(file_words(value))
        else:
            self.settings[name.decode()] = value.decode().strip()

    def run(self, stream, pieces=1, box=None):
        """Fails with file and line at the first difference. `pieces` 1 sends octet by octet, 0 all at
        once. `box` does what X lines say and has the files that F lines name."""
        for step in self.steps:
            if step[0] == "send":
                self.send(stream, step[1], pieces)
            elif step[0] == "expect":
                self.compare(stream, *step[1:])
            elif step[0] == "do":
                box.do(step[1])
            else:
                box.check(step[1], self.path)
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
            assert got == unescape(wanted + b"\\c"), f"{where}: expected {wanted!r}, got {got!r}"


def file_words(value):
    """Path and content of "file PATH TEXT"."""
    path, _, text = value.partition(b" ")
    return unescape(path + b"\\c"), unescape(text + b"\\c")
