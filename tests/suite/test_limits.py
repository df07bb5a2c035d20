# SPDX-License-Identifier: ISC
"""Limits, as clients meet them."""
import contextlib
import os
import pathlib
import re
import resource
import socket
import subprocess
import threading
import time

import pytest

import wire
from instance import Instance, wait_for
from secured import Secured

LETTER = b"Subject: x\r\n\r\nx\r\n"
SPARE_FILES = 200


def new_client_seconds(one):
    begin = time.monotonic()
    one.send(LETTER)
    return time.monotonic() - begin


def open_idle(one, count):
    """Connections that were greeted and say nothing."""
    opened = []
    for _ in range(count):
        s = socket.create_connection(one.smtp_address, timeout=30)
        assert s.recv(512).startswith(b"220")
        opened.append(s)
    return opened


def test_idle_connections_do_not_delay_a_new_client(make, slow_content):
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    count = min(5000, soft - SPARE_FILES)
    one = make()
    idle = open_idle(one, count)
    try:
        assert max(new_client_seconds(one) for _ in range(5)) < 1.0
        idle[0].sendall(b"NOOP\r\n")
        assert idle[0].recv(100).startswith(b"250")
    finally:
        for s in idle:
            s.close()
    if count < 5000:
        pytest.skip(f"held with {count} connections; more are not allowed here (ulimit -n)")


def test_idle_ones_give_way_when_slots_run_short(make):
    """The longest idle without a transaction get 421; the one in a transaction stays."""
    one = make(conf={"smtp": {"connections-max": 20}, "workers": 1})
    with one.smtp() as busy:
        busy.ehlo()
        busy.envelope("s@client.example", ["ann@example.test"])
        opened = [one.smtp() for _ in range(19)]
        assert new_client_seconds(one) < 1.0
        gone = opened[0].reply()
        assert gone.code == 421, gone
        opened[0].until_closed()
        assert opened[-1].cmd("NOOP").code == 250
        assert busy.data(LETTER).code == 250
        for s in opened:
            s.close()


def pss_kib(one, program):
    """Memory of its processes, shared pages divided among those that share them."""
    texts = [pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in one.pids(program)]
    return sum(int(re.search(r"^Pss: *(\d+) kB", text, re.M)[1]) for text in texts)


@pytest.mark.parametrize("name, program", [("smtp", "smtpd"), ("pop3s", "pop3d")])
def test_an_idle_connection_in_tls_is_small(name, program):
    count = 200
    room = {"connections-per-address": 2 * count}
    with contextlib.closing(Secured(smtp=room, pop3=room)) as one, contextlib.ExitStack() as idle:
        one.start()
        tls = one.wrap()
        for _ in range(40):  # what the first ones alone cost
            idle.enter_context(one.connect(name, tls))
        before = pss_kib(one, program)
        for _ in range(count):
            idle.enter_context(one.connect(name, tls))
        assert 1 < (pss_kib(one, program) - before) / count < 48


def policies(one):
    return {os.sched_getscheduler(row["pid"]) for row in one.programs()}


def test_programs_are_scheduled_as_a_batch_unless_the_operator_says_otherwise(make):
    assert policies(make()) == {os.SCHED_BATCH}
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    try:
        assert policies(make()) == {os.SCHED_IDLE}
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def test_many_newcomers_beyond_the_limit_are_served(make):
    one = make(conf={"smtp": {"connections-max": 10}, "workers": 2})
    idle = open_idle(one, 8)
    for _ in range(30):
        assert new_client_seconds(one) < 1.0
        idle += open_idle(one, 1)
    for s in idle:
        s.close()


def test_connections_per_address(make):
    one = make(conf={"networks": ["192.0.2.0/24"], "smtp": {"connections-per-address": 3}})
    opened = [one.smtp() for _ in range(3)]
    with one.smtp() as fourth:
        assert fourth.greeting.code in (421, 450, 554), fourth.greeting
    for s in opened:
        s.close()
    wait_for("a free place", 5, lambda: greets(one))


def greets(one):
    with one.smtp() as smtp:
        return smtp.greeting.code == 220


def is_probed(stream):
    """The kernel will probe that client within a minute, at the server's end. (What was not acknowledged yet has
    the connection's timer for a moment.)"""
    there, here = stream.socket.getpeername(), stream.socket.getsockname()
    end = [f"{address[0]}:{address[1]}" for address in (there, here)]
    told = subprocess.run(["ss", "-tnoH", "src", end[0], "dst", end[1]],
                          stdout=subprocess.PIPE, check=True, timeout=10, text=True).stdout
    timer = re.search(r"timer:\(keepalive,(\d+)sec", told)
    return timer and 30 < int(timer[1]) < 60


