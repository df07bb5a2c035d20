# SPDX-License-Identifier: ISC
"""Mail through a provider, with the lines that the manual tells one to write: its name, TLS that is
verified, a login. In a network of its own, where the provider has its real ports: Postfix, whose
passwords Dovecot checks, and Exim, which knows AUTH LOGIN only."""

import json

import pytest

import authority
import dns
import keeper
import peers
import receivers
from instance import Instance, wait_for

NAME_SERVER = "127.0.0.53"
ADDRESSES = {"postfix": "192.0.2.1", "exim": "192.0.2.2"}
USER, PASSWORD = "joe@provider.example", "correct horse"
LETTER = ("From: ann@example.test\r\nTo: bob@far.example\r\nDate: Sat, 28 Nov 2026 12:00:00 +0000\r\n"
          "Message-ID: <{mark}@example.test>\r\nSubject: x\r\n\r\nhello\r\n")
ZONE = "".join(f"{name} A {address}\n" for name, address in ADDRESSES.items())

DOVECOT_AUTH = """\
base_dir = {d}/run
state_dir = {d}/run
log_path = {d}/log
protocols =
ssl = no
auth_mechanisms = plain login
disable_plaintext_auth = no
auth_failure_delay = 0
default_internal_user = nobody
default_login_user = nobody
default_internal_group = nogroup
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = {d}/passwords
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/
}}
service anvil {{
  chroot =
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {d}/auth {{
    mode = 0666
  }}
}}
"""


class Passwords(receivers.Receiver):
    """Dovecot as the one who checks passwords for Postfix, at `socket`."""

    def __init__(self):
        if receivers.DOVECOT is None:
            pytest.skip("Dovecot is not installed")
        super().__init__()
        self.socket = self.directory / "auth"
        (self.directory / "run").mkdir()
        (self.directory / "passwords").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        conf = self.directory / "dovecot.conf"
        conf.write_text(DOVECOT_AUTH.format(d=self.directory))
        self.spawn(receivers.DOVECOT, "-F", "-c", conf)
        wait_for("Dovecot's socket", 20, self.socket.exists)


EXIM_OPTIONS = """\
tls_certificate = /etc/exim4/exim.chain
tls_privatekey = /etc/exim4/exim.key
tls_on_connect_ports = 465
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
"""
EXIM_ACL = "  deny !authenticated = *\n       message = log in first\n"
EXIM_LOGIN = """\
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${if and{{eq{$auth1}{%s}}{eq{$auth2}{%s}}}}
  server_set_id = $auth1
""" % (USER, PASSWORD)


class Providers(keeper.Keeper):
    """Both, and the certificates and names that they have."""

    def start(self, directory):
        self.authority = authority.Authority(directory)
        self.world = self.kept(dns.World((NAME_SERVER,), zones={
            "signed.example": (True, "@ MX 10 nobody\n"), "provider.example": (False, ZONE)}))
        passwords = self.kept(Passwords())
        certificate = self.authority.certify("postfix", "postfix.provider.example")
        common = {"smtpd_sasl_auth_enable": "yes", "smtpd_tls_auth_only": "yes",
                  "smtpd_relay_restrictions": "permit_sasl_authenticated,reject"}
        address = ADDRESSES["postfix"]
        self.postfix = self.kept(peers.Postfix(["far.example"], {
            f"{address}:587": {**common, "smtpd_tls_security_level": "encrypt"},
            f"{address}:465": {**common, "smtpd_tls_wrappermode": "yes"},
        }, smtpd_sasl_type="dovecot", smtpd_sasl_path=passwords.socket, smtpd_tls_chain_files=certificate.bundle,
            smtpd_client_restrictions="permit_sasl_authenticated,reject", smtpd_delay_reject="yes"))
        certificate = self.authority.certify("exim", "exim.provider.example")
        self.exim = self.kept(peers.Exim(
            ["far.example"], ports=[587, 465], interfaces=ADDRESSES["exim"], options=EXIM_OPTIONS,
            acl=EXIM_ACL, authenticators=EXIM_LOGIN, files=(certificate.chain, certificate.key)))


