# SPDX-License-Identifier: ISC
"""Promises P1 to P3 while programs are killed: nothing lost, nothing twice, nothing unasked for.

POSTERN_LEDGER_MESSAGES and POSTERN_LEDGER_SEED change the size and the order of the kills.
"""
import os
import random
import sys

import ledger

CONNECTIONS, MAILBOXES = 20, 20


def test_nothing_is_lost_or_doubled_while_programs_are_killed(make, capsys):
    messages = int(os.environ.get("POSTERN_LEDGER_MESSAGES", "20000"))
    seed = int(os.environ.get("POSTERN_LEDGER_SEED", random.SystemRandom().randrange(1 << 32)))
    one = make(users=[f"user{n}" for n in range(MAILBOXES)])
    book = ledger.run(one, messages, CONNECTIONS, seed)
    with capsys.disabled():
        print(f"\nledger: {book.report()}", file=sys.stderr)
        for text, times in book.refusals.most_common(5):
            print(f"ledger: refused {times} times: {text}", file=sys.stderr)
    assert not book.faults, "\n".join(book.faults[:40])
    assert sum(book.fates[f] for f in ("accepted", "refused", "unknown")) == messages
    assert book.fates["accepted"] > messages * 0.9
    if messages >= 20000:
        assert all(book.kills[name] > 0 for name in ledger.KILLED), book.kills
