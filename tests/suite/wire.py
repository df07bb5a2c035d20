# SPDX-License-Identifier: ISC
"""SMTP and POP3 clients that send exactly the bytes they are told to.

The clients of the standard library repair, limit and hide; these do not. Contents are bytes with
CRLF line endings, without dot-stuffing, on both sides.
"""
import re
import socket

CRLF = b"\r\n"


class Closed(Exception):
    """The server closed the connection."""


class Reply:
    """One reply: code, the texts of its lines, and the bytes as they came."""

    def __init__(self, raw):
        self.raw = raw
        lines = raw.split(CRLF)[:-1]
        self.code = int(lines[0][:3])
        self.lines = [line[4:].decode("utf-8", "replace") for line in lines]

    @property
    def enhanced(self):
        match = re.match(r"[245]\.\d+\.\d+", self.lines[0])
        return match.group() if match else ""

    def __repr__(self):
        return self.raw.decode("utf-8", "replace").strip()


class Stream:
    """A connection with a read buffer. `address` is (host, port) or the path of a Unix socket. `tls`
    makes the socket one in TLS, from the first octet."""

    def __init__(self, address, timeout=30.0, source=None, tls=None):
        if isinstance(address, (str, bytes)):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, timeout, source)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray()
        if tls:
            self.begin_tls(tls)

    def begin_tls(self, tls):
        assert not self.buffer, bytes(self.buffer)
        self.socket = tls(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as e:
            raise Closed(str(e)) from e

    def fill(self):
        try:
            more = self.socket.recv(1 << 20)
        except ConnectionResetError as e:
            raise Closed(str(e)) from e
        if not more:
            raise Closed("end of file after " + repr(bytes(self.buffer[-200:])))
        self.buffer += more

    def until(self, mark):
        """Everything up to and with the mark."""
        start = 0
        while (at := self.buffer.find(mark, start)) < 0:
            start = max(0, len(self.buffer) - len(mark) + 1)
            self.fill()
        end = at + len(mark)
        taken = bytes(self.buffer[:end])
        del self.buffer[:end]
        return taken

    def line(self):
        return self.until(CRLF)

    def until_closed(self):
        """Everything that still comes before the server closes."""
        try:
            while True:
                self.fill()
        except Closed:
            rest, self.buffer = bytes(self.buffer), bytearray()
            return rest


def dot_stuff(content):
    """The bytes of DATA for a content, with the final dot; a CRLF is added to an unfinished line."""
    if content.startswith(b"."):
        content = b"." + content
    content = content.replace(b"\r\n.", b"\r\n..")
    if content and not content.endswith(CRLF):
        content += CRLF
    return content + b".\r\n"


class Smtp(Stream):
    def __init__(self, address, timeout=30.0, source=None, greeting=True, tls=None):
        super().__init__(address, timeout, source, tls)
        self.greeting = self.reply() if greeting else None

    def reply(self):
        raw = b""
        while True:
            line = self.line()
            raw += line
            if line[3:4] != b"-":
                return Reply(raw)

    def cmd(self, line):
        if isinstance(line, str):
            line = line.encode()
        self.send(line + CRLF)
        return self.reply()

    def ehlo(self, name="client.example"):
        reply = self.cmd(f"EHLO {name}")
        assert reply.code == 250, reply
        return reply

    def envelope(self, sender, recipients, parameters=""):
        reply = self.cmd(f"MAIL FROM:<{sender}>{parameters}")
        assert reply.code == 250, reply
        for recipient in recipients:
            reply = self.cmd(f"RCPT TO:<{recipient}>")
            assert reply.code == 250, reply

    def data(self, content):
        reply = self.cmd("DATA")
        if reply.code != 354:
            return reply
        self.send(dot_stuff(content))
        return self.reply()

    def bdat(self, content, chunk=60000):
        """Replies to every chunk are read; the last one is returned."""
        pieces = [content[i:i + chunk] for i in range(0, len(content), chunk)] or [b""]
        reply = None
        for n, piece in enumerate(pieces):
            last = b" LAST" if n == len(pieces) - 1 else b""
            self.send(b"BDAT %d%s\r\n%s" % (len(piece), last, piece))
            reply = self.reply()
            if reply.code >= 400:
                return reply
        return reply

    def quit(self):
        reply = self.cmd("QUIT")
        self.close()
        return reply


def send(address, sender, recipients, content, bdat=False, parameters=""):
    """One message on a connection of its own; the reply to its content."""
    with Smtp(address) as smtp:
        smtp.ehlo()
        smtp.envelope(sender, recipients, parameters)
        reply = smtp.bdat(content) if bdat else smtp.data(content)
        if reply.code == 250:
            smtp.cmd("QUIT")
        return reply


class Pop3(Stream):
    def __init__(self, address, timeout=30.0, source=None, tls=None):
        super().__init__(address, timeout, source, tls)
        self.greeting = self.line()
        assert self.greeting.startswith(b"+OK"), self.greeting

    def cmd(self, line):
        """The status line, whatever it says."""
        self.send(line.encode() + CRLF)
        return self.line()

    def ok(self, line):
        reply = self.cmd(line)
        assert reply.startswith(b"+OK"), (line.split()[0], reply)
        return reply

    def listing(self):
        """The lines of a multi-line reply, dots removed, as one piece of bytes."""
        while len(self.buffer) < 3:
            self.fill()
        if self.buffer[:3] == b".\r\n":
            del self.buffer[:3]
            return b""
        text = self.until(b"\r\n.\r\n")[:-3]
        return (CRLF + text).replace(b"\r\n.", b"\r\n")[2:]

    def login(self, user, password):
        self.ok(f"USER {user}")
        self.ok(f"PASS {password}")
        return self

    def stat(self):
        count, octets = self.ok("STAT").split()[1:3]
        return int(count), int(octets)

    def retr(self, number):
        self.ok(f"RETR {number}")
        return self.listing()

    def quit(self):
        reply = self.cmd("QUIT")
        self.close()
        return reply


def fetch_all(address, user, password, delete=True):
    """Every message of a mailbox in order, deleted when all were read."""
    with Pop3(address) as pop:
        pop.login(user, password)
        messages = [pop.retr(n + 1) for n in range(pop.stat()[0])]
        if delete:
            for n in range(len(messages)):
                pop.ok(f"DELE {n + 1}")
        assert pop.quit().startswith(b"+OK")
    return messages


TRACE = re.compile(
    rb"Return-Path: <[^\r\n]*>\r\n"
    rb"(X-Original-To: [^\r\n]+\r\n)?"
    rb"Delivered-To: [^\r\n]+\r\n"
    rb"Received: [^\r\n]*\r\n([ \t][^\r\n]*\r\n)*", re.DOTALL)
FIELD = re.compile(rb"[^\r\n]+(?:\r\n|$)(?:[ \t][^\r\n]*(?:\r\n|$))*")


def delivered_form(content):
    """What must lie behind the trace fields: the content without the Return-Path fields that it had
    (RFC 5321 section 4.4 wants one, ours), ending in CRLF."""
    if content and not content.endswith(CRLF):
        content += CRLF
    at, kept = 0, b""
    while field := FIELD.match(content, at):
        if not re.match(rb"(?i)return-path[ \t]*:", field.group()):
            kept += field.group()
        at = field.end()
    return kept + content[at:]


def same_content(sent, got):
    """None when `got` is `sent` behind the documented trace fields, else what is wrong."""
    sent = delivered_form(sent)
    if not got.endswith(sent):
        at = next((i for i in range(1, len(sent) + 1) if sent[-i:] != got[-i:]), 0)
        return (f"differs {at} octets from the end: sent ...{sent[-at:][:60]!r}, "
                f"got ...{got[-at:][:60]!r}")
    head = got[:len(got) - len(sent)]
    if not TRACE.fullmatch(head):
        return f"not the documented fields in front: {head!r}"
    return None
