# SPDX-License-Identifier: ISC
"""Mail to other servers: Postfix's smtp-sink and Dovecot's LMTP as those who receive it."""
import os
import re
import signal
import time

import pytest

import dns
import receivers
from instance import crypt_hash, wait_for

LETTER = b"Subject: a letter\r\n\r\nhello\r\n.a dot in front\r\n"
LARGE = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 4 + b"\r\n" + (b"x" * 70 + b"\r\n") * 40000
QUICK = {"queue": {"retry-first": 1, "retry-max": 2}}


@pytest.fixture
def sink():
    if receivers.SMTP_SINK is None:
        pytest.skip("smtp-sink is not installed")
    sinks = []

    def start(*options, **kw):
        sinks.append(receivers.Sink(*options, **kw))
        return sinks[-1]
    yield start
    for s in sinks:
        s.close()


@pytest.fixture
def dovecot():
    if receivers.DOVECOT is None:
        pytest.skip("Dovecot is not installed")
    server = receivers.Dovecot()
    yield server
    server.close()


def routed(make, **routes):
    """An instance with these routes; a domain's dots are written as underscores."""
    lines = "".join(f"{domain.replace('_', '.')} {nexthop}\n" for domain, nexthop in routes.items())
    return make(conf=QUICK, tables={"routes": lines})


def taken(sink, count, seconds=20):
    wait_for(f"{count} messages at the sink", seconds, lambda: len(sink.texts()) >= count)
    return sink.texts()


def logged(one, pattern, seconds=20):
    wait_for(f"{pattern} in the log", seconds, lambda: re.search(pattern, one.log()))


def is_empty(one):
    return one.postern("queue", "list", "--json", check=True).out.strip() in ("", "[]")


def test_a_message_arrives_as_it_was_sent(make, sink):
    there = sink("-p")
    one = routed(make, far_example=there.nexthop())
    one.send(LETTER, to=["bob@far.example"], sender="ann@example.test")
    text, = taken(there, 1)
    assert b"MAIL FROM:<ann@example.test>" in text or b"X-Mail-Args: <ann@example.test>" in text, text
    assert LETTER.replace(b"\r\n", b"\n") in text.replace(b"\r\n", b"\n")
    logged(one, r"to=<bob@far\.example>, relay=\[127\.0\.0\.1\].*status=sent")


def test_a_large_message_arrives_whole(make, sink):
    there = sink()
    one = routed(make, far_example=there.nexthop())
    one.send(LARGE, to=["bob@far.example"])
    text, = taken(there, 1)
    assert LARGE.replace(b"\r\n", b"\n").rstrip() in text.replace(b"\r\n", b"\n")


def test_many_messages_share_sessions(make, sink):
    there = sink()
    one = routed(make, far_example=there.nexthop())
    for _ in range(200):
        one.send(LETTER, to=["bob@far.example"])
    assert len(taken(there, 200, 60)) == 200


def test_it_waits_for_a_server_that_is_down(make, sink):
    there = sink()
    there.pause()
    one = routed(make, far_example=there.nexthop())
    one.send(LETTER, to=["bob@far.example"])
    logged(one, r"status=deferred \(connect to \[127\.0\.0\.1\]:\d+: Connection refused\)")
    there.start()
    assert len(taken(there, 1)) == 1


def append(one, name, text):
    path = one.directory / "tables" / name
    one.write(f"tables/{name}", path.read_text() + text)


def test_mail_that_waits_for_a_domain_that_becomes_ours(make, sink):
    there = sink()
    there.pause()
    one = routed(make, new_example=there.nexthop())
    one.send(LETTER, to=["nobody@new.example", "eve@new.example"], sender="ann@example.test")
    logged(one, r"to=<eve@new\.example>.*status=deferred")
    append(one, "domains", "new.example\n")
    one.write("tables/routes", "")  # which would say where its mailboxes are kept
    append(one, "users", f"eve@new.example:{crypt_hash('word')}\n")
    one.postern("table", "build", check=True)
    one.postern("reload", check=True)
    logged(one, r"to=<eve@new\.example>, relay=local.*status=sent")
    text, = one.wait_for_mail("ann", 1)
    assert b"nobody@new.example" in text and b"5.1.1" in text and b"eve@new.example" not in text
    wait_for("an empty queue", 20, lambda: is_empty(one))


@pytest.mark.parametrize("stopped", [False, True])
def test_mail_that_waits_for_a_domain_that_is_passed_on(make, sink, stopped):
    """Another route counts for it at once, also at the next start."""
    dead, there = sink(), sink()
    dead.pause()
    one = routed(make, new_example=dead.nexthop())
    one.send(LETTER, to=["eve@new.example"])
    logged(one, r"to=<eve@new\.example>.*status=deferred")
    if stopped:
        one.stop()
    append(one, "domains", "new.example relay\n")
    one.write("tables/routes", f"new.example {there.nexthop()}\n")
    one.postern("table", "build", check=True)
    if stopped:
        one.start()
    assert len(taken(there, 1)) == 1