def test_the_kernel_looks_after_clients_that_say_nothing(make):
    """So a mailbox is free two minutes after its client's network has gone away, whatever idle-timeout says. The
    process with the mailbox, and the worker of SMTP, have it from the listener."""
    one = make()
    with one.pop3("ann") as reader, one.smtp() as smtp:
        reader.stat()
        wait_for("a mailbox's client that is watched", 5, lambda: is_probed(reader))
        wait_for("a client of SMTP that is watched", 5, lambda: is_probed(smtp))


def trickle(stream, data, seconds):
    """Sends an octet each half second until the server closes; how long that took."""
    begin = time.monotonic()
    stream.socket.settimeout(0.5)
    for n in range(int(seconds * 2)):
        try:
            stream.send(data[n % len(data):][:1])
            while True:
                stream.fill()
        except TimeoutError:
            continue
        except (wire.Closed, OSError):
            return time.monotonic() - begin
    pytest.fail(f"not closed within {seconds} s")


def test_a_command_that_trickles_is_cut(make):
    one = make(conf={"smtp": {"command-timeout": 3}})
    with one.smtp() as smtp:
        assert 2 < trickle(smtp, b"x", 20) < 8
        assert b"421" in smtp.buffer


def test_no_session_outlives_its_bound(make):
    one = make(conf={"smtp": {"session-timeout": 8}})
    with one.smtp() as smtp:
        took = trickle(smtp, b"NOOP\r\n", 30)
        assert 7 < took < 15 and b"421" in smtp.buffer, (took, smtp.buffer[-200:])


def test_size(make):
    one = make(conf={"smtp": {"size-max": "64 KiB", "header-max": "16 KiB"}})
    with one.smtp() as smtp:
        assert "SIZE 65536" in smtp.ehlo().lines
        assert smtp.cmd("MAIL FROM:<s@client.example> SIZE=65537").code == 552
        smtp.envelope("s@client.example", ["ann@example.test"])
        reply = smtp.data(b"Subject: x\r\n\r\n" + b"y\r\n" * 30000)
        assert reply.code == 552 and reply.enhanced == "5.3.4", reply
    with one.smtp() as smtp:
        smtp.ehlo()
        smtp.envelope("s@client.example", ["ann@example.test"])
        smtp.send(b"BDAT 999999999999\r\n")
        assert smtp.reply().code in (552, 554)
    one.send(LETTER)
    assert len(one.wait_for_mail("ann", 1)) == 1


def test_recipients(make):
    one = make(conf={"smtp": {"recipients-max": 100}})
    with one.smtp() as smtp:
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<s@client.example>")
        codes = [smtp.cmd(f"RCPT TO:<ann+{n}@example.test>").code for n in range(101)]
        assert codes == [250] * 100 + [452]
        assert smtp.data(LETTER).code == 250
    one.wait_files("ann", 1)


def test_bad_commands(make):
    one = make(conf={"smtp": {"bad-commands-max": 5}})
    with one.smtp() as smtp:
        replies = []
        with pytest.raises(wire.Closed):
            for _ in range(20):
                replies.append(smtp.cmd("WHAT").code)
        assert 4 <= len(replies) <= 7 and replies[-1] == 421, replies


def test_commands_per_minute(make):
    one = make(conf={"smtp": {"commands-per-minute": 20}})
    with one.smtp() as smtp:
        smtp.ehlo()
        replies = []
        with pytest.raises(wire.Closed):
            for _ in range(60):
                replies.append(smtp.cmd("NOOP").code)
        assert replies[-1] == 421 and 15 <= len(replies) <= 25, replies


def test_messages_per_session(make):
    one = make(conf={"networks": ["192.0.2.0/24"], "smtp": {"messages-per-session": 3}})
    with one.smtp() as smtp:
        assert any(line.startswith("LIMITS") and "MAILMAX=3" in line for line in smtp.ehlo().lines)
        for _ in range(3):
            smtp.envelope("s@client.example", ["ann@example.test"])
            assert smtp.data(LETTER).code == 250
        assert smtp.cmd("MAIL FROM:<s@client.example>").code in (421, 451, 452)


