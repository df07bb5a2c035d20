# SPDX-License-Identifier: ISC
"""What is written for people agrees with what the programs read."""
import re

from instance import TOP

HEADINGS = {"top": "THE SUITE", "listen": "LISTENERS", "smtp": "SMTP", "pop3": "POP3",
            "queue": "THE QUEUE", "remote": "OTHER SERVERS", "resolver": "THE RESOLVER",
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
        if not default or kind == "LIST" or name in ("tables", "spool", "run"):
            continue
        text = manual()[HEADINGS[section]][name]
        said = re.search(r"(?s)Default:\s+(?:\.Li\s+)?(.+?)\s*(?:\.\n|[,;]| \.|$)", text)
        assert said and said.group(1).replace(r"\(dq", "") == default, (name, default, text)
