# SPDX-License-Identifier: ISC
"""A reader of the spool made from doc/architecture.md ("The spool, in bytes") alone, and not from the
code: what is written there must be enough to read a spool."""
import collections
import re
import struct

import pytest

from instance import wait_for

BATCH, MESSAGE, RESULTS, FINISH, CLOSED = range(1, 6)
DEFERRED, HELD = 3, 5
MOVED, LARGE = 1, 2
BLOCK = 4096

Record = collections.namedtuple("Record", "type flags length batch id head content offset")


def make_table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = (i >> 1) ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    return table


TABLE = make_table()


def crc32c(octets, start=0):
    crc = start ^ 0xFFFFFFFF
    for octet in octets:
        crc = (crc >> 8) ^ TABLE[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFFFFFF


class Fields:
    """Integers and strings from the front of some octets."""

    def __init__(self, octets):
        self.octets, self.at = octets, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.octets, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values

    def string(self):
        n = self.take("I")
        value = self.octets[self.at:self.at + n]
        assert len(value) == n
        self.at += n
        return value

    def items(self, read):
        return [read(self) for _ in range(self.take("H"))]

    def end(self):
        assert self.at == len(self.octets)


def read_identity(path):
    text = path.read_bytes()
    found = re.fullmatch(rb"(postern-spool 1 ([0-9a-f]{8}) ([0-9a-f]{16}) )([0-9a-f]{8})\n", text)
    assert found, text
    assert int(found.group(4), 16) == crc32c(found.group(1))
    key = bytes.fromhex(found.group(3).decode())
    return int(found.group(2), 16), key, crc32c(key)


def read_record(octets, at, magic, sequence):
    start, kind, version, flags, length, low, batch, ident, head_n, crc = struct.unpack_from(">4sBBHIIQQII", octets, at)
    assert (start, version, low) == (magic, 2, sequence & 0xFFFFFFFF)
    head = octets[at + 40:at + 40 + head_n]
    return Record(kind, flags, length, batch, ident, head, octets[at + 40 + head_n:at + length], at), crc


class Segment:
    def __init__(self, path, identity, key, seed):
        self.octets, self.seed = path.read_bytes(), seed
        header = Fields(self.octets[:64])
        magic, form, ident, got_key, self.sequence, self.tail, self.first_batch, size = header.take("8sII8sQQQI")
        assert (magic, form, ident, got_key, size) == (b"PSTNSEG1", 1, identity, key, len(self.octets))
        assert header.take("8s") == bytes(8)
        assert header.take("I") == crc32c(self.octets[:60])

    def batches(self):
        """(number, tail, records) of each, as far as they go."""
        at = BLOCK
        while self.octets[at:at + 4] == b"PSTR":
            first, _ = read_record(self.octets, at, b"PSTR", self.sequence)
            if first.type != BATCH or at + 56 > len(self.octets):
                return
            octets, count, tail = struct.unpack(">IIQ", first.head)
            records, inner = [], at + 56
            for _ in range(count + 1):
                where = at if not records else inner
                record, crc = read_record(self.octets, where, b"PSTR", self.sequence)
                whole = self.octets[where:where + record.length]
                assert crc == crc32c(whole[40:], crc32c(whole[:36], self.seed))
                records.append(record)
                if len(records) > 1:
                    inner += (record.length + 7) // 8 * 8
            assert not any(self.octets[inner:at + octets]), "a batch ends in zeros"
            assert {r.batch for r in records} == {first.batch}
            yield first.batch, tail, records[1:]
            at += octets

    def index(self):
        """(offset, record without content) of each entry, and the footer; None when it is not sealed."""
        footer = self.octets[-64:]
        magic, count, sequence, offset, length, crc, own, last_batch, tail, last_id, first_batch = \
            struct.unpack(">4sIQIIIIQQQQ", footer)
        if magic != b"PSXF" or sequence != self.sequence:
            return None
        assert own == crc32c(footer[32:], crc32c(footer[:28], self.seed))
        entries, at = [], offset
        assert crc == crc32c(self.octets[offset:offset + length], self.seed)
        while at < offset + length:
            where, zero = struct.unpack_from(">II", self.octets, at)
            assert zero == 0
            record, _ = read_record(self.octets, at + 8, b"PSTI", self.sequence)
            entries.append((where, record._replace(content=b"", offset=where)))
            at += 8 + (40 + len(record.head) + 7) // 8 * 8
        assert len(entries) == count and first_batch == self.first_batch
        return entries, last_batch, last_id


def read_recipient(f):
    address, original, orcpt, nexthop = (f.string() for _ in range(4))
    transport, notify = f.take("BB")
    return address, original, orcpt, nexthop, transport, notify


def read_message(record):
    f = Fields(record.head)
    moved_from, moved_length, content_length = f.take("QIQ")
    arrival, _token = f.take("QQ")
    names = ("reverse_path", "envid", "client", "helo", "login", "session")
    message = {name: f.string() for name in names}
    message["flags"], message["ret"] = f.take("HB")
    message["recipients"] = f.items(read_recipient)
    message["settled"] = (*f.take("QB"), f.items(lambda g: g.take("H")))
    f.end()
    message.update(arrival=arrival, moved=(moved_from, moved_length), size=content_length)
    return message


Result = collections.namedtuple("Result", "number outcome next_try attempts first_try last_try told")


def read_result(f):
    *fields, told = f.take("HBQIQQB")
    assert told in (0, 1)
    words = {name: f.string() for name in ("status", "mta", "reply", "text")} if told else {}
    if told:
        words["tried"] = f.items(lambda g: (g.string(), g.string()))
    return Result(*fields, words)


def read_results(records):
    """(id, result) of all of them, in order."""
    results = []
    for _, record in records:
        if record.type == RESULTS:
            f = Fields(record.head)
            results += [(record.id, result) for result in f.items(read_result)]
            f.end()
    return results


def read_log(spool):
    """All records that count, in order, and the segments by sequence."""
    identity, key, seed = read_identity(spool / "identity")
    segments = [Segment(p, identity, key, seed) for p in (spool / "segments").iterdir()]
    used = sorted((s for s in segments if s.sequence != 0), key=lambda s: s.sequence)
    records, tail = [], 1
    for n, segment in enumerate(used):
        limit = min([s.first_batch for s in used[n + 1:]], default=1 << 64)
        for batch, tail_now, found in segment.batches():
            if batch < limit:
                tail = max(tail, tail_now)
                records += [(segment, r) for r in found]
    return [(s, r) for s, r in records if s.sequence >= tail], [s for s in used if s.sequence >= tail]


NOBODY = "far.example smtp:[127.0.0.1]:1\n"  # where nobody listens
# More than one segment.
CONTENTS = [b"Subject: %d\r\n\r\n" % n + b"line\r\n" * (n * 230) for n in range(45)]
BIG = b"Subject: big\r\n\r\n" + b"x" * 70 + b"\r\n" + b"0123456789\r\n" * 8000


@pytest.fixture
def stopped(make):
    """A spool in which mail waits, is held or was deferred, some was finished, and one segment is sealed."""
    one = make(conf={"queue": {"hold-local": True, "segment-size": "1 MiB"}}, tables={"routes": NOBODY})
    one.send(b"Subject: finished\r\n\r\nx\r\n")
    one.configure(queue={"hold-local": False, "segment-size": "1 MiB"})
    one.postern("reload", check=True)
    one.wait_queue_empty()
    one.configure(queue={"hold-local": True, "segment-size": "1 MiB"})
    one.postern("reload", check=True)
    for content in CONTENTS:
        one.send(content, to=["ann", "bob"])
    one.send(BIG)
    one.postern("queue", "hold", "--recipient", "bob@example.test", check=True)
    one.send(b"Subject: far\r\n\r\nx\r\n", to=["bob@far.example"])
    wait_for("a deferral", 20, lambda: "status=deferred" in one.log())
    one.stop()
    return one


def test_the_document_is_enough_to_read_a_spool(stopped):
    records, segments = read_log(stopped.spool)
    assert len(segments) > 1
    finished = {r.id for _, r in records if r.type == FINISH}
    waiting = {r.id: (r, read_message(r)) for _, r in records if r.type == MESSAGE and r.id not in finished}
    far, = (ident for ident, (_, m) in waiting.items() if m["recipients"][0][0] == b"bob@far.example")
    address, original, _, nexthop, transport, _ = waiting.pop(far)[1]["recipients"][0]
    assert (original, nexthop, transport) == (address, b"smtp:[127.0.0.1]:1", 2)
    small = [r for r, _ in waiting.values() if not r.flags & LARGE]
    assert len(waiting) == len(CONTENTS) + 1
    for record, content in zip(small, CONTENTS):
        assert record.content.startswith(b"Received: ") and record.content.endswith(content)
    for record, message in waiting.values():
        assert (message["reverse_path"], message["client"], message["moved"], message["settled"]) == \
            (b"sender@client.example", b"[127.0.0.1]", (0, 0), (0, 0, []))
        names = [r[0] for r in message["recipients"]]
        assert names == [b"ann@example.test"] + [b"bob@example.test"] * (not record.flags & LARGE)
        assert {r[4] for r in message["recipients"]} == {1}
        if not record.flags & LARGE:
            assert message["size"] == len(record.content)
    [big] = (stopped.spool / "large").iterdir()
    [(_, message)] = [pair for pair in waiting.values() if pair[0].flags & LARGE]
    assert message["size"] == big.stat().st_size and big.read_bytes().endswith(BIG)
    results = read_results(records)
    assert all(1 <= r.outcome <= 8 for _, r in results)
    held = {(ident, r.number) for ident, r in results if r.outcome == HELD}
    assert held == {(r.id, n) for r in small for n in (0, 1)}
    deferred, = (r for ident, r in results if r.outcome == DEFERRED and ident == far)
    assert (deferred.number, deferred.attempts) == (0, 1) and deferred.next_try > message["arrival"]
    assert deferred.told["status"] == b"4.4.1" and b"refused" in deferred.told["text"]
    assert deferred.told["reply"] == b"" and deferred.told["tried"] == []
    assert message["arrival"] - 60000 <= deferred.first_try <= deferred.last_try < deferred.next_try
    for _, record in records:
        if record.type == FINISH:
            assert struct.unpack(">QIQ", record.head)[0] <= segments[-1].sequence
    assert len(finished) == 1
    assert records[-1][1].type == CLOSED and records[-1][1].head == b""


def test_the_index_says_what_the_records_say(stopped):
    _, segments = read_log(stopped.spool)
    for segment in segments:
        entries, last_batch, last_id = segment.index()
        batches = list(segment.batches())
        assert [e for _, e in entries] == [r._replace(content=b"") for _, _, found in batches for r in found]
        assert last_batch == batches[-1][0] and last_id >= max(e.id for _, e in entries)
