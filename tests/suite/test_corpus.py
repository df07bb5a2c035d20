# SPDX-License-Identifier: ISC
"""Ugly messages through the whole path, compared octet for octet: DATA and BDAT in, POP3 out."""
import re

import pytest

import corpus
import wire

SHIPPED_WANTED = 200


def fetch_by_mark(instance, name):
    """{mark: message} of a mailbox; the mark is the local part of the Return-Path."""
    found = {}
    for got in instance.fetch(name):
        mark = re.match(rb"Return-Path: <(m\d+)@client\.example>\r\n", got)
        assert mark, got[:200]
        assert mark.group(1) not in found, "twice"
        found[mark.group(1).decode()] = got
    return found


def through(instance, contents, bdat):
    """Sends every content on a few connections, fetches all, and returns what differs."""
    names = list(contents)
    refused = []
    with instance.smtp() as smtp:
        smtp.ehlo()
        for n, name in enumerate(names):
            smtp.envelope(f"m{n}@client.example", ["ann@example.test"])
            content = contents[name]
            reply = smtp.bdat(content, 50000) if bdat else smtp.data(content)
            if reply.code != 250:
                refused.append(f"{name}: {reply}")
    assert not refused, "\n".join(refused)
    instance.wait_queue_empty()
    got = fetch_by_mark(instance, "ann")
    wrong = []
    for n, name in enumerate(names):
        if f"m{n}" not in got:
            wrong.append(f"{name}: missing")
            continue
        difference = wire.same_content(contents[name], got[f"m{n}"])
        if difference:
            wrong.append(f"{name}: {difference}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("bdat", [False, True], ids=["DATA", "BDAT"])
def test_generated(mailbox, bdat):
    through(mailbox, corpus.generated(), bdat)


@pytest.mark.parametrize("bdat", [False, True], ids=["DATA", "BDAT"])
def test_shipped_by_debian(mailbox, bdat):
    contents = corpus.shipped()
    if not contents:
        pytest.skip(f"no messages under {corpus.PLACE}: ./bootstrap check downloads them")
    assert len(contents) >= SHIPPED_WANTED
    through(mailbox, contents, bdat)


def test_sizes_agree(mailbox):
    """LIST and STAT promise, from the file names, exactly what RETR gives."""
    for content in (b"", b"x\r\n", b"a: b\r\n\r\n.\r\n..\r\n\r\n", b"s: \0\xff\r\n\r\n" + b"l\r\n" * 40000):
        mailbox.send(content)
    mailbox.wait_queue_empty()
    with mailbox.pop3("ann") as pop:
        pop.ok("LIST")
        sizes = [int(line.split()[1]) for line in pop.listing().splitlines()]
        assert len(sizes) == 4 and pop.stat() == (4, sum(sizes))
        assert [len(pop.retr(n + 1)) for n in range(4)] == sizes


def test_received_field(mailbox):
    mailbox.send(b"Subject: r\r\n\r\nx\r\n")
    got = mailbox.wait_for_mail("ann", 1)[0]
    field = re.search(rb"(?m)^Received: (.*(?:\r\n[ \t].*)*)\r\n", got).group(1).decode()
    unfolded = re.sub(r"\s+", " ", field)
    assert re.fullmatch(
        r"from client\.example \(.*\[127\.0\.0\.1\]\) by mx\.example\.test \(.*\) with ESMTP "
        r"id \S+(?: for <ann@example\.test>)?; \w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}.*", unfolded), \
        unfolded


# --- What only a smuggler sends ------------------------------------------------------


BARE = {
    "LF.LF": b"\n.\n", "LF.CRLF": b"\n.\r\n", "CR.CR": b"\r.\r", "CR.LF": b"\r.\n",
    "CRLF.LF": b"\r\n.\n", "CRLF.CR": b"\r\n.\r", "LF": b"a\nb", "CR": b"a\rb", "CRCRLF": b"a\r\r\n",
    "NUL after dot": b"\r\n.\0\r\n\n",
}


@pytest.mark.parametrize("oddity", BARE, ids=str)
def test_bare_line_ends_in_data_are_refused(mailbox, oddity):
    """RFC 5321 §2.3.8; the connection is closed, so nothing behind it is taken as a command."""
    smuggled = (b"MAIL FROM:<evil@client.example>\r\nRCPT TO:<bob@example.test>\r\nDATA\r\n"
                b"Subject: smuggled\r\n\r\nx\r\n.\r\n")
    with mailbox.smtp() as smtp:
        smtp.ehlo()
        smtp.envelope("s@client.example", ["ann@example.test"])
        assert smtp.cmd("DATA").code == 354
        smtp.send(b"Subject: x\r\n\r\nbefore" + BARE[oddity] + smuggled)
        reply = smtp.reply()
        assert 500 <= reply.code <= 599, reply
        rest = smtp.until_closed()
        assert b"250" not in rest and b"354" not in rest, rest
    mailbox.wait_queue_empty()
    assert mailbox.files("ann") == [] and mailbox.files("bob") == []


@pytest.mark.parametrize("content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r", b"\n"], ids=repr)
def test_bare_line_ends_in_bdat_are_refused(mailbox, content):
    with mailbox.smtp() as smtp:
        smtp.ehlo()
        smtp.envelope("s@client.example", ["ann@example.test"])
        reply = smtp.bdat(b"Subject: x\r\n\r\n" + content)
        assert 500 <= reply.code <= 599, reply
    mailbox.wait_queue_empty()
    assert mailbox.files("ann") == []


def test_bare_lf_ends_no_command(mailbox):
    with mailbox.smtp() as smtp:
        smtp.send(b"EHLO client.example\nMAIL FROM:<a@client.example>\r\n")
        assert smtp.reply().code >= 500


def test_dot_at_the_end_of_a_bdat_is_content(mailbox):
    content = b"Subject: x\r\n\r\nend\r\n.\r\n"
    mailbox.send(content, bdat=True)
    assert wire.same_content(content, mailbox.wait_for_mail("ann", 1)[0]) is None
