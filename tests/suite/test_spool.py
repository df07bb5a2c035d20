# SPDX-License-Identifier: ISC
"""A spool damaged by hand: reported, set aside, and nothing else lost."""
import random
import re

import pytest

from instance import wait_for

HELD = {"queue": {"hold-local": True, "segment-size": "1 MiB"}}
LARGE = b"x" * 70 + b"\r\n"


def content(n, large=False):
    body = LARGE * 3000 if large else b"body of %d\r\n" % n
    return b"Subject: number %d\r\n\r\n%s" % (n, body)


@pytest.fixture
def filled(make):
    """A stopped instance whose spool holds 40 small messages and 2 large ones."""
    one = make(conf=HELD)
    for n in range(40):
        one.send(content(n) + b"z" * 60000 + b"\r\n")
    for n in (100, 101):
        one.send(content(n, large=True))
    one.stop()
    one.configure(queue={"segment-size": "1 MiB"})
    return one


def segments(one):
    return sorted((p for p in one.spool.rglob("*") if p.is_file() and p.stat().st_size >= 1 << 20
                   and "large" not in p.parts), key=lambda p: p.name)


def numbers(one):
    """Starts, waits, and returns the numbers of the messages that arrived; each must be whole."""
    one.start()
    # What remains are reports to the sender, who is at another server.
    wait_for("everything that can be delivered to be delivered", 30, lambda: all(
        recipient["address"] == "sender@client.example"
        for row in one.queue() for recipient in row["recipients"]))
    found = set()
    for got in one.fetch("ann"):
        n = int(re.search(rb"Subject: number (\d+)", got).group(1))
        wanted = content(n, n >= 100) + (b"z" * 60000 + b"\r\n" if n < 100 else b"")
        assert got.endswith(wanted), f"number {n} is not whole"
        assert n not in found
        found.add(n)
    # What is lost is not forgotten: its sender is told.
    assert len(found) + one.queue_length() <= len(ALL)
    return found


ALL = set(range(40)) | {100, 101}


def test_undamaged(filled):
    assert filled.postern("queue", "verify").returncode == 0
    assert numbers(filled) == ALL
    assert not list((filled.spool / "damaged").glob("*"))


def damage_is_reported(one):
    one.wait_log("damaged/")


def test_flipped_bytes_cost_only_their_record(filled):
    path = segments(filled)[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    filled.write(path, bytes(data))
    assert filled.postern("queue", "verify").returncode != 0
    lost = ALL - numbers(filled)
    assert len(lost) == 1, lost
    damage_is_reported(filled)
    assert list((filled.spool / "damaged").iterdir())


def test_a_truncated_segment_loses_only_its_end(filled):
    path = segments(filled)[0]
    data = path.read_bytes()
    filled.write(path, data[:len(data) // 2])
    lost = ALL - numbers(filled)
    assert 0 < len(lost) <= 10, lost
    damage_is_reported(filled)


@pytest.mark.parametrize("seed", range(3))
def test_a_burst_of_noise(filled, seed):
    rng = random.Random(seed)
    path = rng.choice(segments(filled)[:-1])
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data) - 5000)
    data[at:at + 5000] = rng.randbytes(5000)
    filled.write(path, bytes(data))
    lost = ALL - numbers(filled)
    assert len(lost) <= 3, lost
    if lost:
        damage_is_reported(filled)


FOREIGN = {
    "segments/README": b"what is this", "segments/99999999": b"x" * 5000, "segments/..hidden": b"",
    "large/NOTANID": b"x" * 100,
}


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_set_aside(filled, name):
    filled.write(filled.spool / name, FOREIGN[name])
    assert numbers(filled) == ALL
    damage_is_reported(filled)
    assert not (filled.spool / name).exists()
    kept = [p.read_bytes() for p in (filled.spool / "damaged").iterdir()]
    assert FOREIGN[name] in kept


def test_a_foreign_file_beside_the_spool_harms_nothing(filled):
    filled.write(filled.spool / "README", "what is this")
    (filled.spool / "lost+found").mkdir()
    assert numbers(filled) == ALL


def large_files(one):
    return sorted(p for p in (one.spool / "large").iterdir() if p.is_file())


def test_a_missing_large_file_is_reported(filled):
    victim = large_files(filled)[0]
    victim.unlink()
    filled.start()
    filled.wait_log(f"large/{victim.name} is missing")
    filled.wait_files("ann", len(ALL) - 1)


def test_a_truncated_large_file_is_not_delivered(filled):
    victim = large_files(filled)[0]
    filled.write(victim, victim.read_bytes()[:1000])
    filled.start()
    filled.wait_log("what the spool holds of the message is damaged")
    filled.wait_files("ann", len(ALL) - 1)
    whole = [p.stat().st_size for p in filled.files("ann") if b"x" * 70 in p.read_bytes()]
    assert len(whole) == 1 and whole[0] > 200000


def test_a_spool_that_is_in_use_is_not_opened_twice(make):
    one = make()
    two = make(start=False, conf={"spool": one.spool})
    done = two.postern("start", "--detach")
    assert done.returncode == 74  # EX_IOERR
    two.wait_log(f"the spool {one.spool} belongs to a suite that runs")
    assert "postern/queue[" in done.err and f"the spool {one.spool} belongs to a suite that runs" in done.err
    assert two.postern("queue", "verify").returncode != 0
    one.send(b"Subject: still\r\n\r\nx\r\n")
    one.wait_for_mail("ann", 1)
