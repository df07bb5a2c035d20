# SPDX-License-Identifier: ISC
"""The dialogs of tests/dialogs, which the protocol cores pass in memory, against the real programs."""
import pytest

import wire
from dialog import Dialog
from instance import TOP, Instance

DIALOGS = TOP / "tests" / "dialogs"
USERS = ("ann", "bob", "cy", "admin", "o'hara", '"john doe"', "müller")
SMTP_OPTIONS = {"message-max": "size-max", **{name: name for name in (
    "recipients-max", "bad-commands-max", "commands-per-minute", "messages-per-session",
    "header-max", "hops-max")}}
LEAST = {"size-max": 64 << 10, "header-max": 1 << 10}  # as in common/conf-options.def
KNOWN = {"own-network", "bare-newline-refuse", *SMTP_OPTIONS}


def paths(kind):
    return sorted((DIALOGS / kind).glob("*.txt"))


def identity(path):
    return path.stem


def smtp_conf(settings):
    """Configuration for a dialog's settings; skips what only the core in memory can play."""
    unknown = set(settings) - KNOWN
    if unknown:
        pytest.skip(f"for the core in memory: {', '.join(sorted(unknown))}")
    smtp = {SMTP_OPTIONS[k]: int(v) for k, v in settings.items() if k in SMTP_OPTIONS}
    if any(smtp.get(name, least) < least for name, least in LEAST.items()):
        pytest.skip("for the core in memory: no configuration may say so little")
    if smtp.get("size-max", 1 << 30) < 256 << 10:
        smtp.setdefault("header-max", smtp["size-max"])
    if settings.get("bare-newline-refuse") == "no":
        smtp["bare-newline"] = "repair"
    conf = {"hostname": "mx.example.org", "postmaster": "admin@example.org", "smtp": smtp or None}
    if settings.get("own-network") != "yes":
        conf["networks"] = ["192.0.2.0/24"]
    return conf


class ExampleOrg(Instance):
    """The world of the dialogs' README."""

    domain = "example.org"

    def write_tables(self, users):
        super().write_tables(users)
        self.write("tables/domains", "example.org\ncatchall.example\n")
        self.write("tables/aliases", "team@example.org: ann@example.org, bob@example.org\n"
                   "postmaster@example.org: admin@example.org\n@catchall.example: ann@example.org\n")
        self.postern("table", "build", check=True)


@pytest.fixture(scope="module")
def servers():
    """Running instances by configuration: dialogs with the same settings share one."""
    running = {}

    def get(conf):
        key = repr(sorted(conf.items(), key=str))
        if key not in running:
            running[key] = ExampleOrg(conf=conf, users=USERS).start()
        return running[key]

    yield get
    for one in running.values():
        one.close()


@pytest.mark.parametrize("pieces", [0, 1], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("path", paths("smtp"), ids=identity)
def test_smtp(servers, path, pieces):
    dialog = Dialog(path)
    one = servers(smtp_conf(dialog.settings))
    with wire.Smtp(one.smtp_address, greeting=False) as smtp:
        dialog.run(smtp, pieces)


def test_there_are_dialogs():
    assert paths("smtp") and paths("pop3")
