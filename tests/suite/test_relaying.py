# SPDX-License-Identifier: ISC
"""Promises P1 to P3 for mail that goes on to other servers, while programs are killed: nothing lost,
nothing unasked for, nothing twice but what was in flight at a kill; see relays.py.

POSTERN_RELAYING_MESSAGES and POSTERN_RELAYING_SEED change the size and the order of the kills.
"""
import os
import random
import sys

import pytest

import receivers
import relays

CONNECTIONS = 20


@pytest.fixture
def world():
    if receivers.SMTP_SINK is None:
        pytest.skip("smtp-sink is not installed")
    one = relays.World()
    yield one
    one.close()


def test_nothing_is_lost_on_its_way_to_others_while_programs_are_killed(make, world, capsys):
    messages = int(os.environ.get("POSTERN_RELAYING_MESSAGES", "10000"))
    seed = int(os.environ.get("POSTERN_RELAYING_SEED", random.SystemRandom().randrange(1 << 32)))
    one = make(conf=world.conf(), tables=world.tables(), users=["ann", *relays.near_users()])
    book = relays.run(one, world, messages, CONNECTIONS, seed)
    fates = book.fates
    with capsys.disabled():
        kills = " ".join(f"{name}={book.kills[name]}" for name in relays.KILLED)
        print(f"\nledger: relaying: accepted={fates['accepted']} refused={fates['refused']} "
              f"unknown={fates['unknown']} lost={fates['lost']} corrupt={fates['corrupt']} "
              f"far={fates['far']} repeats={fates['repeat']} in-flight={fates['in-flight']} "
              f"unexplained={fates['unexplained']} cut={fates['cut']} kills: {kills} (seed {seed})", file=sys.stderr)
    assert not book.faults, "\n".join(book.faults[:40])
    assert sum(fates[f] for f in ("accepted", "refused", "unknown")) == messages
    assert fates["accepted"] > messages * 0.9
    assert fates["far"] > messages * 0.5
    assert fates["repeat"] <= fates["in-flight"]
    if messages >= 10000:
        assert all(book.kills[name] > 0 for name in relays.KILLED), book.kills
