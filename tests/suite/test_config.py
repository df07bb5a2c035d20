# SPDX-License-Identifier: ISC
"""Configurations with faults: each is named with file, line and remedy, and nothing is touched."""
import re

import pytest

EX_OK, EX_CONFIG = 0, 78

GOOD = """hostname = "mx.example.test"
listen smtp { address = "127.0.0.1:2525" }
mailboxes = "mail/%d/%n"
tables = "tables"
spool = "spool"
run = "run"
"""


def check(one, text):
    """Status and {line: text} of `postern check` on this text."""
    one.write("broken.conf", text)
    path = one.directory / "broken.conf"
    done = one.postern("check", conf=path)
    output = done.out + done.err
    faults = {}
    for line in output.splitlines():
        found = re.match(re.escape(str(path)) + r":(\d+): (.+)", line)
        if found:
            faults.setdefault(int(found.group(1)), []).append(found.group(2))
    return done.returncode, faults, output


@pytest.fixture(scope="module")
def idle():
    from instance import Instance
    one = Instance()
    yield one
    one.close()


def test_good(idle):
    status, faults, output = check(idle, GOOD)
    assert (status, faults) == (EX_OK, {}), output


# A faulty line, and a word of what the report must say to write instead.
FAULTS = {
    'hostnam = "x.example.test"': "hostname",
    'hostname = "not a name"': "mx.example.org",
    'hostname = "localhost"': "mx.example.org",
    "workers = 0": "1 to 64",
    "workers = 1000": "1 to 64",
    'workers = "many"': "number",
    'listen smtp { address = "127.0.0.1" }': "25",
    'listen smtp { address = "127.0.0.1:70000" }': "70000",
    'listen smtp { address = "mail.example.test:25" }': "address",
    "listen smtp { }": "address",
    'listen imap { address = "127.0.0.1:143" }': "protocol",
    'networks = {"10.0.0.0/33"}': "10.0.0.0/33",
    'networks = {"10.0.0.1/8"}': "10.0.0.0/8",
    'networks = {"everybody"}': "everybody",
    'smtp { size-max = "5 parsecs" }': "MiB",
    "smtp { size-max = 1 }": "64 KiB",
    'smtp { sizemax = "5 MiB" }': "size-max",
    "smtp { hops-max = 0 }": "1 to 1000",
    'smtp { header-max = "1 MiB"  size-max = "512 KiB" }': "header-max",
    'pop3 { idle-timeout = "forever" }': "5 min",
    'queue { segment-size = "3 GiB" }': "1 MiB to 1 GiB",
    "queue { hold-local = perhaps }": "no or yes",
    'mailboxes = "/var/mail"': "%n",
    'mailboxes = "/var/mail/%q"': "%n",
    'postmaster = "two words"': "admin@example.org",
    'log-format = "xml"': "json",
    'log = "nowhere"': "syslog",
    'recipient-delimiter = "abc"': "+",
    "just words": "=",
}


def with_line(line):
    """GOOD without its own setting of the same name, and the line's number in it."""
    name = line.split("{")[0].split("=")[0].strip()
    kept = [old for old in GOOD.splitlines() if not old.startswith(name + " ")]
    return "\n".join([*kept, line, ""]), len(kept) + 1


@pytest.mark.parametrize("line", FAULTS, ids=str)
def test_one_fault(idle, line):
    """The report names the line, and what to write instead."""
    text, number = with_line(line)
    status, faults, output = check(idle, text)
    assert status == EX_CONFIG, output
    assert list(faults) == [number], output
    assert FAULTS[line] in " ".join(faults[number]), output


def test_every_fault_is_reported_at_once(idle):
    text = 'hostnam = "x"\nworkers = 0\n' + GOOD + 'log-format = "xml"\nsmtp { hops-max = 0 }\n'
    status, faults, output = check(idle, text)
    assert status == EX_CONFIG
    end = len(text.splitlines())
    assert set(faults) == {1, 2, end - 1, end}, output