def test_silence_within_a_message(make):
    one = make(conf={"smtp": {"data-timeout": 2, "command-timeout": 60}})
    with one.smtp() as smtp:
        smtp.ehlo()
        smtp.envelope("s@client.example", ["ann@example.test"])
        assert smtp.cmd("DATA").code == 354
        smtp.send(b"Subject: unfinished\r\n")
        begin = time.monotonic()
        assert smtp.reply().code == 421
        assert 1 < time.monotonic() - begin < 8
    assert one.files("ann") == [] and one.queue_length() == 0


def test_room_of_the_spool(make):
    """452 when it is used up; accepted again when there is room, without a restart."""
    conf = {"spool-max": "4 MiB", "segment-size": "1 MiB", "hold-local": True}
    one = make(conf={"queue": conf})
    letter = b"Subject: fill\r\n\r\n" + b"y" * 70 + b"\r\n" + b"z" * 900 * 60 + b"\r\n"
    accepted = 0
    with one.smtp() as smtp:
        smtp.ehlo()
        while accepted < 200:
            reply = smtp.cmd("MAIL FROM:<s@client.example>")
            if reply.code == 250:
                assert smtp.cmd("RCPT TO:<ann@example.test>").code == 250
                reply = smtp.data(letter)
            if reply.code != 250:
                break
            accepted += 1
    assert (reply.code, reply.enhanced) == (452, "4.3.1") and 10 < accepted < 80, (reply, accepted)
    octets = sum(p.stat().st_size for p in one.spool.rglob("*") if p.is_file())
    assert octets <= 6 << 20, octets
    assert one.queue_length() == accepted
    one.configure(queue={**conf, "hold-local": False})
    one.postern("reload", check=True)
    one.wait_files("ann", accepted)
    wait_for("room again", 20, lambda: is_taken(one), 0.2)


def is_taken(one):
    with one.smtp() as smtp:
        smtp.ehlo()
        return smtp.cmd("MAIL FROM:<s@client.example>").code == 250


def test_a_looping_message(instance):
    hops = b"Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n"
    with instance.smtp() as smtp:
        smtp.ehlo()
        smtp.envelope("s@client.example", ["ann@example.test"])
        reply = smtp.data(hops * 60 + LETTER)
        assert reply.code == 554 and reply.enhanced == "5.4.6", reply


def test_a_huge_header(instance):
    with instance.smtp() as smtp:
        smtp.ehlo()
        smtp.envelope("s@client.example", ["ann@example.test"])
        assert 500 <= smtp.data(b"X-A: b\r\n" * 100000 + b"\r\nx\r\n").code < 600


def test_an_endless_line(instance):
    """Counted, refused and closed, and never kept."""
    with instance.smtp() as smtp:
        with pytest.raises((wire.Closed, ConnectionError)):
            for _ in range(200):
                smtp.send(b"x" * 100000)
            smtp.fill()
            while True:
                smtp.send(b"x" * 100000)


def test_replies_are_never_over_512_octets(instance):
    with instance.smtp() as smtp:
        smtp.ehlo()
        for command in ("VRFY " + "x" * 400, "RCPT TO:<" + "y" * 300 + "@" + "z" * 180 + ">",
                        "MAIL FROM:<" + "a" * 60 + "@" + "b" * 60 + ".example>", "HELP", "EXPN x"):
            for line in smtp.cmd(command).raw.split(b"\r\n"):
                assert len(line) + 2 <= 512


@pytest.fixture(scope="module")
def slow_content():
    """Begun before the other tests of the module: a content that comes too slowly is cut only after
    its first minute."""
    one = Instance(conf={"smtp": {"data-rate-min": 100}})
    result = {}

    def client():
        with one.smtp() as smtp:
            smtp.ehlo()
            smtp.envelope("s@client.example", ["ann@example.test"])
            smtp.send(b"DATA\r\n")
            assert smtp.reply().code == 354
            result["seconds"] = trickle(smtp, b"abcdefgh\r\n", 120)
            result["said"] = bytes(smtp.buffer)

    try:
        one.start()
        thread = threading.Thread(target=client)
        thread.start()
        yield one, thread, result
    finally:
        one.close()


# --- POP3 ------------------------------------------------------------------------------


def test_wrong_passwords_close_the_connection(make):
    one = make(conf={"pop3": {"login-failures-max": 2}})
    with wire.Pop3(one.pop3_address) as pop:
        with pytest.raises(wire.Closed):
            for _ in range(5):
                pop.ok("USER ann@example.test")
                assert pop.cmd("PASS wrong").startswith(b"-ERR")


