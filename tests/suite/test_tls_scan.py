# SPDX-License-Identifier: ISC
"""What testssl.sh and sslscan find in the TLS of every kind of port.

testssl.sh looks at each port here for a part of what it knows, and at all of them together for all, so that
it takes seconds: they share their code and settings. With POSTERN_TESTSSL=all it looks at every port for
everything, which takes minutes.
"""
import concurrent.futures
import contextlib
import json
import os
import subprocess
import xml.etree.ElementTree

import pytest

from authority import Authority
from conftest import tool
from instance import free_port, wait_for
from secured import IMPLICIT, NAME, Secured

ALL = os.environ.get("POSTERN_TESTSSL") == "all"
# Known attacks; protocols; preferences and renegotiation; kinds of ciphers.
SOME = {"smtp": ("-U",), "submission": ("-p",), "submissions": ("-P", "-R"), "pop3": ("-s",), "pop3s": ("-p",)}
CHECKS = {name: ("--full",) for name in Secured.listeners} if ALL else SOME
SCAN_SECONDS = 900 if ALL else 120

# Findings that speak of what is around the test, or of what we do on purpose.
EXPECTED = {
    # Of the OpenSSL that it tests with: ciphers of GOST it looks for with octets of its own.
    ("engine_problem", "No engine or GOST support"),
    # Its checks of ciphers look for RC4 with octets of their own.
    ("RC4", "not supported by local OpenSSL"),
    # It ends its connection before it has read the ticket when it is slow; test_tls.py and others resume.
    ("sessionresumption_ticket", "check failed because of connect problem"),
    # Of HTTP's names of protocols, which are refused on purpose (ALPACA).
    ("GREASE", "contains an application_layer_protocol_negotiation"),
    # From version 3.2 on: what it says of every STARTTLS; what it takes socat for is in test_tls_rules.py.
    ("overall_grade", "T"),
    ("starttls_injection", "Need socat for this"),
}
BAD = {"LOW", "MEDIUM", "HIGH", "CRITICAL", "FATAL", "WARN"}


@pytest.fixture(scope="module")
def server():
    with contextlib.closing(Secured()) as one:
        yield one.start()


def starttls(name):
    return () if name in IMPLICIT else ("pop3" if name == "pop3" else "smtp",)


# --- testssl.sh -------------------------------------------------------------------


def findings_of(one, name, directory):
    """Its findings about a listener."""
    found = directory / f"{name}.json"
    options = ("--starttls", *starttls(name)) if starttls(name) else ()
    done = subprocess.run(
        [tool("testssl", "testssl.sh"), "--quiet", "--color", "0", "--warnings", "batch", "--fast", "-n", "none",
         "--ip", "127.0.0.1", "--add-ca", one.authority.certificate, "--jsonfile", found, *CHECKS[name], *options,
         f"{NAME}:{one.ports[name]}"], stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=directory,
        timeout=SCAN_SECONDS, env={**os.environ, "NXCONNECT": "127.0.0.1:0"})  # else it asks DNS for "invalid."
    assert done.returncode < 240, done.stdout + done.stderr  # below: the number of bad findings
    return json.loads(found.read_text())


@pytest.fixture(scope="module")
def scans(request, server, tmp_path_factory):
    """The scans under way, as many at a time as there are processors, by listener: those that are wanted."""
    directory = tmp_path_factory.mktemp("testssl")
    names = [item.callspec.params["name"] for item in request.session.items
             if item.originalname == test_testssl_finds_nothing.__name__]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as crew:
        yield {name: crew.submit(findings_of, server, name, directory) for name in names}


def is_bad(finding):
    if finding["severity"] not in BAD:
        return False
    return not any(finding["id"] == name and text in finding["finding"] for name, text in EXPECTED)


@pytest.mark.parametrize("name", CHECKS)
def test_testssl_finds_nothing(scans, name):
    findings = scans[name].result()
    assert [f for f in findings if is_bad(f)] == []
    found = {f["id"]: f["finding"] for f in findings}
    if ALL:
        for what, good in (("cert_chain_of_trust", "passed"), ("cert_trust", "Ok via SAN")):
            said = [text for kind, text in found.items() if kind.startswith(what + " ")]
            assert len(said) == 2 and all(text.startswith(good) for text in said), said  # of both certificates
    # From version 3.2 on it grades, but not where TLS is left to the client.
    assert found.get("overall_grade", "A").startswith("A" if name in IMPLICIT else ("A", "T")), found


