# SPDX-License-Identifier: ISC
"""Messages of ugly kinds: what Debian packages ship as test data, and some that we make.

./bootstrap check downloads the packages named in tests/suite/corpus-packages and unpacks them under
build/corpus, without installing them.
"""
import hashlib
import os
import pathlib
import random
import re

from instance import TOP

PLACE = pathlib.Path(os.environ.get("POSTERN_CORPUS", TOP / "build" / "corpus"))
FIELD = re.compile(rb"(?mi)^(received|from|to|subject|message-id|date|mime-version|content-type|"
                   rb"return-path|delivered-to|reply-to|sender|cc)[ \t]*:")
# Programs and manuals that look like messages because they hold some.
NOT_MESSAGES = (".py", ".go", ".pm", ".pl", ".rst", ".html", ".gz", ".cf", ".po", ".tt2", ".pot", ".mo",
                ".pck")
SIZE_MAX = 4 << 20


def canonical(raw):
    """With every kind of line end as CRLF, and an end to the last line."""
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", raw)
    return text if text.endswith(b"\r\n") or not text else text + b"\r\n"


def split_mbox(raw):
    """An mbox's messages; else the one message without a leading From_ line."""
    if not raw.startswith(b"From "):
        return [raw]
    return [part.split(b"\n", 1)[1] for part in re.split(rb"(?m)^(?=From \S+ .*\d{4}$)", raw)
            if b"\n" in part]


def is_message(raw):
    return len(FIELD.findall(raw[:4096])) >= 2 and len(raw) <= SIZE_MAX


def shipped():
    """{name: content} of what the packages ship; the same content once."""
    found, seen = {}, set()
    for path in sorted(PLACE.rglob("*")):
        if path.suffix in NOT_MESSAGES or not path.is_file() or path.is_symlink():
            continue
        for n, raw in enumerate(split_mbox(path.read_bytes())):
            digest = hashlib.sha256(raw).digest()
            if digest not in seen and is_message(raw):
                seen.add(digest)
                found[f"{path.relative_to(PLACE)}#{n}"] = canonical(raw)
    return found


def lines(*texts):
    return b"".join(text + b"\r\n" for text in texts)


def generated():
    """{name: content} of shapes that test data rarely has."""
    rng = random.Random(5321)
    head = lines(b"From: a@client.example", b"To: ann@example.test", b"Subject: x")
    octets = bytes(b for b in range(256) if b not in b"\r\n")
    attachment = rng.randbytes(30 << 20).translate(bytes(b if b not in b"\r\n" else 65 for b in range(256)))
    made = {
        "empty": b"",
        "one empty line": lines(b""),
        "two empty lines": lines(b"", b""),
        "only a header": head,
        "header and empty line": head + lines(b""),
        "no header": lines(b"just text", b"and more text"),
        "empty line first": lines(b"", b"From: this is the body"),
        "body that looks like a folded field": lines(b" leading blank", b"\ttab", b"", b"x"),
        "a line of one colon": lines(b":", b"", b"x"),
        "colon before any name": lines(b": value", b"Subject: x", b"", b"x"),
        "field name with a blank": lines(b"Sub ject: x", b"Subject : y", b"", b"x"),
        "From_ line first": lines(b"From someone Mon Jan  1 00:00:00 2024") + head + lines(b"", b"x"),
        "From_ lines in the body": head + lines(b"", b"From here", b">From there", b""),
        "trace fields of our own": lines(
            b"Return-Path: <forged@client.example>", b"Delivered-To: forged@example.test",
            b"Received: from forged", b"\tby forged") + head + lines(b"", b"x"),
        "no final line end in DATA": head + lines(b"", b"last"),
        "every octet": head + lines(b"", octets, octets[::-1]),
        "NUL in header and body": lines(b"Subject: a\0b", b"X\0Y: z", b"", b"\0", b"\0\0."),
        "8 bit without MIME": lines("Subject: Grüße".encode("latin-1"), b"") + lines(
            *("äöüß€".encode("utf-8"), "żółć".encode("iso-8859-2"), b"\xff\xfe\x80")),
        "dots at line starts": head + lines(b"", b".", b"..", b"...", b".a", b"..a", b" .", b"x.", b"."),
        "dots only": lines(b".", b".", b"."),
        "blank lines at the end": head + lines(b"", b"x", b"", b"", b""),
        "white space only lines": head + lines(b"", b" ", b"\t", b" \t "),
        "lines of 998": head + lines(b"") + lines(*[b"x" * 998] * 50),
        "a line of 1 MiB": head + lines(b"", rng.randbytes(1 << 19).hex().encode()),
        "a header line of 100 KiB": lines(b"Subject: " + b"y" * 100000, b"", b"x"),
        "2,000 fields": b"".join(lines(b"X-%d: %d" % (n, n)) for n in range(2000)) + lines(b"", b"x"),
        "20,000 short lines": head + lines(b"") + lines(*[b"%d" % n for n in range(20000)]),
        "20,000 empty lines": head + lines(b"") + b"\r\n" * 20000,
        "deep MIME": head + b"".join(
            lines(b"Content-Type: multipart/mixed; boundary=b%d" % n, b"", b"--b%d" % n)
            for n in range(1000)) + lines(b"", b"x"),
        "30 MiB": head + lines(b"") + b"".join(
            lines(attachment[i:i + 990]) for i in range(0, len(attachment), 990)),
    }
    for size in (65535, 65536, 65537):  # about what travels inside a packet
        made[f"content of {size} octets"] = exactly(size, head)
    return made


def exactly(size, head):
    """A content of so many octets in lines of 70."""
    body = lines(b"") + b"".join(lines(b"z" * 70) for _ in range(size // 72))
    content = (head + body)[:size - 2]
    return content.rstrip(b"\r\n") + b"w" * (size - 2 - len(content.rstrip(b"\r\n"))) + b"\r\n"