def test_unknown_user_and_wrong_password_look_the_same(instance):
    answers = []
    for user in ("ann@example.test", "no-such@example.test"):
        with wire.Pop3(instance.pop3_address) as pop:
            answers.append((pop.cmd(f"USER {user}"), pop.cmd("PASS wrong")))
    assert answers[0] == answers[1]


def test_login_timeout(make):
    one = make(conf={"pop3": {"login-timeout": 5}})
    with wire.Pop3(one.pop3_address) as pop:
        assert 3 < trickle(pop, b"CAPA\r\n", 15) < 10


def test_idle_timeout(make):
    one = make(conf={"pop3": {"idle-timeout": 2}})
    one.send(LETTER)
    one.wait_files("ann", 1)
    with one.pop3("ann") as pop:
        pop.ok("DELE 1")
        begin = time.monotonic()
        pop.socket.settimeout(20)
        with pytest.raises((wire.Closed, ConnectionError)):
            while True:
                pop.fill()
        assert 1 < time.monotonic() - begin < 8
    assert len(one.files("ann")) == 1, "without QUIT nothing is deleted"


def test_pop3_connections_per_address(make):
    one = make(conf={"networks": ["192.0.2.0/24"], "pop3": {"connections-per-address": 2}})
    opened = [wire.Pop3(one.pop3_address) for _ in range(2)]
    with socket.create_connection(one.pop3_address, timeout=20) as third:
        answer = third.recv(512)
        assert answer == b"" or answer.startswith(b"-ERR"), answer
    opened[0].ok("CAPA")
    for pop in opened:
        pop.close()


def test_pop3_connections_beyond_the_limit(make):
    """Logins that are not complete give way; a newcomer is served."""
    one = make(conf={"workers": 1, "pop3": {"connections-max": 5}})
    one.send(LETTER)
    one.wait_files("ann", 1)
    opened = [wire.Pop3(one.pop3_address) for _ in range(8)]
    with one.pop3("ann") as pop:
        assert pop.stat()[0] == 1
    for pop in opened:
        pop.close()


def test_open_mailboxes(make):
    one = make(conf={"pop3": {"sessions-max": 1}})
    with one.pop3("ann"):
        with wire.Pop3(one.pop3_address) as second:
            second.ok("USER bob@example.test")
            reply = second.cmd("PASS " + one.passwords["bob@example.test"])
            assert reply.startswith(b"-ERR [SYS/TEMP]"), reply
    wait_for("a free place", 5, lambda: login_works(one, "bob"))


def test_one_session_at_a_time(instance):
    instance.send(LETTER)
    instance.wait_files("ann", 1)
    with instance.pop3("ann") as first:
        with wire.Pop3(instance.pop3_address) as second:
            second.ok("USER ann@example.test")
            reply = second.cmd("PASS " + instance.passwords["ann@example.test"])
            assert reply.startswith(b"-ERR [IN-USE]"), reply
        first.quit()
    wait_for("the lock to go", 5, lambda: login_works(instance))


def login_works(one, name="ann"):
    try:
        one.pop3(name).quit()
        return True
    except AssertionError:
        return False


def test_a_broken_connection_deletes_nothing(mailbox):
    mailbox.send(LETTER)
    mailbox.wait_files("ann", 1)
    with mailbox.pop3("ann") as pop:
        pop.ok("DELE 1")
    time.sleep(0.2)
    wait_for("the lock to go", 5, lambda: login_works(mailbox))
    assert len(mailbox.files("ann")) == 1
    with mailbox.pop3("ann") as pop:
        pop.ok("DELE 1")
        pop.quit()
    assert mailbox.files("ann") == []


def test_many_mailboxes_at_once(make):
    names = [f"user{n}" for n in range(60)]
    one = make(users=names, conf={"pop3": {"connections-per-address": 100}})
    one.send(LETTER, to=names)
    one.wait_queue_empty()
    boxes = [one.pop3(name) for name in names]
    assert all(box.stat()[0] == 1 for box in boxes)
    for box in boxes:
        box.quit()


def test_a_content_that_trickles_is_cut(slow_content):
    one, thread, result = slow_content
    thread.join()
    assert 55 < result["seconds"] < 90 and b"421" in result["said"], result
    assert one.files("ann") == []