def test_what_counts_as_bad():
    finding = {"id": "TLS1", "severity": "INFO", "finding": "not offered"}
    assert not is_bad(finding) and is_bad(finding | {"severity": "LOW"}) and is_bad(finding | {"severity": "WARN"})
    rc4 = {"id": "RC4", "severity": "WARN", "finding": "RC4 ciphers not supported by local OpenSSL (openssl)"}
    assert not is_bad(rc4) and is_bad(rc4 | {"finding": "VULNERABLE, Detected ciphers: RC4-MD5"})


# --- sslscan, and the grade --------------------------------------------------------


def sslscan(port, *protocol):
    out = subprocess.run([tool("sslscan", "sslscan"), "--xml=-", f"--sni-name={NAME}", "--show-client-cas",
                          *(f"--starttls-{p}" for p in protocol), f"127.0.0.1:{port}"],
                         capture_output=True, text=True, timeout=120, check=True).stdout
    return xml.etree.ElementTree.fromstring(out)


PROTOCOL_POINTS = {"2": 0, "3": 80, "1.0": 90, "1.1": 95, "1.2": 100, "1.3": 100}


def steps(value, *table):
    """The points of the first row whose limit the value reaches."""
    return next(points for limit, points in table if value >= limit)


def points(scan):
    """0 to 100 as in the SSL Server Rating Guide of SSL Labs (2009r), that testssl.sh follows: protocols
    30 %, key exchange 30 %, ciphers 40 %. sslscan tells strengths in bits of a symmetric cipher: 112 is RSA
    with 2048, 150 about RSA with 4096."""
    protocols = [PROTOCOL_POINTS[p.get("version")] for p in scan.iter("protocol") if p.get("enabled") == "1"]
    exchange = min(int(e.get("bits")) for kind in ("group", "pk") for e in scan.iter(kind))
    ciphers = [steps(int(c.get("bits")), (256, 100), (128, 80), (1, 20), (0, 0)) for c in scan.iter("cipher")]
    return (0.3 * (min(protocols) + max(protocols)) / 2 + 0.4 * (min(ciphers) + max(ciphers)) / 2 +
            0.3 * steps(exchange, (150, 100), (112, 90), (80, 80), (0, 40)))


def faults(scan):
    """What keeps a grade A away however many the points are, in words."""
    found = {f"{p.get('type')} {p.get('version')}" for p in scan.iter("protocol")
             if p.get("enabled") == "1" and p.get("version") not in ("1.2", "1.3")}
    if not any(p.get("version") == "1.3" and p.get("enabled") == "1" for p in scan.iter("protocol")):
        found.add("no TLS 1.3")
    for cipher in scan.iter("cipher"):
        name = cipher.get("cipher")
        if not name.startswith(("TLS_", "ECDHE-")) or not ("GCM" in name or "CHACHA20" in name):
            found.add(name)
    found |= {"compression" for c in scan.iter("compression") if c.get("supported") == "1"}
    found |= {"renegotiation" for r in scan.iter("renegotiation") if r.get("supported") == "1"}
    found |= {"heartbleed" for h in scan.iter("heartbleed") if h.get("vulnerable") == "1"}
    return found


@pytest.mark.parametrize("name", Secured.listeners)
def test_the_grade_is_a(server, name):
    scan = sslscan(server.ports[name], *starttls(name)).find("ssltest")
    assert faults(scan) == set()
    assert points(scan) >= 80, points(scan)
    kinds = {c.get("cipher").split("-")[1] for c in scan.iter("cipher") if c.get("cipher").startswith("ECDHE-")}
    assert kinds == {"ECDSA", "RSA"}  # both certificates were at work


@contextlib.contextmanager
def weak_server(directory):
    """openssl's, with all that it still knows."""
    port = free_port()
    pair = Authority(directory).self_signed("weak", NAME)
    with subprocess.Popen(["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", pair.certificate, "-key",
                           pair.key, "-tls1_2", "-cipher", "ALL:@SECLEVEL=0", "-quiet"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for("the weak server", 10, lambda: sslscan(port).find("ssltest/cipher") is not None)
            yield port
        finally:
            process.kill()


def test_a_weak_server_is_found_out(tmp_path):
    with weak_server(tmp_path) as port:
        found = faults(sslscan(port).find("ssltest"))
    assert {"no TLS 1.3", "ECDHE-ECDSA-AES128-SHA"} <= found
