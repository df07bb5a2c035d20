# SPDX-License-Identifier: ISC
"""An instance with TLS on every kind of port, as a public server has it, and a client's view of it."""
import functools
import ssl

import wire
from authority import RSA, Authority
from instance import Instance, free_port

NAME = "mx.example.test"
# What a public authority's certificates have, too: whom they are for, and where their revocation is told.
LIKE_PUBLIC = ("-days", "90", "-addext", "keyUsage=critical,digitalSignature", "-addext", "extendedKeyUsage=serverAuth",
               "-addext", "crlDistributionPoints=URI:http://crl.example.test/authority.crl")
IMPLICIT = {"submissions", "pop3s"}


class Secured(Instance):
    """`ports` by the names of the listeners; an ECDSA and an RSA certificate for NAME and localhost by an
    authority that nobody else knows, and another name's; every user has SCRAM keys. Loopback is no network
    of ours."""

    listeners = {"smtp": {}, "submission": {"tls": "required"}, "submissions": {}, "pop3": {"tls": "required"}, "pop3s": {}}

    def __init__(self, users=("ann", "bob"), user=None, **conf):
        super().__init__(conf={"networks": ["192.0.2.0/24"], **conf}, users=users, user=user)
        self.configure(**self.certificates())
        for address, password in self.passwords.items():
            self.postern("user", "passwd", address, input=password + "\n", check=True)
        self.ports = {name: free_port() for name in self.listeners}  # late: nobody else shall get them meanwhile
        self.smtp_port, self.pop3_port = self.ports.get("smtp"), self.ports.get("pop3")
        self.configure(listen_smtp=None, listen_pop3=None)
        self.configure(**{f"listen {name}": {"address": f"127.0.0.1:{self.ports[name]}", **options}
                          for name, options in self.listeners.items()})

    def certificates(self):
        place = self.directory / "tls"
        self.make_directory(place)
        self.authority = Authority(place)
        made = {NAME: self.authority.certify("ec", NAME, "localhost", options=LIKE_PUBLIC),
                f"'{NAME}'": self.authority.certify("rsa", NAME, "localhost", kind=RSA, options=LIKE_PUBLIC),
                "other.example.test": self.authority.certify("other", "other.example.test", options=LIKE_PUBLIC)}
        for path in place.iterdir():
            self.user.own(path)
        return {f"certificate {title}": {"chain": one.chain, "key": one.key} for title, one in made.items()}

    def context(self):
        """A client that believes in the authority, and in names."""
        return ssl.create_default_context(cafile=self.authority.certificate)

    def wrap(self, **options):
        """For `tls` of wire's clients."""
        context = self.context()
        for name, value in options.items():
            setattr(context, name, value)
        return functools.partial(context.wrap_socket, server_hostname=NAME)

    def connect(self, name, tls=None):
        """A client of wire's at this listener, in TLS, its greeting and what leads to TLS behind it."""
        tls = tls or self.wrap()
        kind = wire.Pop3 if name.startswith("pop3") else wire.Smtp
        if name in IMPLICIT:
            return kind(("127.0.0.1", self.ports[name]), tls=tls)
        client = kind(("127.0.0.1", self.ports[name]))
        if name == "pop3":
            client.ok("STLS")
        else:
            client.ehlo()
            assert client.cmd("STARTTLS").code == 220
        client.begin_tls(tls)
        return client