@pytest.mark.parametrize("text", [
    'hostname = "unfinished\n', "smtp {\n", "}\n", "smtp { { } }\n", "=\n", "\0\n", "\xff\xfe\n",
    'hostname = "a"\n' * 3, "include(\"/etc/passwd\")\n", "workers = 99999999999999999999\n",
    "smtp { smtp { smtp { } } }\n", "#" * 100000 + "\nnonsense = 1\n", "hostname = ${HOME}\n",
], ids=lambda t: repr(t[:20]))
def test_nonsense_is_refused_in_words(idle, text):
    status, _, output = check(idle, text.encode("latin-1"))
    assert status == EX_CONFIG and output.strip(), (status, output)


def test_missing_file(idle):
    done = idle.postern("check", conf=idle.directory / "none.conf")
    assert done.returncode in (66, EX_CONFIG) and "none.conf" in done.err


def test_start_with_a_fault_touches_nothing(idle):
    text = GOOD + "workers = 0\n"
    idle.write("broken.conf", text)
    done = idle.postern("start", "--detach", conf=idle.directory / "broken.conf")
    assert done.returncode == EX_CONFIG
    assert f"broken.conf:{len(text.splitlines())}: " in done.err
    assert not (idle.directory / "spool").exists() and not (idle.directory / "run").exists()


def test_port_taken_is_said(make):
    one = make()
    two = make(start=False, conf={"listen smtp": {"address": f"127.0.0.1:{one.smtp_port}"}})
    done = two.postern("start", "--detach")
    assert done.returncode != 0
    assert f"127.0.0.1:{one.smtp_port}" in done.err and "in use" in done.err
    assert not two.leftovers(5)


def test_example_configurations_are_good(idle):
    """Those that are shipped, read where they lie; certificates and users come later."""
    from instance import TOP
    examples = sorted((TOP / "conf").glob("*.conf"))
    for path in examples:
        done = idle.postern("check", conf=path)
        assert ": " not in done.err or done.returncode != EX_CONFIG, (path, done.err)


def test_an_unusable_trust_anchor_keeps_the_old_configuration(make):
    """`postern check` names the fault, a reload is refused with the same words, and mail goes on."""
    one = make()
    one.make_directory(one.directory / "anchors-empty")
    one.write("anchors-empty/root.key", "")
    for path, remedy in (("anchors-gone/root.key", "its directory does not exist"),
                         ("anchors-empty/root.key", "it is empty"),
                         ("anchors-empty", "it must be a file")):
        one.configure(resolver={"trust-anchor": str(one.directory / path)})
        for command in ("check", "reload"):
            done = one.postern(command)
            assert done.returncode != 0, (command, path)
            assert f"trust-anchor: {one.directory / path}: {remedy}" in done.out + done.err
    resolvers = one.pids("resolver")
    one.send(b"Subject: x\r\n\r\nx\r\n")
    one.wait_queue_empty()
    assert one.pids("resolver") == resolvers


def test_an_anchor_among_other_files_is_refused(make):
    """resolver writes all of the anchor's directory: the instance's own would give it the users' table."""
    one = make()
    for part in ("dns", "dns-shared"):
        one.make_directory(one.directory / part)
    one.write("dns-shared/notes", "x")
    for path, remedy in (("root.key", "where the configuration's directory"),
                         ("tables/root.key", "where the tables' directory"),
                         ("spool/root.key", "where the spool"),
                         ("dns-shared/root.key", 'there is also "notes"')):
        one.configure(resolver={"trust-anchor": str(one.directory / path)})
        for command in ("check", "reload"):
            done = one.postern(command)
            assert done.returncode != 0, (command, path)
            text = done.out + done.err
            assert f"trust-anchor: {one.directory / path}: " in text and remedy in text, text
            assert "make one for it alone" in text
    one.stop()
    done = one.postern("start", "--detach")
    assert done.returncode == EX_CONFIG and 'there is also "notes"' in done.err, done.err
    one.configure(resolver={"trust-anchor": str(one.directory / "dns/root.key")})
    assert one.postern("check").returncode == EX_OK
    one.start()
    assert (one.directory / "dns/root.key").exists()
