# SPDX-License-Identifier: ISC
"""The program resolver, alone, with real name servers and with ones that lie."""
import os
import pathlib
import re
import signal
import socket
import struct
import time

import pytest

import dns
import keytrap
from dns import BOGUS, NO_DATA, NO_NAME, OK, TEMPORARY
from instance import Instance, User, wait_for

SIGNED = ("signed.example", "nsec3.example")
ALL = SIGNED + ("plain.example",)
V4, V6 = socket.AF_INET, socket.AF_INET6

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(scope="module")
def world():
    one = dns.World()
    yield one
    one.close()


class Anchor:
    """A directory with the trust anchor of the private root, the resolver's own."""

    def __init__(self, base, world, user, text=None):
        self.directory = pathlib.Path(base)
        self.file = self.directory / "root.key"
        base.chmod(0o755)
        if text != "":
            self.file.write_text(text or world.anchor)
            user.own(self.file)
        user.own(self.directory)


@pytest.fixture(scope="module")
def anchor(world, tmp_path_factory):
    return Anchor(tmp_path_factory.mktemp("anchor"), world, dns.ordinary_user())


@pytest.fixture(scope="module")
def resolver(world, anchor):
    """One that validates, behind a real unbound."""
    one = dns.Resolver({"forwarders": [world.unbound], "trust-anchor": anchor.file,
                        "timeout": "10 s"})
    yield one
    assert one.close() == 0


@pytest.fixture
def make():
    made = []

    def make_one(conf, **kw):
        made.append(dns.Resolver(conf, **kw))
        return made[-1]

    yield make_one
    for one in made:
        one.close()


@pytest.fixture
def liar(make):
    """liar(answer): a name server with these answers, and a resolver that asks it."""
    servers = []

    def make_one(answer, **conf):
        servers.append(dns.Responder(answer))
        return servers[-1], make({"forwarders": [servers[-1].address], "validate": False,
                                  "timeout": "10 s", **conf})

    yield make_one
    for one in servers:
        one.close()


# --- Every kind of answer ---------------------------------------------------------------


@pytest.mark.parametrize("zone", ALL)
def test_exchangers(resolver, zone):
    got = resolver.mx(zone)
    assert got.state == OK and got.secure == (zone in SIGNED)
    assert got.records == [(10, f"mx1.{zone}"), (20, f"mx2.{zone}")]
    assert got.canonical == zone and got.why == "" and 0 < got.ttl <= 600


@pytest.mark.parametrize("zone", ALL)
def test_addresses(resolver, zone):
    got = resolver.ip(f"mx1.{zone}")
    assert (got.state, got.secure) == (OK, zone in SIGNED)
    assert got.records == [socket.inet_pton(V4, "192.0.2.1")]
    got = resolver.ip(f"mx1.{zone}", 6)
    assert got.records == [socket.inet_pton(V6, "2001:db8::1")]


@pytest.mark.parametrize("zone", SIGNED)
def test_tlsa(resolver, zone):
    got = resolver.tlsa(f"mx1.{zone}")
    assert (got.state, got.secure) == (OK, True)
    assert got.records == [(3, 1, 1, bytes.fromhex(dns.TLSA_DATA))]
    got = resolver.tlsa(f"mx1.{zone}", 587)
    assert (got.state, got.secure) == (NO_NAME, True)


def test_unsigned_tlsa_is_not_given(resolver):
    got = resolver.tlsa("mx1.plain.example")
    assert (got.state, got.secure, got.records) == (NO_DATA, False, [])


@pytest.mark.parametrize("zone", ALL)
def test_texts(resolver, zone):
    assert resolver.txt(zone).records == [b"v=one and two"]
    assert len(resolver.txt(f"many-txt.{zone}").records) == 20
    assert resolver.txt(f"long.{zone}").state == TEMPORARY


def test_names_of_addresses(resolver):
    assert resolver.ptr(socket.inet_pton(V4, "192.0.2.1")).records == ["mx1.signed.example"]
    assert resolver.ptr(socket.inet_pton(V6, "2001:db8::1")).records == ["mx1.signed.example"]
    assert resolver.ptr(socket.inet_pton(V4, "192.0.2.2")).records == ["not_a.host.example"]
    assert resolver.ptr(socket.inet_pton(V4, "192.0.2.3")).state == TEMPORARY
    assert resolver.ptr(socket.inet_pton(V4, "192.0.2.4")).state == NO_NAME


