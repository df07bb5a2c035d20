# SPDX-License-Identifier: ISC
"""RFC 8689 between servers: two of ours and a Postfix that has no REQUIRETLS, in a signed zone.

Everybody's exchanger has TLSA records. `near` sends; `far` takes mail for its own mailboxes, and has
aliases that lead on. Each server has a loopback address, all the same port.
"""
import email
import email.policy
import itertools
import re
import smtplib

import pytest

import authority
import dns
import peers
from instance import Instance, free_port, wait_for
from test_tls import context

NEAR, FAR, OTHER, NOBODY = "127.0.0.21", "127.0.0.22", "127.0.0.23", "127.0.0.24"
NEAR_DOMAIN, FAR_DOMAIN, OTHER_DOMAIN = "near.signed.example", "far.signed.example", "other.signed.example"
WRONG_DOMAIN, KEPT_DOMAIN, AWAY_DOMAIN = "wrong.signed.example", "kept.signed.example", "away.signed.example"
INSECURE_DOMAIN = "far.plain.example"
# Without TLSA records, but with a certificate that an authority vouches for; with an insecure name, but
# the operator's word on whose certificate it must be.
VOUCHED_DOMAIN, POLICY_DOMAIN = "vouched.signed.example", "policy.plain.example"
ANN = f"ann@{NEAR_DOMAIN}"
WRONG = "00" * 32
REQUIRED = ["REQUIRETLS"]
FIELD = "TLS-Required: No"
numbers = itertools.count()


def letter(mark, *fields):
    return "\r\n".join([f"From: {ANN}", f"To: {ANN}", "Date: Sat, 28 Nov 2026 12:00:00 +0000",
                        f"Message-ID: <{mark}@example>", "Subject: secret", *fields, "", "between us", ""])


class Server(Instance):
    """One of ours, at that address, known by that name, for that domain."""

    def __init__(self, name, host, port, world, certified, **conf):
        self.name, self.host, self.port = f"mx-{name}.signed.example", host, port
        self.domain = f"{name}.signed.example"
        super().__init__(users=("ann", "bob"), tables=conf.pop("tables", {}))
        for part in ("tls", "anchor"):
            self.make_directory(self.directory / part)
        own = certified.certify(f"mx-{name}", self.name, f"mx-{name}-vouched.signed.example")
        self.key_digest = own.key_digest()
        self.write("tls/own.pem", own.chain.read_text())
        self.write("tls/own.key", own.key.read_text())
        self.write("authorities.pem", certified.certificate.read_text())
        self.submissions_port = free_port()
        self.world = world
        self.configure(**{
            "hostname": self.name, "postmaster": f"bob@{self.domain}",
            "listen smtp": {"address": [f"127.0.0.1:{self.smtp_port}", f"{host}:{port}"]},
            "listen submissions": {"address": f"127.0.0.1:{self.submissions_port}"},
            f"certificate {self.name}": {"chain": self.directory / "tls/own.pem",
                                         "key": self.directory / "tls/own.key"}, **conf})

    def begin(self):
        self.write("anchor/root.key", self.world.anchor)
        self.configure(
            remote={"port": self.port, "families": "ipv4", "authorities": self.directory / "authorities.pem"},
            resolver={"forwarders": [self.world.unbound], "trust-anchor": self.directory / "anchor/root.key"})
        return self.start()

    def client(self):
        client = smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=20)
        client.starttls(context=context())
        client.ehlo("laptop.example")
        return client

    def post(self, to, *fields, options=(), sender=ANN):
        """A letter's mark."""
        mark = f"mark{next(numbers)}"
        client = self.client()
        client.sendmail(sender, to, letter(mark, *fields), mail_options=options)
        client.quit()
        return mark

    def verdict(self, to):
        """(status, words) of the latest delivery to that address."""
        pattern = re.compile(rf"to=<{re.escape(to)}>.* status=(\w+) (.*)")
        found = wait_for(f"a verdict on {to}", 40, lambda: pattern.findall(self.log()))
        return found[-1]

    def report(self):
        """What came back to ann: the notice, and the words of its status part."""
        raw, = wait_for("a notice", 40, lambda: self.fetch("ann"))
        message = email.message_from_bytes(raw, policy=email.policy.default)
        assert message.get_content_type() == "multipart/report", raw
        return raw, str(list(message.iter_parts())[1])


