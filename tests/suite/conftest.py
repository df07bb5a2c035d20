# SPDX-License-Identifier: ISC
"""Fixtures of the whole-suite tests: they start what is installed under POSTERN_PREFIX."""
import os
import pwd
import resource
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import instance as instance_module  # noqa: E402
from instance import Instance  # noqa: E402
from machine import SYSTEM  # noqa: E402

LOG_LINES_SHOWN, LOG_WIDTH_SHOWN = 60, 300


def pytest_configure(config):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if not (instance_module.PREFIX / "sbin" / "postern").exists():
        raise pytest.UsageError(
            f"no Postern is installed in {instance_module.PREFIX}: run ./bootstrap, or set POSTERN_PREFIX")


# These wait for minutes: what begins last decides when all are done.
LONG = ("test_nothing_is_lost_or_doubled_while_programs_are_killed",
        "test_nothing_is_lost_on_its_way_to_others_while_programs_are_killed",
        "test_hydra", "test_hydra_under_tls", "test_guessing_is_refused_everywhere_and_after_a_restart")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """For pytest-xdist with --dist loadgroup: the tests of a module that share something stay together,
    every other test goes to whichever process is free."""
    for item in items:
        if any(defs[-1].scope == "module" for defs in item._fixtureinfo.name2fixturedefs.values()):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: item.originalname not in LONG)


def pytest_sessionstart(session):
    """As root, the users that the programs have of their own, where the machine has none: once for all, since
    nobody likes /etc/passwd to change below him."""
    session.users_made = []
    if os.geteuid() != 0 or hasattr(session.config, "workerinput"):
        return
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in SYSTEM:
        if name not in known:
            subprocess.run(["useradd", "--system", "--no-create-home", "--user-group", "--shell",
                            "/usr/sbin/nologin", "--home-dir", "/nonexistent", name], check=True)
            session.users_made.append(name)


def pytest_sessionfinish(session):
    for name in session.users_made:
        subprocess.run(["userdel", name], check=True)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of the log of every instance that is there."""
    report = (yield).get_result()
    if report.failed:
        for one in Instance.live:
            lines = one.log().splitlines()[-LOG_LINES_SHOWN:]
            tail = "\n".join(line[:LOG_WIDTH_SHOWN] for line in lines)
            report.sections.append((f"log of {one.directory}", tail))


@pytest.fixture(scope="session", autouse=True)
def reachable_directories(tmp_path_factory):
    """pytest keeps its directories for its caller; here those whom programs run as have to get there, too."""
    base = tmp_path_factory.getbasetemp()
    for directory in (base, *base.parents):
        if directory.stat().st_uid != os.geteuid() or directory.stat().st_mode & 0o055 == 0o055:
            break
        directory.chmod(directory.stat().st_mode | 0o055)


@pytest.fixture(scope="module")
def instance():
    """A running instance that the tests of a module share; users ann and bob."""
    one = Instance()
    try:
        yield one.start()
    finally:
        one.close()


@pytest.fixture
def make():
    """Instances of a test's own: make(conf=..., start=False, ...)."""
    made = []

    def make_one(start=True, **kw):
        made.append(Instance(**kw))
        return made[-1].start() if start else made[-1]

    yield make_one
    failures = []
    for one in made:
        try:
            one.close()
        except AssertionError as e:
            failures.append(str(e))
    assert not failures, failures


@pytest.fixture
def mailbox(instance):
    """The shared instance with empty mailboxes."""
    for address in instance.passwords:
        if instance.files(address):
            instance.fetch(address)
    return instance


def tool(name, package):
    """A client program that a test needs; skipped with a reason where it is missing."""
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is missing: apt-get install {package}")
    return path