@pytest.mark.parametrize("zone", ALL)
def test_nothing_there(resolver, zone):
    got = resolver.mx(f"not-there.{zone}")
    assert (got.state, got.secure) == (NO_NAME, zone in SIGNED)
    assert 0 < got.ttl <= 120 and got.why
    got = resolver.mx(f"mx1.{zone}")
    assert (got.state, got.secure) == (NO_DATA, zone in SIGNED)
    assert resolver.mx(f"deep.{zone}").state == NO_DATA, "an empty non-terminal"


@pytest.mark.parametrize("zone", ALL)
def test_aliases(resolver, zone):
    got = resolver.mx(f"alias.{zone}")
    assert (got.state, got.secure, got.canonical) == (OK, zone in SIGNED, zone)
    got = resolver.mx(f"to-plain.{zone}")
    assert (got.state, got.secure, got.canonical) == (OK, False, "plain.example")
    got = resolver.mx(f"to-nothing.{zone}")
    assert (got.state, got.canonical) == (NO_NAME, f"not-there.{zone}")
    assert resolver.mx(f"loop1.{zone}").state == TEMPORARY


@pytest.mark.parametrize("zone", ALL)
def test_odd_exchangers(resolver, zone):
    assert resolver.mx(f"no-mail.{zone}").records == [(0, "")]
    assert resolver.mx(f"mixed.{zone}").records == [(10, f"mx1.{zone}")]
    assert resolver.mx(f"only-ip.{zone}").state == TEMPORARY
    got = resolver.mx(f"many.{zone}").records
    assert [preference for preference, _ in got] == list(range(41, 91))


# --- What does not validate -------------------------------------------------------------


def test_bogus_is_neither_used_nor_taken_for_nothing(resolver):
    for _ in range(2):  # the second from the cache
        got = resolver.mx("bogus.example")
        assert (got.state, got.secure, got.records) == (BOGUS, False, [])
        assert "signature" in got.why and "bogus.example" in got.why
        got = resolver.mx("expired.example")
        assert got.state == BOGUS and "expired" in got.why
    assert resolver.ip("mx1.bogus.example").state == OK, "other records of that zone are good"
    resolver.wait_log("name=expired.example, type=MX, dnssec=bogus")
    assert resolver.log().count("name=bogus.example, type=MX, dnssec=bogus") == 1


def test_without_validation(world, make):
    one = make({"forwarders": [world.unbound], "validate": False})
    for zone in ("signed.example", "bogus.example", "expired.example"):
        got = one.mx(zone)
        assert (got.state, got.secure) == (OK, False)
    assert one.tlsa("mx1.signed.example").state == NO_DATA
    one.wait_log("not validated")


def test_the_real_root_key_does_not_fit_a_private_root(world, make):
    one = make({"forwarders": [world.nsd]})
    got = one.mx("plain.example")
    assert got.state == BOGUS and got.why


@needs_root
def test_from_the_root_on(tmp_path):
    """Without forwarders: the private root has the addresses that libunbound knows."""
    with dns.network_of_its_own(*dns.ROOT_SERVERS):
        root = dns.World(dns.ROOT_SERVERS)
        one = None
        try:
            held = Anchor(tmp_path, root, dns.ordinary_user())
            one = dns.Resolver({"trust-anchor": held.file, "timeout": "20 s"})
            for zone in ALL:
                got = one.mx(zone)
                assert (got.state, got.secure) == (OK, zone in SIGNED), (zone, got)
                assert one.mx(f"not-there.{zone}").state == NO_NAME
            assert one.mx("bogus.example").state == BOGUS
            one.wait_log("from the root on")
        finally:
            if one:
                one.close()
            root.close()


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_zone_made_to_cost_processor_time(make, world, tmp_path):
    """380 keys of one tag and 340 signatures: 130,000 tries for whoever makes them all."""
    trap = keytrap.KeyTrap()
    server = dns.Responder(trap.answer)
    try:
        held = Anchor(tmp_path, world, dns.ordinary_user(), text=trap.anchor)
        one = make({"forwarders": [server.address], "trust-anchor": held.file, "timeout": "30 s"})
        got = one.mx("good")
        assert (got.state, got.secure) == (OK, True), "it takes the keys"
        before = processor_seconds(one.process.pid)
        got = one.mx("trap")
        assert got.state in (BOGUS, TEMPORARY) and got.records == []
        assert processor_seconds(one.process.pid) - before < 2
        assert one.mx("good").state == OK
    finally:
        server.close()