class Net:
    def __init__(self, directory):
        self.closers = []
        try:
            self.start(directory)
        except BaseException:
            self.close()
            raise

    def start(self, directory):
        certified = authority.Authority(directory)
        port = free_port("0.0.0.0")  # free at every address
        other = certified.certify("other", "mx-other.signed.example")
        aliases = f"back@{FAR_DOMAIN}: {ANN}\non@{FAR_DOMAIN}: ann@{OTHER_DOMAIN}\n"
        aliases += "".join(f"bob@{d}: bob@{FAR_DOMAIN}\n" for d in (VOUCHED_DOMAIN, POLICY_DOMAIN))
        self.near = self.kept(Server("near", NEAR, port, None, certified, tables={
            "tls": f"{KEPT_DOMAIN} dane-only\n{POLICY_DOMAIN} verify mx-far.signed.example\n"}))
        self.far = self.kept(Server("far", FAR, port, None, certified, tables={
            "aliases": aliases, "domains": f"{FAR_DOMAIN}\n{VOUCHED_DOMAIN}\n{POLICY_DOMAIN}\n"}))
        hosts = {"near": (NEAR, self.near.key_digest), "far": (FAR, self.far.key_digest),
                 "other": (OTHER, other.key_digest()), "wrong": (OTHER, WRONG), "away": (NOBODY, WRONG)}
        signed = "".join(f"{name} MX 10 mx-{name}\nmx-{name} A {host}\n_{port}._tcp.mx-{name} TLSA 3 1 1 {key}\n"
                         for name, (host, key) in hosts.items()) + "kept MX 10 mx-wrong\n"
        signed += f"vouched MX 10 mx-far-vouched\nmx-far-vouched A {FAR}\n"
        world = self.kept(dns.World(zones={
            "signed.example": (True, signed),
            "plain.example": (False, "".join(f"{n} MX 10 mx-far.signed.example.\n" for n in ("far", "policy")))}))
        self.other = self.kept(peers.Postfix(
            [OTHER_DOMAIN, WRONG_DOMAIN, KEPT_DOMAIN], {f"{OTHER}:{port}": {}}, name="mx-other.signed.example",
            smtpd_tls_security_level="may", smtpd_tls_chain_files=other.bundle, smtpd_tls_received_header="yes"))
        for one in (self.near, self.far):
            one.world = world
            one.begin()

    def kept(self, what):
        self.closers.insert(0, what.close)
        return what

    def close(self):
        for closer in self.closers:
            closer()

    def at_other(self, mark):
        return self.other.received(mark.encode()).get("ann", [])


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    peers.need_root()
    one = Net(tmp_path_factory.mktemp("authority"))
    yield one
    one.close()


def test_it_goes_to_who_is_proved_and_promises(net):
    mark = net.near.post([f"bob@{FAR_DOMAIN}"], options=REQUIRED)
    got, = net.far.wait_for_mail("bob", 1)
    assert mark.encode() in got and b"with ESMTPS id" in got
    net.near.wait_log(f"Verified TLS connection established to mx-far.signed.example[{FAR}]")


@pytest.mark.parametrize("domain", [VOUCHED_DOMAIN, POLICY_DOMAIN])
def test_other_proofs_than_dane(net, domain):
    mark = net.near.post([f"bob@{domain}"], options=REQUIRED)
    got, = net.far.wait_for_mail("bob", 1)
    assert mark.encode() in got


def test_a_submission(net):
    mark = f"mark{next(numbers)}"
    with smtplib.SMTP_SSL("127.0.0.1", net.near.submissions_port, timeout=20, context=context()) as client:
        client.ehlo("laptop.example")
        assert "requiretls" in client.esmtp_features
        client.login(ANN, net.near.passwords[ANN])
        client.sendmail(ANN, [f"ann@{OTHER_DOMAIN}", f"bob@{FAR_DOMAIN}"], letter(mark), mail_options=REQUIRED)
    assert mark.encode() in net.far.wait_for_mail("bob", 1)[0]
    assert "Status: 5.7.30" in net.near.report()[1]
    assert not net.at_other(mark)


def test_all_the_way_and_back_by_an_alias(net):
    """The alias at `far` leads back here, whose server is proved to it, too."""
    mark = net.near.post([f"back@{FAR_DOMAIN}"], options=REQUIRED)
    got, = net.near.wait_for_mail("ann", 1)
    assert mark.encode() in got
    net.far.wait_log(f"Verified TLS connection established to mx-near.signed.example[{NEAR}]")


