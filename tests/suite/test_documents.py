# SPDX-License-Identifier: ISC
"""What is written for people agrees with what the programs read."""
import re

from instance import TOP

HEADINGS = {"top": "THE SUITE", "listen": "LISTENERS", "certificate": "CERTIFICATES", "smtp": "SMTP", "submission": "SUBMISSION",
            "pop3": "POP3", "auth": "LOGINS", "queue": "THE QUEUE", "remote": "OTHER SERVERS", "resolver": "THE RESOLVER", "system": "SYSTEM USERS",
            "relay": "RELAYS", "lmtp": "LMTP SOCKETS", "destination": "DESTINATIONS"}


def options():
    text = (TOP / "common" / "conf-options.def").read_text()
    return re.findall(r'(?m)^OPTION\((\w+), "([\w-]+)", (\w+), [\w.]+, (?:"([^"]*)"|\w+),', text)


def manual():
    """{heading: {option: description}} of postern.conf(5)."""
    text = (TOP / "doc" / "man" / "postern.conf.5").read_text()
    sections = {}
    for part in re.split(r"(?m)^\.Sh ", text)[1:]:
        heading, _, body = part.partition("\n")
        items = re.split(r"(?m)^\.It Ic ", body)[1:]
        sections[heading] = dict(item.split("\n", 1) for item in items)
    return sections


def test_the_manual_has_every_option_and_no_other():
    for section, heading in HEADINGS.items():
        known = {name for s, name, _, _ in options() if s == section}
        assert set(manual()[heading]) == known


def test_the_manual_has_the_right_defaults():
    for section, name, kind, default in options():
        if not default or kind == "LIST" or name in ("tables", "spool", "run", "state"):
            continue
        text = manual()[HEADINGS[section]][name]
        said = re.search(r"(?s)Default:\s+(?:\.Li\s+)?(.+?)\s*(?:\.\n|[,;]| \.|$)", text)
        assert said and said.group(1).replace(r"\(dq", "") == default, (name, default, text)


def test_the_architecture_speaks_of_what_exists():
    """Files, tests, options and limits that it names."""
    text = (TOP / "doc" / "architecture.md").read_text()
    sources = {p.name: p.read_text() for d in ("tests/unit", "tests/suite") for p in (TOP / d).glob("*.[cp]*")}
    everything = "\n".join(sources.values())
    names = set(re.findall(r"`((?:\w[\w-]*/)+[\w.-]+)`", text))
    missing = {n for n in names - {"common/msg-EDGE.def"} if "." in n and n.split("/")[0] in ("common", "queue", "tests", "doc", "smtpd")
               and not (TOP / n).exists()}
    tests = set(re.findall(r"`(?:tests/unit/)?(test_\w+?)(?:\.(?:c|py))?`", text))
    missing |= {n for n in tests if f"{n}.c" not in sources and f"{n}.py" not in sources}
    rows = re.findall(r"(?m)^\| (?:P\d.*|memory.*|rec.*|an idle.*|what one.*)$", text)
    functions = {w for row in rows for w in re.findall(r"\b[a-z]+(?:_[a-z]+){2,}\b", row)}
    missing |= {f for f in functions - tests if f not in everything and f not in names}
    capabilities = set(re.findall(r"CAP\((\w+)\)", (TOP / "common" / "jails.def").read_text()))
    limits = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", text)) - {"O_EXCL", "SCHED_BATCH"} - capabilities
    headers = "\n".join(p.read_text() for d in ("common", "queue", "tests/escape") for p in (TOP / d).glob("*.h"))
    missing |= {n for n in limits if n not in headers}
    assert not missing
    assert len(names) > 10 and len(tests) > 10 and len(functions) > 10 and limits


def manual_of(name):
    text = (TOP / "doc" / "man" / name).read_text()
    return re.sub(r"\\-", "-", text), re.sub(r" ?\bNs\b ?", " ", text)


def test_the_manual_has_every_command(make):
    """Those that `postern help` names, with what follows them."""
    helped = make(start=False).postern("help").out
    lines = [line for line in helped.splitlines() if re.match(r"  \w", line)]
    # Two blanks end what follows a name; what is long has a line of its own.
    commands = [(line.split()[0], [re.split(r" {2,}|$", line[10:])[0]]) for line in lines]
    assert len(commands) >= 9
    _, text = manual_of("postern.8")
    items = "\n".join(line for line in text.splitlines() if line.startswith(".It Cm"))
    for name, words in commands:
        if name == "help":
            continue
        assert re.search(rf"(?m)^\.It Cm {name}\b", items), name
        for word in re.findall(r"(?<!-)\b[a-z]+\b", " ".join(words)):
            assert re.search(rf"(?m)^\.It Cm {name}\b.*\b{word}\b", items), (name, word)