# --- The trust anchor -------------------------------------------------------------------


def test_the_anchor_is_kept_up_to_date(resolver, anchor):
    assert resolver.mx("signed.example").secure
    wait_for("the anchor's state", 10, lambda: "VALID" in anchor.file.read_text())
    resolver.wait_log("kept up to date")
    assert [f.name for f in anchor.directory.iterdir()] == ["root.key"]


def test_an_anchor_that_cannot_be_written(world, make, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root, to own what the resolver may not write")
    tmp_path.chmod(0o755)
    (tmp_path / "root.key").write_text(world.anchor)
    one = make({"forwarders": [world.nsd], "trust-anchor": tmp_path / "root.key"})
    assert one.mx("signed.example").secure
    one.wait_log("cannot be kept up to date")
    assert (tmp_path / "root.key").read_text() == world.anchor


def test_an_anchor_that_is_missing_is_begun(world, make, tmp_path):
    new = Anchor(tmp_path, world, dns.ordinary_user(), text="")
    one = make({"forwarders": [world.nsd], "trust-anchor": new.file})
    assert " 20326 8 2 " in new.file.read_text() and " 38696 8 2 " in new.file.read_text()
    assert one.mx("signed.example").state == BOGUS


def test_an_anchor_that_is_none(world, make, tmp_path):
    broken = Anchor(tmp_path, world, dns.ordinary_user(), text="what is this\n")
    with pytest.raises(RuntimeError, match="root.key"):
        make({"forwarders": [world.nsd], "trust-anchor": broken.file})


# --- Name servers that fail or lie ------------------------------------------------------


@pytest.mark.parametrize("rcode", [1, 2, 4, 5, 9])
def test_errors_are_never_nothing(liar, rcode):
    server, one = liar(lambda q: q.reply(rcode=rcode))
    got = one.mx("d.example")
    assert (got.state, got.records) == (TEMPORARY, []) and got.why
    assert server.asked


def test_silence(liar):
    server, one = liar(lambda q: None, timeout="2 s")
    began = time.monotonic()
    got = one.mx("d.example")
    assert got.state == TEMPORARY and "in time" in got.why
    assert 1.5 < time.monotonic() - began < 6
    assert server.asked


def test_malformed_answers(liar):
    shapes = {
        "cut.example": lambda q: q.reply([dns.mx_record("cut.example", 1, "mx.example")])[:-3],
        "counts.example": lambda q: q.reply([], counts=(7, 0, 0)),
        "other.example": lambda q: q.reply([dns.mx_record("x.example", 1, "mx.example")])
        .replace(b"\5other", b"\5hteor"),
        "short-mx.example": lambda q: q.reply([dns.record("short-mx.example", dns.MX, b"\0")]),
        "pointer.example": lambda q: q.reply(
            [dns.record("pointer.example", dns.MX, b"\0\1\xc0\xff")]),
        "noise.example": lambda q: q.reply()[:2] + os.urandom(60),
    }
    _, one = liar(lambda q: shapes[q.name](q) if q.name in shapes else q.reply(rcode=3),
                  timeout="3 s")
    for name in shapes:
        got = one.mx(name)
        assert got.state == TEMPORARY, (name, got)
    assert one.process.poll() is None


def test_truncated_over_udp_comes_over_tcp(liar):
    def answer(q):
        records = [dns.mx_record(q.name, n, f"mx{n}.example") for n in range(100)]
        return q.reply(records) if q.over_tcp else q.reply(flags=0x8780)

    _, one = liar(answer)
    got = one.mx("d.example")
    assert got.state == OK and len(got.records) == 50


def test_truncated_everywhere(liar):
    _, one = liar(lambda q: q.reply(flags=0x8780), timeout="3 s")
    assert one.mx("d.example").state == TEMPORARY


def test_an_answer_for_somebody_else_poisons_nothing(liar):
    def answer(q):
        if q.name == "d.example":
            return q.reply([dns.mx_record("d.example", 1, "mx.example"),
                            dns.mx_record("victim.example", 1, "evil.example")])
        return q.reply([dns.mx_record(q.name, 1, "mx.example")])

    _, one = liar(answer)
    assert one.mx("d.example").records == [(1, "mx.example")]
    assert one.mx("victim.example").records == [(1, "mx.example")]


def test_hostile_names_in_records(liar):
    hosts = ["192.0.2.1", "a b.example", "x\"y.example", "*.example", "-x.example", "a\nb.example"]
    _, one = liar(lambda q: q.reply([dns.mx_record(q.name, n, h) for n, h in enumerate(hosts)] +
                                    ([dns.mx_record(q.name, 9, "MX.Example")]
                                     if q.name == "some.example" else [])))
    assert one.mx("some.example").records == [(9, "mx.example")]
    assert one.mx("none.example").state == TEMPORARY


def test_as_many_records_as_fit(liar):
    def answer(q):
        return q.reply([b"\xc0\x0c" + dns.record("", dns.A, struct.pack("!I", n))[1:]
                        for n in range(4000)])

    _, one = liar(lambda q: answer(q) if q.over_tcp else q.reply(flags=0x8780))
    got = one.ip("many.example")
    assert got.state in (OK, TEMPORARY) and len(got.records) in (0, 50)
    assert one.mx("many.example").state in (NO_DATA, TEMPORARY)


# --- Many at once -----------------------------------------------------------------------


def test_the_same_question_is_asked_once(liar):
    def answer(q):
        time.sleep(0.3)
        return q.reply([dns.mx_record(q.name, 1, "mx.example")])

    server, one = liar(answer)
    one.connect(1)
    cookies = [one.send(1, dns.put_string("d.example"), n % 2) for n in range(200)]
    got = [one.receive(n % 2) for n in range(200)]
    assert sorted(a.cookie for a in got) == cookies
    assert {a.state for a in got} == {OK}
    assert server.asked["d.example", dns.MX] == 1
    assert one.mx("d.example").state == OK
    assert server.asked["d.example", dns.MX] == 1, "from the cache"


def test_one_peer_cannot_take_all(liar):
    _, one = liar(lambda q: None if q.name.startswith("hole") else
                  q.reply([dns.mx_record(q.name, 1, "mx.example")]), timeout="60 s")
    one.connect(1)
    for n in range(2049):
        one.send(1, dns.put_string(f"hole{n}.example"), 1)
    got = one.receive(1)
    assert got.state == TEMPORARY and "too many" in got.why and got.cookie == 2049
    assert one.process.poll() is None


@pytest.mark.parametrize("kind,fields", [
    (1, dns.put_string("")), (1, dns.put_string("UPPER.example")), (1, dns.put_string("a..b")),
    (1, dns.put_string("dot.")), (1, dns.put_string("a b")), (1, dns.put_string("x\0y")),
    (1, dns.put_string("a" * 64 + ".example")), (1, dns.put_string("a." * 126 + "aa")),
    (1, dns.put_string("x" * 300)), (1, b"\0\0"), (1, dns.put_string("d.example") + b"x"),
    (3, b"\5" + dns.put_string("d.example")), (5, b"\0\x19" + dns.put_string("a." * 124 + "a")),
    (9, dns.put_string(b"abc")), (9, dns.put_string(b"")), (2, b""), (77, b"")])
def test_a_peer_that_asks_nonsense_loses_its_channel(resolver, kind, fields):
    resolver.connect(1)
    resolver.send(kind, fields, 1)
    assert resolver.receive(1) is None
    assert resolver.mx("signed.example").state == OK, "others go on"


def test_a_peer_that_comes_back(liar):
    server, one = liar(lambda q: None if not server.open else
                       q.reply([dns.mx_record(q.name, 1, "mx.example")]))
    server.open = False
    one.send(1, dns.put_string("d.example"))
    wait_for("the question", 10, lambda: server.asked)
    one.connect()
    one.send(1, dns.put_string("d.example"))
    server.open = True
    assert one.receive().state == OK


# --- A new configuration ----------------------------------------------------------------


def test_reload_asks_other_forwarders(liar):
    hole, one = liar(lambda q: None, timeout="30 s")
    port = free_twin(hole)
    good = dns.Responder(lambda q: q.reply([dns.mx_record(q.name, 1, "mx.example")]), *port)
    try:
        one.send(1, dns.put_string("d.example"))
        wait_for("the question", 10, lambda: hole.asked)
        one.reload(forwarders=[good.address])
        assert one.receive().records == [(1, "mx.example")], "asked anew"
        assert one.mx("e.example").state == OK
        assert one.process.poll() is None
    finally:
        good.close()


def free_twin(responder):
    """The same port at another loopback address: the jail stays as it is."""
    return "127.0.0.2", responder.port


def test_another_port_takes_a_new_jail(liar):
    _, one = liar(lambda q: None)
    one.reload(forwarders=["127.0.0.1:5"])
    assert one.wait_for_end() == 0, "control starts it again"
    one.wait_log("starts anew")


def test_control_makes_the_new_jail():
    one = Instance(conf={"resolver": {"forwarders": ["127.0.0.1:5"]}})
    try:
        one.start()
        [before] = one.pids("resolver")
        one.configure(resolver={"forwarders": ["127.0.0.2:5"]})
        one.postern("reload", check=True)
        one.configure(resolver={"forwarders": ["127.0.0.2:6"]})
        one.postern("reload", check=True)
        wait_for("another resolver", 10, lambda: one.is_ready() and
                 one.pids("resolver") not in ([before], []))
        log = one.log()
        assert log.count("answers come from 127.0.0.2:5") == 1
        assert log.count("answers come from 127.0.0.2:6") == 1
        assert log.count("starts anew") == 1
    finally:
        one.close()


# --- The jail ---------------------------------------------------------------------------


def test_the_watchdog_is_set(liar):
    """What it does is a unit test's; here, that the jail has left it its signal."""
    _, one = liar(lambda q: q.reply(rcode=3))
    status = pathlib.Path(f"/proc/{one.process.pid}/status").read_text()
    caught = int(re.search(r"SigCgt:\t(\w+)", status).group(1), 16)
    assert caught >> (signal.SIGPROF - 1) & 1
    os.kill(one.process.pid, signal.SIGPROF)  # the loop has turned since the last one
    assert one.mx("d.example").state == NO_NAME
    for _ in range(2):  # and now it has not
        os.kill(one.process.pid, signal.SIGPROF)
        time.sleep(0.1)
    assert one.wait_for_end() == 75
    one.wait_log("too much processor time")


@needs_root
def test_as_root_it_has_its_own_user_and_an_empty_root(world):
    one = dns.Resolver({"forwarders": [world.unbound], "validate": False}, user=User("root"))
    try:
        assert one.mx("signed.example").state == OK
        status = pathlib.Path(f"/proc/{one.process.pid}/status").read_text()
        uid = User("postern-dns").uid
        assert f"Uid:\t{uid}\t{uid}\t" in status
        assert "Seccomp:\t2" in status and "CapEff:\t0000000000000000" in status
        assert os.listdir(f"/proc/{one.process.pid}/root") == []
    finally:
        one.close()


@needs_root
def test_as_root_with_an_anchor_its_directory_is_the_root(world, tmp_path):
    held = Anchor(tmp_path, world, User("postern-dns"))
    one = dns.Resolver({"forwarders": [world.unbound], "trust-anchor": held.file}, user=User("root"))
    try:
        assert one.mx("signed.example").secure
        assert os.listdir(f"/proc/{one.process.pid}/root") == ["root.key"]
        wait_for("the anchor's state", 10, lambda: "VALID" in held.file.read_text())
    finally:
        one.close()
