# SPDX-License-Identifier: ISC
"""What the end of a failed `./bootstrap check` shows is what went wrong (tests/faults)."""
import base64
import subprocess

import pytest

from instance import TOP

ABORTED = """\
#2\tINITED cov: 29 ft: 30 corp: 1/1b exec/s: 0 rss: 30Mb
\tNEW_FUNC[1/2]: 0x5581 in str_cut common/str.c:31
#1931\tNEW    cov: 87 ft: 129 corp: 20/61b lim: 21 exec/s: 0 rss: 32Mb L: 9/9 MS: 1 InsertByte-
==4711== ERROR: libFuzzer: deadly signal
    #0 0x55d1 in __sanitizer_print_stack_trace (fuzz_x+0x1b)
    #1 0x55d2 in fuzzer::PrintStackTrace() (fuzz_x+0x2b)
    #2 0x7f01 in __pthread_kill_implementation nptl/pthread_kill.c:44:76
    #3 0x7f02 in raise signal/../sysdeps/posix/raise.c:26:13
    #4 0x7f03 in abort stdlib/abort.c:79:7
    #5 0x55d3 in  (BuildId: 93ac)
    #5 0x55d3 in check_same tests/fuzz/fuzz_x.c:32:3
    #6 0x55d4 in LLVMFuzzerTestOneInput tests/fuzz/fuzz_x.c:39:2
    #7 0x55d5 in fuzzer::Fuzzer::ExecuteCallback(unsigned char const*, unsigned long) (fuzz_x+0x3b)
SUMMARY: libFuzzer: deadly signal
stat::number_of_executed_units: 1932
"""

OVERFLOWN = """\
Running suite(s): header
=================================================================
==99==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x6020 at pc 0x5581 bp 0x7ffe sp 0x7ffd
READ of size 1 at 0x6020 thread T0
    #0 0x5581 in header_next common/header.c:77:10
    #1 0x5582 in prefixes tests/unit/test_header.c:40:3
"""

ASSERTED = """\
Running suite(s): control
97%: Checks: 44, Failures: 1, Errors: 0
tests/unit/test_control.c:812:F:control:reopens_logs:0: the programs write to the old log
"""

LEAKED = """\
Running suite(s): buf
100%: Checks: 9, Failures: 0, Errors: 0
==12== Invalid read of size 1
==12==    at 0x10A4: buf_take (buf.c:50)
==12==\x20
==12==  Address 0x4a is 0 bytes after a block of size 2 alloc'd
"""

SUITE = """\
..F.
=================================== FAILURES ===================================
______________________________ test_a_large_mail _______________________________
tests/suite/test_x.py:17: in test_a_large_mail
    helper()
tests/suite/wire.py:5: in helper
    assert code == 250
E   AssertionError: mail refused
E   assert 451 == 250
----------------------------- Captured stdout call -----------------------------
a great deal of talk
=========================== short test summary info ============================
FAILED tests/suite/test_x.py::test_a_large_mail - AssertionError: mail refused
1 failed, 3 passed in 2.00s
"""


def faults(build, stage):
    results = build / "check"
    (results / f"{stage}.log").touch()
    return subprocess.run(["sh", "-euc", '. "$0"; faults "$1"', TOP / "tests" / "faults", stage], text=True,
                          env={"PATH": "/usr/bin:/bin", "build": str(build), "results": str(results)},
                          capture_output=True, check=True).stdout


@pytest.fixture
def build(tmp_path):
    (tmp_path / "check").mkdir()
    return tmp_path


def unit_result(build, name, result, log):
    place = build / "tests" / "unit"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.trs").write_text(f":test-result: {result}\n")
    (place / f"{name}.log").write_text(log)


@pytest.mark.parametrize("stage,below", [("unit", "."), ("sanitizers", "clang"), ("distcheck", "postern-1.0/_build/sub")])
@pytest.mark.parametrize("log,needed", [
    (ASSERTED, ["test_control.c:812", "the programs write to the old log"]),
    (OVERFLOWN, ["heap-buffer-overflow", "header_next common/header.c:77", "test_header.c:40"]),
    ("all seemed well\n", ["all seemed well"]),
])
def test_units(build, stage, below, log, needed):
    unit_result(build / below, "test_good", "PASS", "tests/unit/test_good.c:1:F: not so\n")
    unit_result(build / below, "test_bad", "FAIL", log)
    said = faults(build, stage)
    assert all(words in said for words in ["test_bad", *needed]), said
    assert "test_good" not in said and len(said.splitlines()) < 10


def test_fuzz(build):
    data = bytes(range(256)) * 2
    (build / "check" / "fuzz.failed").write_text("FAILED: fuzz_x\n")
    (build / "check" / "fuzz-fuzz_x.log").write_text(ABORTED)
    (build / "check" / "fuzz-fuzz_x-crash-0123").write_bytes(data)
    said = faults(build, "fuzz")
    assert "libFuzzer: deadly signal" in said and "check_same tests/fuzz/fuzz_x.c:32" in said, said
    assert base64.b64encode(data).decode() in said
    assert not any(chatter in said for chatter in ["NEW", "raise", "BuildId", "fuzzer::", "stat::"]), said


def test_valgrind(build):
    (build / "check" / "valgrind.failed").write_text("FAILED: test_buf\n")
    (build / "check" / "valgrind-test_buf.log").write_text(LEAKED)
    said = faults(build, "valgrind")
    assert all(words in said for words in ["test_buf\n", "Invalid read", "buf_take (buf.c:50)", "Address"]), said


def test_suite(build):
    (build / "check" / "suite.log").write_text(SUITE)
    said = faults(build, "suite")
    assert said.startswith("FAILED tests/suite/test_x.py::test_a_large_mail"), said
    assert "tests/suite/wire.py:5" in said and "assert 451 == 250" in said and "talk" not in said, said


def test_a_compiler(build):
    (build / "check" / "clang.log").write_text("  CC a.o\n" * 50 + "a.c:3:7: error: no such thing\n" + "  CC b.o\n" * 50)
    said = faults(build, "clang")
    assert "a.c:3:7: error: no such thing" in said and len(said.splitlines()) < 20, said