def test_the_manual_has_every_option_of_sendmail():
    source = (TOP / "control" / "sendmail-options.c").read_text()
    letters = set(re.findall(r"(?m)^    \{'(\w)', \w+, take_\w+\},$", source))
    letters -= {"o", "O", "b", "B"}  # -oi and the modes are listed as such; 8-bit needs no telling
    modes = set(re.findall(r"(?m)^    \{'(\w)', SENDMAIL_\w+, NULL\},$", source))
    assert len(letters) > 10 and len(modes) == 4
    text, _ = manual_of("sendmail.1")
    flags = set(re.findall(r"\bFl (\w+)", "\n".join(re.findall(r"(?m)^\.It .*$", text))))
    assert letters | {"oi"} | {"b" + m for m in modes} <= flags


# What a client hears at the bound; the others only change what the server does by itself.
REPLIES = {
    **{f"submission {name}": "450 4.7.1" for name in (
        "recipients-per-hour", "recipients-per-day", "address-recipients-per-hour", "network-recipients-per-hour")},
    "smtp size-max": "552 5.3.4", "smtp recipients-max": "452 4.5.3", "smtp connections-max": "421 4.7.0, to an idle one",
    "smtp connections-per-address": "421 4.7.0", "smtp commands-per-minute": "421 4.7.0",
    "smtp bad-commands-max": "421 4.7.0", "smtp messages-per-session": "421 4.7.0", "smtp header-max": "552 5.3.4",
    "smtp hops-max": "554 5.4.6", "smtp command-timeout": "421 4.4.2", "smtp data-timeout": "421 4.4.2",
    "smtp session-timeout": "421 4.4.2", "smtp data-rate-min": "421 4.4.2",
    "smtp login-failures-max": "421 4.7.0", "auth failures": "454 4.7.0", "auth login-failures": "454 4.7.0",
    "pop3 connections-max": "-ERR [SYS/TEMP]", "pop3 connections-per-address": "-ERR [SYS/TEMP]",
    "pop3 sessions-max": "-ERR [SYS/TEMP]", "queue spool-max": "452 4.3.1", "queue space-min": "452 4.3.1",
}
UNITS = {"OCTETS": (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)),
         "SIZE": (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)),
         "SECONDS": (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)), "COUNT": (), "RATE": ()}
NAMES = {"KIB": 1 << 10, "MIB": 1 << 20, "GIB": 1 << 30, "MINUTE": 60, "HOUR": 3600, "DAY": 86400}
NO_NUMBERS = {"TEXT", "PATH", "WORD", "FLAG", "POLICY", "NAMES", "LIST", "OTHER"}


def in_words(number, kind):
    for unit, factor in UNITS[kind]:
        if number and number % factor == 0:
            return f"{number // factor} {unit}"
    return f"{number}/h" if kind == "RATE" else str(number)


def numbers():
    """(name, least, most) of every option that is a number, as postern.conf(5) writes them."""
    limits = (TOP / "common" / "limits.h").read_text()
    names = {**NAMES, "RECIPIENTS_MAX": int(re.search(r"\bRECIPIENTS_MAX = (\d+)", limits).group(1))}
    text = (TOP / "common" / "conf-options.def").read_text()
    rows = re.findall(r'(?m)^OPTION\((\w+), "([\w-]+)", (\w+), [\w.]+, (?:"[^"]*"|\w+), ([^,]+), ([^,]+),', text)
    assert len(rows) == len(re.findall(r"(?m)^OPTION\(", text))
    for section, name, kind, least, most in rows:
        if kind in NO_NUMBERS:
            assert (least, most) == ("0", "0"), (section, name)
            continue
        values = [eval(v, {"__builtins__": {}}, names) for v in (least, most)]
        section = {"top": "", "system": "system-users "}.get(section, section + " ")
        yield section + name, *(in_words(v, kind) for v in values)


