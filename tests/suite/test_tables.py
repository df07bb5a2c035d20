# SPDX-License-Identifier: ISC
"""Tables: built from text, replaced as a whole, and never half taken."""
import re

import pytest

import wire
from instance import wait_for


def rcpt(one, address):
    with one.smtp() as smtp:
        smtp.ehlo()
        smtp.cmd("MAIL FROM:<s@client.example>")
        return smtp.cmd(f"RCPT TO:<{address}>")


def build(one, name, text):
    one.write(f"tables/{name}", text)
    return one.postern("table", "build")


def wait_for_verdict(one, address, code):
    wait_for(f"{code} for {address}", 10, lambda: rcpt(one, address).code == code, 0.1)


def test_aliases(make):
    one = make(users=("ann", "bob", "carl"))
    done = build(one, "aliases", """# who gets what
postmaster@example.test: ann@example.test
team@example.test: ann@example.test, bob@example.test, all-others@example.test
all-others@example.test: carl@example.test
@example.test: bob@example.test
""")
    assert done.returncode == 0, done.err
    wait_for_verdict(one, "team@example.test", 250)
    one.send(b"Subject: t\r\n\r\nx\r\n", to=("team@example.test",))
    for name in ("ann", "bob", "carl"):
        got = one.wait_for_mail(name, 1)[0]
        assert b"X-Original-To: team@example.test\r\n" in got
        assert f"Delivered-To: {name}@example.test\r\n".encode() in got
    one.send(b"Subject: t\r\n\r\nx\r\n", to=("anything@example.test",))
    one.wait_for_mail("bob", 1)


def test_address_extension(make):
    one = make()
    one.send(b"Subject: t\r\n\r\nx\r\n", to=("ann+lists@example.test",))
    one.wait_for_mail("ann", 1)


def test_postmaster_always_exists(make):
    one = make()
    for address in ("postmaster@example.test", "Postmaster@example.test", "postmaster"):
        assert rcpt(one, address).code == 250, address


def test_case_of_the_domain_does_not_matter(make):
    one = make()
    assert rcpt(one, "ann@EXAMPLE.Test").code == 250


@pytest.mark.parametrize("table,text", [
    ("users", "ann@example.test:$5$half"),  # cut in the middle of a line
    ("users", "ann@example.test:x\nann@example.test:y\n"),
    ("users", "no-at-sign:x\n"),
    ("users", "ann@unknown.test:x\n"),
    ("users", "ann@example.test\n"),
    ("aliases", "a@example.test: nobody-here@example.test\n"),
    ("aliases", "a@example.test: b@example.test\nb@example.test: a@example.test\n"),
    ("aliases", "a@example.test bob@example.test"),
    ("aliases", "a@example.test: \n"),
    ("domains", "exam ple.test\n"),
    ("domains", "-x-.test\n\0"),
], ids=lambda v: repr(v)[:40])
def test_a_faulty_table_is_refused_and_the_old_stays(instance, table, text):
    path = instance.directory / "tables" / table
    before = path.read_bytes()
    compiled = {p: p.read_bytes() for p in path.parent.glob("*.db")}
    assert compiled
    try:
        done = build(instance, table, text)
        assert done.returncode != 0
        assert str(path) + ":" in done.err, done.err  # file and line
        assert {p: p.read_bytes() for p in path.parent.glob("*.db")} == compiled
        assert rcpt(instance, "ann@example.test").code == 250
    finally:
        instance.write(f"tables/{table}", before)


