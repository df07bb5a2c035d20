# SPDX-License-Identifier: ISC
"""The three faults of a network, as `postern check network` and the log tell them.

Blocked and diverted ports: a network namespace with three unrelated exchangers (Postfix's smtp-sink),
their domains in nsd, and a packet filter between. Forged answers: a name server that lies, and the
anchor of a signed root.
"""
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
import pathlib

import pytest

import dns
from instance import PREFIX, free_port, wait_for

ORGANISATIONS = {"alpha.example": "192.0.2.11", "beta.example": "192.0.2.12",
                 "gamma.example": "192.0.2.13"}
NAME_SERVER = "127.0.0.53"
TOOLS = ("ip", "nft", "nsd", "smtp-sink", "setpriv")
NSD = shutil.which("nsd", path="/usr/sbin:/usr/bin")
SINK = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")


def missing():
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return [t for t in TOOLS if not shutil.which(t, path=path)]




class Network:
    """A network namespace with nothing but its own loopback."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.name = "postern-" + secrets.token_hex(4)
        self.children = []
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.run("ip", "link", "set", "lo", "up")
        for address in ORGANISATIONS.values():
            self.run("ip", "address", "add", f"{address}/32", "dev", "lo")
        (self.directory / "postern.conf").write_text(
            'hostname = "mx.example.org"\nlisten smtp { address = "127.0.0.1:2525" }\n'
            f'mailboxes = "{self.directory}/mail/%d/%n"\ntables = "{self.directory}"\n'
            f'resolver {{ forwarders = {{ "{NAME_SERVER}" }}  validate = no }}\n')

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv, **kw):
        return subprocess.run(self.argv(*argv), check=True, **kw)

    def start(self, *argv):
        self.children.append(subprocess.Popen(self.argv(*argv), stdout=subprocess.DEVNULL,
                                              stderr=subprocess.DEVNULL))

    def serve_names(self, zones):
        """nsd with zones given as text."""
        listing = ""
        for zone, text in zones.items():
            (self.directory / f"{zone}.zone").write_text(text)
            listing += f'zone:\n  name: "{zone}"\n  zonefile: "{self.directory}/{zone}.zone"\n'
        conf = self.directory / "nsd.conf"
        conf.write_text(f'server:\n  ip-address: {NAME_SERVER}\n  username: ""\n  chroot: ""\n'
                        f'  zonesdir: "{self.directory}"\n  pidfile: "{self.directory}/nsd.pid"\n'
                        f'  xfrdfile: "{self.directory}/xfrd"\n  database: ""\n  server-count: 1\n'
                        f'  zonelistfile: "{self.directory}/zones"\n'
                        f'remote-control:\n  control-enable: no\n{listing}')
        self.start(NSD, "-d", "-c", str(conf))

    def listen(self, address, port, name):
        self.start(SINK, "-u", "nobody", "-h", name, f"inet:{address}:{port}", "100")

    def filter(self, *rules, kind="filter", priority=0):
        """Rules of the packet filter for what leaves."""
        lines = "\n".join(rules)
        text = (f"table ip t {{\nchain out {{\ntype {kind} hook output priority {priority};\n"
                f"{lines}\n}}\n}}\n")
        subprocess.run(self.argv("nft", "-f", "-"), input=text, text=True, check=True)

    def answers(self, address, port):
        probe = ("import socket, sys\n"
                 f"socket.create_connection(('{address}', {port}), timeout=1)")
        return subprocess.run(self.argv("python3", "-c", probe),
                              stderr=subprocess.DEVNULL).returncode == 0

    def check(self, *options):
        return subprocess.run(
            self.argv(str(PREFIX / "sbin" / "postern"), "-c", str(self.directory / "postern.conf"),
                      *options, "check", "network", *ORGANISATIONS),
            capture_output=True, text=True, timeout=120)

    def close(self):
        for child in self.children:
            child.terminate()
        for child in self.children:
            child.wait()
        pidfile = self.directory / "nsd.pid"
        deadline = time.monotonic() + 10
        while pidfile.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        subprocess.run(["ip", "netns", "delete", self.name], check=True)


def zone(domain, address, exchanger=True):
    mx = f"@ IN MX 10 mx.{domain}.\n" if exchanger else ""
    return (f"$ORIGIN {domain}.\n$TTL 60\n@ IN SOA ns hostmaster 1 3600 600 86400 60\n"
            f"@ IN NS ns\nns IN A {NAME_SERVER}\n{mx}mx IN A {address}\n")


@pytest.fixture
def network():
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes a network namespace")
    if missing():
        pytest.skip("missing: " + ", ".join(missing()))
    with tempfile.TemporaryDirectory(prefix="postern-net-") as directory:
        os.chmod(directory, 0o755)
        one = Network(directory)
        try:
            one.serve_names({d: zone(d, a) for d, a in ORGANISATIONS.items()})
            for domain, address in ORGANISATIONS.items():
                one.listen(address, 25, f"mx.{domain}")
                one.listen(address, 587, f"mx.{domain}")
            wait_for("the servers answer", 20, lambda: one.answers(NAME_SERVER, 53) and all(
                one.answers(a, p) for a in ORGANISATIONS.values() for p in (25, 587)))
            yield one
        finally:
            one.close()


def test_a_sound_network_has_no_fault(network):
    done = network.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mail can leave this machine" in done.stdout
    for domain, address in ORGANISATIONS.items():
        assert f"mx.{domain}[{address}] greets: 220 mx.{domain}" in done.stdout


@pytest.mark.parametrize("verdict", ["drop", "reject with tcp reset"])
def test_a_blocked_port_is_told_from_a_dead_server(network, verdict):
    network.filter(f"ip daddr 192.0.2.0/24 tcp dport 25 {verdict}")
    done = network.check()
    assert done.returncode == 69, done.stdout + done.stderr
    assert "outbound port 25 seems to be blocked" in done.stdout
    assert "it is port 25 alone" in done.stdout
    # The lines that help, as they have to be written.
    assert 'relay "provider" { host = "smtp.provider.example:465"  login = "provider" }' in done.stdout
    assert "postern table build && postern reload" in done.stdout


def test_one_dead_server_is_not_the_networks_fault(network):
    network.filter("ip daddr 192.0.2.11 tcp dport 25 drop")
    done = network.check("--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["fault"] is False
    assert {d["domain"]: d["link"] for d in told["domains"]} == {
        "alpha.example": "timed out", "beta.example": "greets", "gamma.example": "greets"}


def test_a_diverted_port_is_noticed(network):
    network.run("ip", "address", "add", "192.0.2.99/32", "dev", "lo")
    network.listen("192.0.2.99", 25, "filter.isp.example")
    wait_for("the diverting server answers", 10, lambda: network.answers("192.0.2.99", 25))
    network.filter("ip daddr { 192.0.2.11, 192.0.2.12, 192.0.2.13 } tcp dport 25 dnat to 192.0.2.99",
                   kind="nat", priority=-100)
    done = network.check()
    assert done.returncode == 69, done.stdout + done.stderr
    assert "outbound port 25 is diverted to one server" in done.stdout
    assert done.stdout.count("220 filter.isp.example") == len(ORGANISATIONS)
    told = json.loads(network.check("--json").stdout)
    assert told["fault"] is True and "diverted" in told["links"]


def test_no_name_server_at_all(network):
    network.filter("udp dport 53 drop", "tcp dport 53 drop")
    done = network.check()
    assert done.returncode == 69, done.stdout + done.stderr
    assert "no name server answers" in done.stdout
    assert "resolver" in done.stdout


@pytest.fixture
def exchangers():
    """Three unrelated domains whose exchangers are on loopback, in a name server of the test."""
    records = {}
    for n, domain in enumerate(ORGANISATIONS, 2):
        records[domain, dns.MX] = [dns.mx_record(domain, 10, f"mx.{domain}")]
        records[f"mx.{domain}", dns.A] = [dns.record(f"mx.{domain}", dns.A, bytes((127, 0, 0, n)))]
    server = dns.Responder(lambda question: question.reply(
        records.get((question.name, question.type), [])))
    yield server
    server.close()


def test_the_log_says_once_that_the_port_is_blocked(make, exchangers):
    one = make(conf={"queue": {"retry-first": 1, "retry-max": 1}, "workers": 1,
                     "remote": {"port": free_port(), "families": "ipv4"},
                     "resolver": {"forwarders": [exchangers.address], "validate": "no"}})
    for _ in range(2):
        for domain in ORGANISATIONS:
            one.send(b"Subject: x\r\n\r\nx\r\n", to=[f"ann@{domain}"])
    one.wait_log("outbound port 25 seems to be blocked: several unrelated domains show it")
    one.wait_log("Connection refused (outbound port 25 seems to be blocked: see `postern check network`)")
    wait_for("some more tries", 30, lambda: one.log().count("status=deferred") > 12)
    assert one.log().count("several unrelated domains show it") == 1


def test_forged_answers_are_the_name_servers_fault(tmp_path):
    world = dns.World()
    # It has the records of other people's exchangers, without their signatures.
    liar = dns.Responder(lambda question: question.reply(
        [dns.mx_record(question.name, 10, "mx.isp.example")] if question.type == dns.MX else []))
    try:
        (tmp_path / "dns").mkdir()
        (tmp_path / "dns/root.key").write_text(world.anchor)
        (tmp_path / "postern.conf").write_text(
            'hostname = "mx.example.org"\nlisten smtp { address = "127.0.0.1:2525" }\n'
            f'mailboxes = "{tmp_path}/mail/%d/%n"\ntables = "{tmp_path}"\n'
            f'resolver {{ forwarders = {{ "{liar.address}" }}  trust-anchor = "{tmp_path}/dns/root.key" }}\n')
        done = subprocess.run(
            [str(PREFIX / "sbin" / "postern"), "-c", str(tmp_path / "postern.conf"), "check",
             "network", "signed.example", "nsec3.example", "plain.example"],
            capture_output=True, text=True, timeout=120)
    finally:
        liar.close()
        world.close()
    assert done.returncode == 69, done.stdout + done.stderr
    assert "the name servers forge or withhold answers" in done.stdout
    assert done.stdout.count("forged") >= 3
    assert "resolver { forwarders" in done.stdout