def test_the_manual_has_the_bounds_and_what_is_said_at_them():
    text = (TOP / "doc" / "man" / "postern.conf.5").read_text()
    table = re.search(r"(?s)^\.Sh BOUNDS\n.*?^\.Bl .*?\n(.*?)^\.El", text, re.MULTILINE).group(1)
    split = [re.split(r" Ta ?", row) for row in re.findall(r"(?m)^\.It (.*)$", table)]
    rows = {name: tuple(row) for name, *row in split}
    assert rows.pop("option") == ("least", "most", "what a client hears")
    wanted = {name: (least, most, REPLIES.get(name, "")) for name, least, most in numbers()}
    assert {name: (*row, "")[:3] for name, row in rows.items()} == wanted
    statuses = (TOP / "smtpd" / "status.def").read_text()
    for reply in REPLIES.values():
        code = re.match(r"(\d{3}) ([\d.]+)", reply)
        assert code is None or re.search(rf'{code.group(1)}, "{code.group(2)}"', statuses), reply


def jails():
    """{program, or "a child of PROGRAM": (user, capabilities, network, disk)}, as wiring.def and jails.def have them."""
    users = dict(re.findall(r'(?m)^PROGRAM\((\w+), +"[\w-]+", +"([\w-]+)"', (TOP / "common" / "wiring.def").read_text()))
    text = re.sub(r"(?s)/\*.*?\*/", "", (TOP / "common" / "jails.def").read_text())
    rows = {kind: re.findall(rf"(?m)^{kind}\((\w+),\s*(.*(?:\n .*)?)\)$", text) for kind in ("JAIL", "CHILD", "ROOT")}
    roots = {name: ", ".join(sorted(re.findall(r"CAP\((\w+)\)", masks))) for name, masks in rows["ROOT"]}
    assert len(rows["JAIL"]) == len(users) and len(rows["CHILD"]) > 3 and len(roots) > 2
    places = {"NOWHERE": "none", "AUTH": "its state; reads the tables", "SPOOL": "the spool", "MAILBOXES": "the mailboxes",
              "ANCHOR": "the trust anchor's directory, if there is one", "MACHINE": "reads what look-ups need",
              "HOMES": "everything", "ANYWHERE": "everything"}
    found = {}
    for name, row in rows["JAIL"]:
        calls, place, sockets = (part.strip() for part in row.split(","))
        user = users[name] if users[name] == "root" else f"`{users[name]}`"
        found[name] = (user, roots.get(name, "none"), network(calls, sockets), places[place])
    for name, row in rows["CHILD"]:
        calls, sockets = (part.strip() for part in row.split(","))
        anybody = "ANY" in calls.split(" | ")
        user = "root, or anybody" if anybody else "the user" if name in roots else found[name][0]
        found[f"a child of {name}"] = (user, roots[name] if anybody else "none", network(calls, sockets),
                                       found[name][3] if anybody else "one mailbox")
    return found


def network(calls, sockets):
    calls, sockets = calls.split(" | "), sockets.split(" | ")
    if "ANY" in calls:
        return "makes anything"
    made = {"TCP", "UDP", "UNIX"} if "LOOKUPS" in calls else {
        kind for kind, call in (("TCP", "CONNECT"), ("UDP", "DATAGRAMS")) if call in calls}
    assert made <= set(sockets)
    parts = [(word, [k.replace("UNIX", "Unix") for k in ("TCP", "UDP", "UNIX") if k in some]) for word, some in (
        ("makes", made), ("given", set(sockets) - made),
        ("listeners for", {k.removesuffix("_LISTEN") for k in sockets if k.endswith("_LISTEN")}))]
    return "; ".join(f"{word} {', '.join(some)}" for word, some in parts if some) or "none"


def test_the_architecture_has_the_jails():
    text = (TOP / "doc" / "architecture.md").read_text()
    table = re.search(r"(?s)## Rooms\n(.*?)\n## ", text).group(1)
    said = {}
    for row in re.findall(r"(?m)^\| (.*) \|$", table):
        cells = [cell.strip() for cell in row.split("|")]
        name = re.match(r"(a child of )?`([a-z0-9-]+)`", cells[1]) if len(cells) == 7 else None
        if name and cells[0] != "`control/`":
            said[(name.group(1) or "") + name.group(2).replace("-", "_")] = tuple(cells[2:6])
    assert said == jails()
