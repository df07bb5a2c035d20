# SPDX-License-Identifier: ISC
"""Passwords and names that are not ASCII: one form for all who log in (SASLprep, RFC 4013)."""
import base64
import contextlib
import hashlib
import hmac
import json
import poplib
import smtplib
import stringprep
import subprocess
import unicodedata

import pytest

from instance import Instance, crypt_hash, wait_for

ANN, BOB, BEAR, EVE = "ann@example.test", "bob@example.test", "b\u00e4r@example.test", "eve@example.test"
COMPOSED = "p\u00e4ssw\u00f6rd \u00a9"
FORMS = {"composed": COMPOSED, "decomposed": unicodedata.normalize("NFD", COMPOSED),
         "no-break space": COMPOSED.replace(" ", "\u00a0"), "full width": "p\u00e4ssw\u00f6r\uff44 \u00a9",
         "soft hyphen": "p\u00e4ss\u00adw\u00f6rd \u00a9"}
CLEF = "cl\u00e9 \U0001f511\u2764\ufe0f"


def saslprep(text):
    """By Python's tables, as a query string: neither libidn's code nor its data."""
    tables = stringprep
    mapped = "".join(" " if tables.in_table_c12(c) else c for c in text if not tables.in_table_b1(c))
    form = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    prohibited = (tables.in_table_c12, tables.in_table_c21_c22, tables.in_table_c3, tables.in_table_c4,
                  tables.in_table_c5, tables.in_table_c6, tables.in_table_c7, tables.in_table_c8, tables.in_table_c9)
    right = [tables.in_table_d1(c) for c in form]
    if any(is_in(c) for c in form for is_in in prohibited) or any(right) and (
            any(tables.in_table_d2(c) for c in form) or not right[0] or not right[-1]):
        raise ValueError(form)
    return form


@pytest.fixture(scope="module")
def server():
    """ann's password is set by the command; bob's hash is an old one, of what a client sent in pieces."""
    one = Instance(conf={"networks": ["192.0.2.0/24"], "auth": {
        "failures": 1000, "login-failures": 1000, "cache-size": 0,
        "mechanisms": ["SCRAM-SHA-256", "PLAIN", "LOGIN"]}})
    one.configure(listen_smtp={"address": f"127.0.0.1:{one.smtp_port}", "auth": "offered"})
    with contextlib.closing(one):
        one.set_tables(users=f"{ANN}:*\n{BOB}:{crypt_hash(FORMS['decomposed'])}\n")
        one.postern("user", "passwd", ANN, input=COMPOSED + "\n", check=True)
        one.postern("user", "add", BEAR, input=FORMS["decomposed"] + "\n", check=True)
        one.postern("user", "add", "a=b@example.test", input="x=2C\n", check=True)
        one.postern("user", "add", EVE, "--no-scram", input=CLEF + "\n", check=True)
        one.start()
        yield one


def plain(one, user, password):
    with smtplib.SMTP(*one.smtp_address, timeout=30) as client:
        client.ehlo("client.example")
        return client.docmd("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode())[0]


def scram(one, user, password):
    """What a client does that prepares neither; the code."""
    def mac(key, text):
        return hmac.digest(key, text.encode(), "sha256")

    with smtplib.SMTP(*one.smtp_address, timeout=30) as client:
        client.ehlo("client.example")
        name = f"n={user},r=abcdefghijkl"
        _, challenge = client.docmd("AUTH SCRAM-SHA-256 " + base64.b64encode(f"n,,{name}".encode()).decode())
        first = base64.b64decode(challenge).decode()
        nonce, salt, iterations = (part[2:] for part in first.split(","))
        key = mac(hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations)), "Client Key")
        signature = mac(hashlib.sha256(key).digest(), f"{name},{first},c=biws,r={nonce}")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature))).decode()
        code, _ = client.docmd(base64.b64encode(f"c=biws,r={nonce},p={proof}".encode()).decode())
        return client.docmd("")[0] if code == 334 else code


def run(*command, status=0, **kwargs):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60, **kwargs)
    assert done.returncode == status, (done.args, done.stdout, done.stderr)
    return done.stdout + done.stderr


def test_a_password_in_other_letters_brings_keys(server):
    users = {u["address"]: u for u in json.loads(server.postern("user", "list", "--json", check=True).stdout)}
    assert users[ANN]["scram"] and users[BEAR]["scram"] and not users[BOB]["scram"]


@pytest.mark.parametrize("form", FORMS)
def test_plain_takes_every_form(server, form):
    assert plain(server, ANN, FORMS[form]) == 235


@pytest.mark.parametrize("form", FORMS)
def test_scram_takes_every_form_from_who_prepares_it(server, form):
    assert scram(server, ANN, saslprep(FORMS[form])) == 235


