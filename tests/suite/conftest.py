# SPDX-License-Identifier: ISC
"""Fixtures of the whole-suite tests: they start what is installed under POSTERN_PREFIX."""
import os
import resource
import shutil
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import instance as instance_module  # noqa: E402
from instance import Instance  # noqa: E402

LOG_LINES_SHOWN, LOG_WIDTH_SHOWN = 60, 300


def pytest_configure(config):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if not (instance_module.PREFIX / "sbin" / "postern").exists():
        raise pytest.UsageError(
            f"no Postern is installed in {instance_module.PREFIX}: run ./bootstrap, or set POSTERN_PREFIX")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of the log of every instance that is there."""
    report = (yield).get_result()
    if report.failed:
        for one in Instance.live:
            lines = one.log().splitlines()[-LOG_LINES_SHOWN:]
            tail = "\n".join(line[:LOG_WIDTH_SHOWN] for line in lines)
            report.sections.append((f"log of {one.directory}", tail))


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
