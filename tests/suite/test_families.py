# SPDX-License-Identifier: ISC
"""IPv4 and IPv6: servers that have either or both, and a family that leads nowhere."""
import socket
import subprocess
import threading
import time

import pytest

import dns
import keeper
import receivers
from conftest import tool
from instance import Instance, wait_for

LETTER = b"Subject: x\r\n\r\nhello\r\n"
FOUR, SIX = "192.0.2.1", "2001:db8::1"
SIX_REFUSED, SIX_SILENT, SIX_HANGS_UP, SIX_NO_WAY = (
    "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8:ffff::1")
# The addresses of each domain's only exchanger.
DOMAINS = {
    "both.example": (FOUR, SIX),
    "four.example": (FOUR,),
    "six.example": (SIX,),
    "refused.example": (FOUR, SIX_REFUSED),
    "silent.example": (FOUR, SIX_SILENT),
    "hangs-up.example": (FOUR, SIX_HANGS_UP),
    "no-way.example": (FOUR, SIX_NO_WAY),
}


def need_sink():
    if receivers.SMTP_SINK is None:
        pytest.skip("smtp-sink is not installed")


def test_an_address_of_ipv6(make):
    need_sink()
    if not socket.has_ipv6 or subprocess.run(
            [tool("ip", "iproute2"), "-6", "address", "show", "dev", "lo"], capture_output=True).stdout == b"":
        pytest.skip("this machine has no ::1")
    sink = receivers.Sink(host="::1")
    try:
        one = make(tables={"routes": f"far.example smtp:[IPv6:::1]:{sink.port}\n"})
        one.send(LETTER, to=["bob@far.example"])
        wait_for("the mail", 20, sink.texts)
        one.wait_log(f"to=<bob@far.example>, relay=[::1]:{sink.port}")
        assert LETTER.replace(b"\r\n", b"\n") in sink.texts()[0]
    finally:
        sink.close()


class HangsUp:
    """Takes connections and closes them without a word."""

    def __init__(self, address):
        self.count = 0
        self.socket = socket.socket(socket.AF_INET6)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, 25))
        self.socket.listen()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            while True:
                self.socket.accept()[0].close()
                self.count += 1
        except OSError:
            return  # closed

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def answer(question):
    domain = question.name.removeprefix("mx.")
    addresses = DOMAINS.get(domain, ())
    if question.type == dns.MX and question.name == domain and addresses:
        return question.reply([dns.mx_record(domain, 10, f"mx.{domain}")])
    kinds = {dns.A: socket.AF_INET, dns.AAAA: socket.AF_INET6}
    if question.type not in kinds or question.name == domain:
        return question.reply()
    return question.reply([
        dns.record(question.name, question.type, socket.inet_pton(kinds[question.type], a))
        for a in addresses if (":" in a) == (question.type == dns.AAAA)])


class Network(keeper.Keeper):
    """Sinks at an address of each family, addresses that lead nowhere, and ours."""

    def start(self):
        filters = (f"table ip6 t {{\nchain out {{\ntype filter hook output priority 0;\n"
                   f"ip6 daddr {SIX_SILENT} drop\n}}\n}}\n")
        subprocess.run([tool("nft", "nftables"), "-f", "-"], input=filters, text=True, check=True)
        self.four = self.kept(receivers.Sink(host=FOUR, port=25))
        self.six = self.kept(receivers.Sink(host=SIX, port=25))
        self.hangs_up = self.kept(HangsUp(SIX_HANGS_UP))
        self.names = self.kept(dns.Responder(answer))


@pytest.fixture(scope="module")
def network():
    need_sink()
    with dns.network_of_its_own(FOUR, SIX, SIX_REFUSED, SIX_SILENT, SIX_HANGS_UP):
        subprocess.run([tool("ip", "iproute2"), "-6", "route", "add", "unreachable", "2001:db8:ffff::/48"],
                       check=True)
        one = Network()
        try:
            yield one
        finally:
            one.close()


@pytest.fixture
def ours(network):
    """ours(families): an instance that asks the network's name server."""
    made = []

    def make_one(families="both"):
        made.append(Instance(conf={
            "remote": {"families": families},
            "resolver": {"forwarders": [network.names.address], "validate": "no"}}))
        return made[-1].start()

    yield make_one
    for one in made:
        one.close()


def relay_of(one, domain, seconds=20):
    """The address that took it, or None when it waits."""
    mark = f"to=<bob@{domain}>, relay="
    one.send(LETTER, to=[f"bob@{domain}"], sender="ann@example.test")
    wait_for(f"a verdict on {domain}", seconds, lambda: mark in one.log())
    line = one.log().split(mark)[1].splitlines()[0]
    return line.split("[")[1].split("]")[0] if "status=sent" in line else None


def test_both_families_and_each_alone(ours):
    one = ours()
    assert relay_of(one, "both.example") == SIX
    assert relay_of(one, "four.example") == FOUR
    assert relay_of(one, "six.example") == SIX


@pytest.mark.parametrize("families, reached, alone", [("ipv4", FOUR, "six.example"), ("ipv6", SIX, "four.example")])
def test_one_family_by_configuration(ours, families, reached, alone):
    one = ours(families)
    assert relay_of(one, "both.example") == reached
    one.send(LETTER, to=[f"bob@{alone}"], sender="ann@example.test")
    one.wait_log(f"to=<bob@{alone}>")
    line = next(x for x in one.log().splitlines() if f"to=<bob@{alone}>" in x)
    assert "status=sent" not in line, line


@pytest.mark.parametrize("domain", ["refused.example", "silent.example", "hangs-up.example", "no-way.example"])
def test_a_dead_family_delays_little(ours, network, domain):
    one = ours()
    begin = time.monotonic()
    assert relay_of(one, domain) == FOUR
    assert time.monotonic() - begin < 5
    if domain == "hangs-up.example":
        assert network.hangs_up.count > 0