def test_junk_in_place_of_a_compiled_table(make):
    """The tables in use stay in use, and the log says why."""
    one = make()
    tables = one.directory / "tables"
    good = {p: p.read_bytes() for p in tables.glob("*.db")}
    for path, content in good.items():
        one.write(path, b"junk" * 5000)
    wait_for("a word in the log", 15, lambda: says_table_fault(one), 0.2)
    assert rcpt(one, "ann@example.test").code == 250
    assert rcpt(one, "nobody@example.test").code == 550
    with one.pop3("ann") as pop:
        pop.quit()
    for path, content in good.items():
        one.write(path, content[:len(content) // 2])
    assert rcpt(one, "ann@example.test").code == 250
    one.postern("table", "build", check=True)
    one.postern("user", "add", "eve@example.test", input="pw\n", check=True)
    wait_for_verdict(one, "eve@example.test", 250)


def says_table_fault(one):
    return any(".db" in line or "table" in line for line in one.log().splitlines()
               if "directory[" in line)


def test_start_with_junk_tables_defers_instead_of_refusing(make):
    one = make()
    one.stop()
    for path in (one.directory / "tables").glob("*.db"):
        one.write(path, b"junk" * 5000)
    one.postern("start", "--detach")
    wait_for("an answer", 20, lambda: answers(one), 0.2)
    assert rcpt(one, "ann@example.test").code == 451
    one.postern("table", "build", check=True)
    wait_for_verdict(one, "ann@example.test", 250)


def answers(one):
    try:
        with one.smtp(timeout=5) as smtp:
            return smtp.greeting.code == 220
    except (OSError, wire.Closed):
        return False


def test_relaying_only_for_own_networks(make):
    """This suite has no remote delivery yet: another's domain is refused for strangers as for friends."""
    one = make(conf={"networks": ["192.0.2.0/24"]})
    reply = rcpt(one, "someone@elsewhere.example")
    assert reply.code in (550, 554) and reply.enhanced == "5.7.1", reply


def test_routes_decide_about_other_domains(make):
    one = make(tables={"routes": "shut.example error 5.1.2 closed for good\n"
                                 "void.example discard\n.below.example error\n"})
    refused = rcpt(one, "x@shut.example")
    assert refused.code == 550 and refused.lines == ["5.1.2 closed for good"]
    assert rcpt(one, "x@a.below.example").code == 550
    assert rcpt(one, "x@below.example").code == 250
    assert rcpt(one, "x@void.example").code == 250
    one.set_tables(routes="void.example error moved away\n")
    wait_for_verdict(one, "x@void.example", 550)
    assert rcpt(one, "x@void.example").lines == ["5.7.1 moved away"]
    assert rcpt(one, "x@shut.example").code == 250


def test_domains_that_are_passed_on(make):
    """From anybody, for any local part; everybody else's domains stay closed to strangers."""
    one = make(conf={"networks": []})
    assert rcpt(one, "any@backup.example").code == 550
    one.write("tables/domains", "example.test\nbackup.example relay\n")
    one.set_tables(routes="backup.example hold\n")
    wait_for_verdict(one, "any@backup.example", 250)
    assert rcpt(one, "x@elsewhere.example").code == 550
    assert rcpt(one, "nobody@example.test").code == 550


def test_relays_and_sockets_of_routes_must_be_there(make):
    one = make(conf={"relay_inside": {"host": "127.0.0.1:2525", "login": "secret"},
                     "lmtp_store": {"socket": "/nonexistent/lmtp"}},
               tables={"logins": "secret joe hunter2\n", "routes": "a.example relay:inside\n"})
    done = build(one, "routes", "a.example relay:inside\nb.example lmtp:store\nc.example relay:x\n")
    assert done.returncode == 65 and "routes:3: relay:x: " in done.err
    assert "routes:1:" not in done.err and "routes:2:" not in done.err
    done = build(one, "logins", "")
    assert done.returncode == 65 and "logins: has no secret" in done.err and "hunter2" not in done.err
    check = one.postern("check")
    assert check.returncode != 0 and "routes:3: relay:x: " in check.err


def test_check_says_that_the_hostname_is_no_domain(make):
    one = make(start=False)
    check = one.postern("check", check=True)
    assert "domains: warning: the hostname mx.example.test is none of your domains" in check.err, check.err
    one.postern("domain", "add", "MX.example.test", check=True)
    assert "hostname" not in one.postern("check", check=True).err


def test_the_usage_names_every_table(make):
    one = make(start=False)
    usage = one.postern("table").err
    one.postern("table", "build", check=True)
    names = sorted(path.stem for path in (one.directory / "tables").glob("*.db"))
    assert "senders" in names and [name for name in names if not re.search(rf"\b{name}\b", usage)] == []
