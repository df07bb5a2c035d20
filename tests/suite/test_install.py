# SPDX-License-Identifier: ISC
"""What a packager meets: configure that says what is missing, and make install with DESTDIR."""
import configparser
import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

from instance import TOP

BUILD = TOP / "build"
# What each folder contributes, below the prefix.
PROGRAMS = {"control", "smtpd", "queue", "directory", "deliver-local", "pop3d", "pop3d-session"}
MANUALS = {"man1/sendmail.1", "man1/mailq.1", "man1/newaliases.1", "man5/postern.conf.5",
           "man5/postern-tables.5", "man8/postern.8"}


@pytest.mark.skipif(not (TOP / "configure").exists(), reason="no configure: ./bootstrap makes it")
def test_configure_names_every_missing_package(tmp_path):
    done = subprocess.run([TOP / "configure", "-q"], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "PKG_CONFIG_LIBDIR": str(tmp_path)})
    assert done.returncode != 0
    wanted = re.findall(r"(?m)^POSTERN_PKG\(\[\w+\], \[[^]]+\], \[([\w.-]+)\]\)", (TOP / "configure.ac").read_text())
    assert len(wanted) >= 10
    said = done.stderr.split("apt-get install", 1)[1].split("\n")[0].split()
    assert set(wanted) <= set(said), done.stderr


def test_bootstrap_installs_what_configure_asks_for():
    text = (TOP / "bootstrap").read_text()
    listed = {line.split()[0] for line in re.search(r"(?s)build_packages='(.*?)'", text).group(1).splitlines() if line}
    wanted = set(re.findall(r"(?<![\w-])lib[\w.-]+-dev", (TOP / "configure.ac").read_text())) | {"check"}
    assert wanted <= listed


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """{path below DESTDIR's prefix: file}"""
    if not (BUILD / "Makefile").exists():
        pytest.skip("no build directory: ./bootstrap makes it")
    if os.geteuid() != 0 and not os.access(BUILD / "Makefile", os.W_OK):
        pytest.skip(f"{BUILD} is somebody else's")
    where = tmp_path_factory.mktemp("destdir")
    done = subprocess.run(["make", "-s", "-C", BUILD, "install", f"DESTDIR={where}", "prefix=/usr",
                           "sysconfdir=/etc", "localstatedir=/var"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert [p.name for p in where.iterdir()] == ["usr"], "make install writes below the prefix only"
    return where / "usr"


def test_everything_is_installed_below_destdir(installed):
    assert {p.name for p in (installed / "libexec" / "postern").iterdir()} >= PROGRAMS
    assert {p.name for p in (installed / "sbin").iterdir()} == {"postern", "sendmail", "mailq", "newaliases"}
    for name in MANUALS:
        assert (installed / "share" / "man" / name).stat().st_size > 0
    assert list(installed.rglob("examples/postern.conf"))
    for name in ("mailq", "newaliases"):
        assert os.readlink(installed / "sbin" / name) == "sendmail"


def test_nothing_has_a_set_id_bit(installed):
    for path in installed.rglob("*"):
        assert not path.lstat().st_mode & (stat.S_ISUID | stat.S_ISGID), path


def test_units_name_what_is_installed(installed):
    unit = installed / "lib" / "systemd" / "system" / "postern.service"
    text = unit.read_text()
    assert "@" not in re.sub(r"(?m)^(#|SystemCallFilter=).*$", "", text)
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str
    parsed.read_string(text)
    program = pathlib.Path(parsed["Service"]["ExecStart"].split()[0])
    assert program.name == "postern" and parsed["Service"]["Type"] == "notify"
    users = (installed / "lib" / "sysusers.d" / "postern.conf").read_text()
    wiring = (TOP / "common" / "wiring.def").read_text()
    for user in set(re.findall(r'PROGRAM\(\w+, +"[\w-]+", +"([\w-]+)"', wiring)) - {"root"}:
        assert re.search(rf"(?m)^u +{user} ", users), user
    tmpfiles = (installed / "lib" / "tmpfiles.d" / "postern.conf").read_text()
    assert "/spool/postern" in tmpfiles and not re.search(r"@\w+@", tmpfiles)
    if shutil.which("systemd-analyze") and program.exists():
        done = subprocess.run(["systemd-analyze", "--man=no", "verify", unit], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