def test_who_does_not_promise_gets_nothing(net):
    """One letter for two: the one whose server has REQUIRETLS gets it, of the other the sender is told."""
    mark = net.near.post([f"ann@{OTHER_DOMAIN}", f"bob@{FAR_DOMAIN}"], options=[*REQUIRED, "RET=FULL"])
    raw, status = net.near.report()
    assert "Status: 5.7.30" in status and f"ann@{OTHER_DOMAIN}" in status and FAR_DOMAIN not in status
    assert mark.encode() in raw and b"between us" not in raw
    assert mark.encode() in net.far.wait_for_mail("bob", 1)[0]
    assert not net.at_other(mark)
    mark = net.near.post([f"ann@{OTHER_DOMAIN}"])
    wait_for("other mail goes there at once", 20, lambda: net.at_other(mark))


def test_a_forward_keeps_it_and_the_notice_is_protected(net):
    """`far` cannot go on, and tells the sender; that notice comes here as protected as the letter."""
    net.near.post([f"on@{FAR_DOMAIN}"], options=REQUIRED)
    raw, status = net.near.report()
    assert "Status: 5.7.30" in status and b"between us" not in raw
    assert b"with ESMTPS id" in raw.split(b"\r\n\r\n")[0]
    assert "the notice goes without" not in net.far.log()


def test_a_notice_is_not_lost(net):
    """Its reader's server has no REQUIRETLS: the notice is encrypted all the same, and comes."""
    net.near.post([f"ann@{WRONG_DOMAIN}"], options=REQUIRED, sender=f"bob@{OTHER_DOMAIN}")
    wait_for("the notice", 40, lambda: net.other.files("bob"))
    text = net.other.files("bob")[0].read_bytes()
    assert b"Status: 5.7.10" in text and b"between us" not in text and b"(using TLS" in text
    net.near.wait_log("the notice goes without")


@pytest.mark.parametrize("domain, words", [(WRONG_DOMAIN, "certificate"), (INSECURE_DOMAIN, "DNSSEC")])
def test_never_to_who_is_not_proved(net, domain, words):
    mark = net.near.post([f"ann@{domain}"], options=REQUIRED)
    _, status = net.near.report()
    assert "Status: 5.7.10" in status
    assert words in net.near.verdict(f"ann@{domain}")[1]
    assert not net.at_other(mark)
    assert not net.far.files("ann")


def show(one, to):
    rows = wait_for("it waits", 20, lambda: [r for r in one.queue() if to in str(r)])
    return one.postern("queue", "show", rows[-1]["id"], check=True).out


def test_the_field_lifts_what_the_domain_asks_for(net):
    """The same letter without it waits, as does one for whom the operator demands DANE himself."""
    to = f"ann@{WRONG_DOMAIN}"
    mark = net.near.post([to], FIELD)
    wait_for("it is there", 20, lambda: net.at_other(mark))
    net.near.wait_log_match(r": client=unknown\[127\.0\.0\.1\], session=[^ ,]+, tls=optional\n")
    mark = net.near.post([f"bob@{WRONG_DOMAIN}"])
    status, words = net.near.verdict(f"bob@{WRONG_DOMAIN}")
    assert status == "deferred" and "certificate" in words
    kept = net.near.post([f"ann@{KEPT_DOMAIN}"], FIELD)
    assert net.near.verdict(f"ann@{KEPT_DOMAIN}")[0] == "deferred"
    assert "tls: optional (TLS-Required: No)" in show(net.near, KEPT_DOMAIN)
    assert not net.at_other(mark) and not net.at_other(kept)


def test_requiretls_counts_more_than_the_field(net):
    to = f"bob@{AWAY_DOMAIN}"
    net.near.post([to], FIELD, options=REQUIRED)
    status, words = net.near.verdict(to)
    assert status == "deferred" and "refused" in words
    net.near.wait_log_match(r": client=unknown\[127\.0\.0\.1\], session=[^ ,]+, tls=required\n")
    assert "tls: required all the way (REQUIRETLS)" in show(net.near, to)


def test_sendmail_passes_the_field_on(net):
    mark = f"mark{next(numbers)}"
    done = net.near.sendmail("-f", ANN, f"ann@{WRONG_DOMAIN}", input=letter(mark, FIELD).replace("\r\n", "\n"))
    assert done.returncode == 0, done.err
    wait_for("it is there", 20, lambda: net.at_other(mark))
