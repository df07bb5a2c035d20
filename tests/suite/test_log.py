# SPDX-License-Identifier: ISC
"""The log as tools for Postfix's read it."""
import os
import re
import shutil
import subprocess

import pytest

from instance import free_port, wait_for

HOUR_COUNTS = ("received", "delivered", "deferred", "bounced")
SENT, LATER, NEVER = 5, 2, 3


def sink(port, *options):
    argv = ["smtp-sink", *options, f"127.0.0.1:{port}", "100"]
    if os.geteuid() == 0:
        argv[1:1] = ["-u", "nobody"]
    return subprocess.Popen(argv)


@pytest.fixture
def sinks():
    """Ports of servers that take mail, refuse it for now, and for good."""
    if not shutil.which("smtp-sink"):
        pytest.skip("smtp-sink is not installed: apt-get install postfix")
    kinds = {"sent": [], "later": ["-r", "RCPT"], "never": ["-f", "RCPT"]}
    ports = {name: free_port() for name in kinds}
    processes = [sink(ports[name], *options) for name, options in kinds.items()]
    yield ports
    for process in processes:
        process.terminate()
        process.wait()


def totals(text):
    """{"received": 5, ...} of pflogsumm's grand totals."""
    part = text.split("Grand Totals")[1].split("Per-Hour")[0]
    return {name: int(number) for number, name in re.findall(r"(?m)^ +(\d+)k? +([a-z /]+?)(?: +\(.*)?$", part)}


def test_pflogsumm_counts_what_happened(make, sinks):
    if not shutil.which("pflogsumm"):
        pytest.skip("pflogsumm is not installed: apt-get install pflogsumm")
    one = make(tables={"routes": "".join(f"{name}.test smtp:[127.0.0.1]:{port}\n"
                                         for name, port in sinks.items())})
    for name, count in (("sent", SENT), ("later", LATER), ("never", NEVER)):
        for n in range(count):
            one.send(b"Subject: x\r\n\r\nx\r\n", to=[f"u{n}@{name}.test"], sender="ann@example.test")
    one.wait_for_mail("ann", NEVER)  # the bounces
    wait_for("the deferrals", 10, lambda: one.log().count("status=deferred") >= LATER)
    one.stop()
    report = subprocess.run(["pflogsumm", "--syslog-name=postern", one.log_path],
                            capture_output=True, text=True, check=True)
    counts = totals(report.stdout)
    assert {name: counts[name] for name in HOUR_COUNTS} == {
        "received": SENT + LATER + NEVER, "delivered": SENT + NEVER, "deferred": LATER, "bounced": NEVER}
    assert counts["recipients"] == SENT + 1
    # It counts the octets of a message whose client it has read of before.
    sizes = sum(int(n) for n in re.findall(r": from=<ann@example.test>, size=(\d+)", one.log()))
    assert sizes > 0 and counts["bytes received"] >= sizes
    seen = set()
    for line in one.log().splitlines():
        ident = re.search(r"\]: (\w+): (client|from)=", line)
        if ident and ident.group(2) == "client":
            seen.add(ident.group(1))
        elif ident and "from=<ann@example.test>" in line:
            assert ident.group(1) in seen, line
    assert report.stderr == ""


DELIVERY = re.compile(
    r": [0-9A-Za-z]+: to=<[^>]+>, (?:orig_to=<[^>]+>, )?relay=(?P<relay>\S+), delay=(?P<delay>[0-9.]+), "
    r"delays=(?P<delays>[0-9.]+(?:/[0-9.]+){3}), dsn=(?P<dsn>[245]\.\d{1,3}\.\d{1,3}), "
    r"status=(?P<status>sent|deferred|bounced) \(.+\)$")


def test_delivery_lines_have_postfix_shape(make, sinks):
    one = make(tables={"routes": f"sent.test smtp:[127.0.0.1]:{sinks['sent']}\n"
                                 f"never.test smtp:[127.0.0.1]:{sinks['never']}\n"
                                 "dead.test smtp:[127.0.0.1]:1\n"})
    for name in ("sent", "never", "dead"):
        one.send(b"Subject: x\r\n\r\nx\r\n", to=[f"bob@{name}.test"], sender="")
    lines = wait_for("three lines", 10, lambda: (
        found if len(found := [x for x in one.log().splitlines() if " status=" in x]) == 3 else None))
    seen = {}
    for line in lines:
        fields = DELIVERY.search(line)
        assert fields, line
        seen[fields["status"]] = fields
        parts = [float(x) for x in fields["delays"].split("/")]
        assert abs(sum(parts) - float(fields["delay"])) < 0.1, line
    assert seen["sent"]["relay"] == f"[127.0.0.1]:{sinks['sent']}"
    assert seen["deferred"]["relay"] == "none"
    assert [seen[x]["dsn"][0] for x in ("sent", "deferred", "bounced")] == ["2", "4", "5"]