@pytest.mark.parametrize("form", [CLEF, unicodedata.normalize("NFD", CLEF), CLEF.replace(" ", "\u00a0"), CLEF[:-1]])
def test_plain_takes_emoji(server, form):
    """The last is a heart of text: what makes it an emoji counts for nothing."""
    assert plain(server, EVE, form) == 235


def test_other_emoji_are_wrong(server):
    for other in (CLEF.replace("\U0001f511", "\U0001f512"), CLEF.replace("\U0001f511", ""), CLEF + "\U0001f511"):
        assert plain(server, EVE, other) == 535


def test_msmtp_and_mpop_send_emoji(server, tmp_path):
    login = ["--auth=plain", f"--user={EVE}", f"--passwordeval=printf '%s\\n' '{CLEF}'", "--tls=off"]
    run("msmtp", "--host=127.0.0.1", f"--port={server.smtp_port}", *login, f"--from={EVE}", EVE, input="Subject: x\n\nx\n")
    run("mpop", "--host=127.0.0.1", f"--port={server.pop3_port}", *login, "--keep=on",
        f"--delivery=mbox,{tmp_path}/mbox", f"--uidls-file={tmp_path}/uidls")


def test_other_passwords_are_wrong(server):
    assert plain(server, ANN, unicodedata.normalize("NFD", COMPOSED.upper())) == 535
    assert scram(server, ANN, "password \u00a9") == 535


def test_old_hashes_are_right_for_what_they_were_made_of(server):
    assert plain(server, BOB, FORMS["decomposed"]) == 235
    assert plain(server, BOB, COMPOSED) == 535


@pytest.mark.parametrize("mechanism", ["plain", "scram-sha-256"])
@pytest.mark.parametrize("form", ["composed", "decomposed", "no-break space"])
def test_msmtp_and_mpop(server, tmp_path, mechanism, form):
    """GNU SASL prepares passwords itself, for SCRAM."""
    login = [f"--auth={mechanism}", f"--user={ANN}", f"--passwordeval=printf '%s\\n' '{FORMS[form]}'", "--tls=off"]
    run("msmtp", "--host=127.0.0.1", f"--port={server.smtp_port}", *login, f"--from={ANN}", ANN, input="Subject: x\n\nx\n")
    run("mpop", "--host=127.0.0.1", f"--port={server.pop3_port}", *login, "--keep=on",
        f"--delivery=mbox,{tmp_path}/mbox", f"--uidls-file={tmp_path}/uidls")


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_names_in_every_form(server, form):
    """And what comes of it is the user's own name, as the table has it."""
    name = unicodedata.normalize(form, BEAR)
    line = f"protocol=pop3, mechanism=PLAIN, login=<{BEAR}> (login)"
    before = server.log_path.read_text().count(line)
    assert plain(server, name, COMPOSED) == 235
    assert scram(server, name, COMPOSED) == 235
    box = poplib.POP3(*server.pop3_address)
    box.encoding = "utf-8"
    box.user(name)
    box.pass_(COMPOSED)
    box.quit()
    wait_for("the line of the login", 10, lambda: server.log_path.read_text().count(line) == before + 1)


def test_what_stands_for_other_characters_in_scrams_names(server):
    assert scram(server, "a=3Db@example.test", "x=2C") == 235
    assert scram(server, "a=2Cb@example.test", "x=2C") == 535


REFUSED = {"nothing": (b"", "no password was given"), "Latin-1": (COMPOSED.encode("latin-1"), "is not UTF-8"),
           "a control character": (b"a\tb", "control character"), "private use": ("\U0001f511\ue000".encode(), "does not allow; nothing"),
           "both directions": ("a\u05d0".encode(), "right to left"), "nothing that counts": ("\u00ad".encode(), "do not count")}


@pytest.mark.parametrize("options", [[], ["--no-scram"]], ids=["keys", "no keys"])
@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_password(server, what, options):
    """It is said in words, and nothing is changed."""
    before = (server.directory / "tables" / "users").read_bytes()
    octets, says = REFUSED[what]
    done = server.postern("user", "passwd", ANN, *options, input=octets + b"\n")
    assert done.returncode in (65, 66) and says in done.stderr.decode(), done
    assert b"a\tb" not in done.stderr and (server.directory / "tables" / "users").read_bytes() == before


def test_emoji_bring_no_keys(server):
    """The command says what to do; with --no-scram it is done (EVE's)."""
    before = (server.directory / "tables" / "users").read_bytes()
    done = server.postern("user", "passwd", ANN, input=CLEF + "\n")
    assert done.returncode == 65 and "newer than Unicode 3.2 (an emoji, say)" in done.err
    assert "older signs, or --no-scram; nothing was changed" in done.err
    assert (server.directory / "tables" / "users").read_bytes() == before
    user, = json.loads(server.postern("user", "list", EVE, "--json", check=True).out)
    assert not user["scram"]
