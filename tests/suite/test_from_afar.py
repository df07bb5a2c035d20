# SPDX-License-Identifier: ISC
"""What clients on other machines are refused that those on this one may have, and whom limits take for one."""
import contextlib
import ipaddress

import pytest

import wire
from afar import CLIENT, CLIENT6, SERVER, SERVER6, hosts_or_skip
from secured import IMPLICIT, Secured
from test_auth import plain

ANN, SECRET = "ann@example.test", "secret-ann"
# Without TLS where the client does not want it.
LISTENERS = {"smtp": {"auth": "offered"}, "submission": {}, "submissions": {}, "pop3": {}, "pop3s": {}}


@pytest.fixture(scope="module")
def hosts():
    with hosts_or_skip() as both:
        yield both


class OnWire(Secured):
    """It listens to its loopback and to the wire."""

    listeners = LISTENERS

    def __init__(self, hosts, **conf):
        self.hosts = hosts
        super().__init__(user=hosts.server.user(), **conf)
        self.configure(**{f"listen {name}": {"address": f"*:{self.ports[name]}", **options}
                          for name, options in self.listeners.items()})

    def at(self, name, source, tls=None):
        """A client of wire's at this listener; source None: on the server's own machine."""
        kind = wire.Pop3 if name.startswith("pop3") else wire.Smtp
        if source is None:
            with self.hosts.server.here():
                return kind(("127.0.0.1", self.ports[name]), tls=tls)
        with self.hosts.client.here():
            to = SERVER6 if ":" in source else SERVER
            return kind((to, self.ports[name]), tls=tls, source=(source, 0))

    def secure(self, name, source):
        """The same, in TLS."""
        if name in IMPLICIT:
            return self.at(name, source, self.wrap())
        client = self.at(name, source)
        if name == "pop3":
            client.ok("STLS")
        else:
            client.ehlo()
            assert client.cmd("STARTTLS").code == 220
        client.begin_tls(self.wrap())
        return client


@pytest.fixture(scope="module")
def server(hosts):
    with contextlib.closing(OnWire(hosts)) as one:
        yield one.start()


AUTH = "AUTH PLAIN " + plain(ANN, SECRET)


def offers_login(client):
    if isinstance(client, wire.Smtp):
        return any(line.startswith("AUTH ") for line in client.ehlo().lines)
    client.ok("CAPA")
    return bool({b"USER", b"SASL"} & {line.split()[0] for line in client.listing().splitlines()})


def takes(client):
    """Whether it takes a password that is right."""
    if isinstance(client, wire.Smtp):
        return client.cmd(AUTH).code == 235
    return client.cmd(AUTH).startswith(b"+OK")


@pytest.mark.parametrize("source", [CLIENT, CLIENT6])
@pytest.mark.parametrize("name", ["smtp", "submission", "pop3"])
def test_no_password_in_clear_from_afar(server, name, source):
    before = server.log().count("login")
    with server.at(name, source) as client:
        assert not offers_login(client)
        if name == "pop3":
            assert client.cmd(f"USER {ANN}").startswith(b"-ERR")
            assert client.cmd(f"PASS {SECRET}").startswith(b"-ERR")
            assert client.cmd(AUTH).startswith(b"-ERR")
        else:
            assert client.cmd(AUTH).code == 538
            assert client.cmd("AUTH LOGIN").code == 538
            assert client.cmd("MAIL FROM:<ann@example.test>").code == (250 if name == "smtp" else 530)
    assert server.log().count("login") == before  # nobody was asked
    with server.secure(name, source) as client:
        assert offers_login(client) and takes(client)
    with server.at(name, None) as client:
        assert offers_login(client) and takes(client)


# --- Who is one -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def limited(hosts):
    with contextlib.closing(OnWire(hosts, auth={"failures": 1, "login-failures": 50},
                                   submission={"network-recipients-per-hour": 2})) as one:
        yield one.start()


def addresses(hosts, network, count):
    """The client's own of a /64 ("2001:db8:2:0")."""
    own = [str(ipaddress.ip_address(f"{network}:{n + 1:x}::1")) for n in range(count)]
    hosts.client.give(*own)
    return own


def test_a_network_sends_no_more_than_one(hosts, limited):
    """Whichever of its addresses, and whoever logs in."""
    def send(source, name):
        with limited.secure("submission", source) as client:
            client.ehlo()
            assert client.cmd("AUTH PLAIN " + plain(f"{name}@example.test", f"secret-{name}")).code == 235
            client.envelope(f"{name}@example.test", ["bob@example.test"])
            return client.data(f"From: {name}@example.test\r\nSubject: x\r\n\r\nx\r\n".encode()).code

    *mine, last = addresses(hosts, "2001:db8:2:0", 3)
    assert [send(source, name) for source, name in zip(mine, ("ann", "bob"))] == [250, 250]
    assert send(last, "ann") == 450
    [neighbour] = addresses(hosts, "2001:db8:2:1", 1)
    assert send(neighbour, "ann") == 250


def test_a_network_guesses_no_more_than_a_few(hosts, limited):
    """Four times as many as one address: from as many addresses, and the next is refused what it has never tried."""
    def log_in(source, password):
        client = limited.secure("submission", source)
        client.ehlo()
        client.send(b"AUTH PLAIN " + plain(ANN, password).encode() + b"\r\n")
        return client

    *guessers, owner = addresses(hosts, "2001:db8:3:0", 5)
    with contextlib.ExitStack() as stack:
        for n, source in enumerate(guessers):
            stack.enter_context(log_in(source, f"wrong-{n}"))
            limited.wait_log(f"client=[IPv6:{source}], protocol=smtp, mechanism=PLAIN, login=<{ANN}> (login failed: wrong password)")
        stack.enter_context(log_in(owner, SECRET))  # the answer takes 15 s
        limited.wait_log(f"client=[IPv6:{owner}], protocol=smtp, mechanism=PLAIN, login=<> (login refused: too many failures)")
        [neighbour] = addresses(hosts, "2001:db8:3:1", 1)
        assert stack.enter_context(log_in(neighbour, SECRET)).reply().code == 235


def test_passwords_in_clear_from_afar_where_it_says_so(hosts):
    with contextlib.closing(OnWire(hosts, smtp={"plaintext-login": True}, pop3={"plaintext-login": True})) as one:
        one.start()
        for name in ("smtp", "submission", "pop3"):
            for source in (CLIENT, CLIENT6):
                with one.at(name, source) as client:
                    assert offers_login(client) and takes(client), (name, source)