@pytest.fixture(scope="module")
def providers(tmp_path_factory):
    """This thread is in the network until the module's tests are done."""
    peers.need_root()
    with dns.network_of_its_own(*ADDRESSES.values()):
        one = Providers(tmp_path_factory.mktemp("authority"))
        try:
            yield one
        finally:
            one.close()


@pytest.fixture
def customer(providers):
    """customer("host:port", password): an instance with the manual's lines."""
    made = []

    def make_one(host, password=PASSWORD):
        one = Instance(tables={"logins": f"smarthost {USER} {password}\n"})
        made.append(one)
        one.write("authorities.pem", providers.authority.certificate.read_text())
        one.configure(**{
            "relay provider": {"host": host, "login": "smarthost"},
            "remote": {"authorities": one.directory / "authorities.pem", "families": "ipv4"},
            "resolver": {"forwarders": [NAME_SERVER], "validate": "no"}})
        return one.start()

    yield make_one
    for one in made:
        one.close()


def send(one, mark):
    one.send(LETTER.format(mark=mark).encode(), ["bob@far.example"], "ann@example.test")


def stored(server, mark):
    return server.received(f"<{mark}@".encode()).get("bob", [])


@pytest.mark.parametrize("port", [587, 465])
@pytest.mark.parametrize("provider", list(ADDRESSES))
def test_mail_goes_through_a_provider(providers, customer, provider, port):
    server = getattr(providers, provider)
    mark = f"{provider}-{port}"
    one = customer(f"{provider}.provider.example:{port}")
    send(one, mark)
    wait_for("the provider has it", 30, lambda: stored(server, mark))
    assert stored(server, mark) == [LETTER.format(mark=mark).encode()]
    said = f"sasl_username={USER}" if provider == "postfix" else f"A=login:{USER}"
    wait_for("the login in the provider's log", 10, lambda: said in server.log())
    one.wait_queue_empty(20)


@pytest.mark.parametrize("provider", list(ADDRESSES))
def test_a_wrong_password_waits_and_does_not_hammer(providers, customer, provider):
    server = getattr(providers, provider)
    refusal = "authentication failed" if provider == "postfix" else "authenticator failed"
    before = server.log().count(refusal)
    one = customer(f"{provider}.provider.example:587", "wrong")
    for n in range(20):
        send(one, f"wrong-{provider}-{n}")
    wait_for("the reason in the log", 30, lambda: "status=deferred" in one.log())
    line = next(x for x in one.log().splitlines() if "status=deferred" in x)
    assert f"{provider}.provider.example" in line and "said: 535" in line, line
    # Nineteen more wait behind it: the destination is dead after a few tries, whatever waits.
    wait_for("nobody tries any more", 30, lambda: relay_state(one) == ("dead", 0))
    logs = 1 if provider == "postfix" else 2  # Exim's main log and its log of what it refuses
    tries = wait_for("what the provider says of it", 10, lambda: (server.log().count(refusal) - before) // logs)
    assert 1 <= tries <= 10, tries
    assert one.queue_length() == 20
    # With the right one all of them go.
    loaded = one.log().count("]: tables: ")
    one.set_tables(logins=f"smarthost {USER} {PASSWORD}\n")
    wait_for("the new tables are in use", 10, lambda: one.log().count("]: tables: ") > loaded)
    one.postern("queue", "flush", check=True)
    wait_for("all have come", 60, lambda: all(
        stored(server, f"wrong-{provider}-{n}") for n in range(20)))


def relay_state(one):
    """The state of the only destination, and its deliveries under way."""
    stats = json.loads(one.postern("queue", "stats", "--json", check=True).out)
    row, = stats["destinations"]
    return row["state"], row["in_flight"]


def test_a_name_that_the_certificate_does_not_have(providers, customer):
    """Not even with the right password, which is then never sent."""
    one = customer(f"{ADDRESSES['postfix']}:587")
    send(one, "by-address")
    wait_for("it waits", 30, lambda: "status=deferred" in one.log())
    line = next(x for x in one.log().splitlines() if "status=deferred" in x)
    assert "certificate" in line, line
    assert stored(providers.postfix, "by-address") == []