def test_soft_refusals_are_tried_again_and_hard_ones_are_not(make, sink):
    soft, hard = sink("-r", "RCPT"), sink("-f", "RCPT")
    one = routed(make, soft_example=soft.nexthop(), hard_example=hard.nexthop())
    one.send(LETTER, to=["bob@soft.example"], sender="ann@example.test")
    logged(one, r"to=<bob@soft\.example>.*status=deferred \(host \[127\.0\.0\.1\] said: 4")
    one.send(LETTER, to=["bob@hard.example"], sender="ann@example.test")
    logged(one, r"to=<bob@hard\.example>.*status=bounced \(host \[127\.0\.0\.1\] said: 5")
    one.wait_files("ann", 1)


def test_a_dead_destination_delays_nobody(make, sink):
    there, dead = sink(), sink()
    dead.pause()
    one = routed(make, far_example=there.nexthop(), dead_example=dead.nexthop())
    for n in range(50):
        one.send(LETTER, to=[f"u{n}@dead.example"])
    begin = time.monotonic()
    one.send(LETTER, to=["bob@far.example"])
    taken(there, 1, 10)
    assert time.monotonic() - begin < 5


def test_lmtp_over_tcp(make, dovecot):
    one = routed(make, far_example=f"lmtp:[127.0.0.1]:{dovecot.port}")
    one.send(LETTER, to=["carol@far.example"])
    wait_for("mail in Dovecot's mailbox", 20, lambda: dovecot.files("carol"))
    assert b"hello" in dovecot.files("carol")[0].read_bytes()


def test_lmtp_over_a_socket(make, dovecot):
    one = make(conf={**QUICK, "lmtp inside": {"socket": dovecot.socket}},
               tables={"routes": "far.example lmtp:inside\n"})
    one.send(LETTER, to=["carol@far.example"])
    wait_for("mail in Dovecot's mailbox", 20, lambda: dovecot.files("carol"))
    logged(one, r"to=<carol@far\.example>, relay=inside\[socket\].*status=sent")


def test_a_killed_deliver_remote_loses_nothing(make, sink):
    there = sink("-w", "1")
    one = routed(make, far_example=there.nexthop())
    for _ in range(20):
        one.send(LETTER, to=["bob@far.example"])
    for pid in one.pids("deliver-remote"):
        os.kill(pid, signal.SIGKILL)
    taken(there, 20, 60)
    wait_for("an empty queue", 60, lambda: is_empty(one))


@pytest.fixture
def zone():
    """zone({("far.example", dns.MX): [...]}): a name server with these records and no others."""
    servers = []

    def make_one(records):
        def answer(question):
            found = records.get((question.name, question.type), [])
            known = any(name == question.name for name, _ in records)
            return question.reply(found, rcode=0 if known else 3)
        servers.append(dns.Responder(answer))
        return servers[-1]
    yield make_one
    for one in servers:
        one.close()


def address(name, *octets):
    return dns.record(name, dns.A, bytes(octets))


def with_dns(make, server, port):
    return make(conf={**QUICK, "remote": {"port": port},
                      "resolver": {"forwarders": [server.address], "validate": "no"}})


def test_exchangers_are_found_and_tried_in_order(make, sink, zone):
    there = sink()
    server = zone({
        ("far.example", dns.MX): [dns.mx_record("far.example", 20, "b.far.example"),
                                  dns.mx_record("far.example", 10, "a.far.example")],
        ("a.far.example", dns.A): [address("a.far.example", 127, 0, 0, 99)],
        ("b.far.example", dns.A): [address("b.far.example", 127, 0, 0, 1)]})
    one = with_dns(make, server, there.port)
    one.send(LETTER, to=["bob@far.example"])
    taken(there, 1)
    logged(one, r"to=<bob@far\.example>, relay=b\.far\.example\[127\.0\.0\.1\]:\d+, .*status=sent")


def test_what_dns_says_for_good_comes_back(make, zone):
    server = zone({
        ("null.example", dns.MX): [dns.mx_record("null.example", 0, "")],
        ("self.example", dns.MX): [dns.mx_record("self.example", 5, "mx.example.test")]})
    one = with_dns(make, server, 25)
    one.send(LETTER, to=["bob@null.example", "bob@gone.example", "bob@self.example"],
             sender="ann@example.test")
    logged(one, r"to=<bob@null\.example>.*dsn=5\.1\.10, status=bounced")
    logged(one, r"to=<bob@gone\.example>.*dsn=5\.1\.2, status=bounced")
    logged(one, r"to=<bob@self\.example>.*dsn=5\.4\.6, status=bounced")
    one.wait_files("ann", 1)


def test_what_dns_cannot_say_now_waits(make, sink, zone):
    there = sink()
    records = {}
    server = zone(records)
    healthy, server.answer = server.answer, lambda question: question.reply(rcode=2)
    one = with_dns(make, server, there.port)
    one.send(LETTER, to=["bob@far.example"], sender="ann@example.test")
    logged(one, r"to=<bob@far\.example>.*dsn=4\.4\.3, status=deferred")
    records["far.example", dns.A] = [address("far.example", 127, 0, 0, 1)]
    server.answer = healthy
    assert len(taken(there, 1, 60)) == 1
