# SPDX-License-Identifier: ISC
"""An authority of a test's own, that certifies names; made with openssl."""
import hashlib
import pathlib
import subprocess

EC, RSA = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256"), ("rsa:2048",)


class Authority:
    """`certificate` is its own, to be believed; everything lies in `directory`, which must exist."""

    def __init__(self, directory, name="An authority for tests"):
        self.directory = pathlib.Path(directory)
        self.certificate = self.directory / "authority.pem"
        self.key = self.directory / "authority.key"
        self.request(self.certificate, self.key, name, "-addext", "keyUsage=keyCertSign,digitalSignature",
                     "-days", "365")

    def request(self, certificate, key, name, *options, kind=EC):
        self.openssl("req", "-x509", "-newkey", *kind, "-noenc", "-keyout", key, "-out", certificate, "-days", "30",
                     "-subj", f"/CN={name}", *options)

    def certify(self, stem, *names, kind=EC, options=()):
        """A certificate for these DNS names; see Certificate. Later options of openssl go before ours."""
        one = Certificate(self.directory, stem)
        self.request(one.certificate, one.key, names[0], "-CA", self.certificate, "-CAkey", self.key,
                     *certificate_options(names), *options, kind=kind)
        return one.finish(self.certificate)

    def self_signed(self, stem, *names):
        one = Certificate(self.directory, stem)
        self.request(one.certificate, one.key, names[0], *certificate_options(names))
        return one.finish()

    @staticmethod
    def openssl(*arguments, **kw):
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False, **kw)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def digest(self):
        """SHA-256 of the authority's whole certificate: the data of a TLSA record 2 0 1."""
        return certificate_digest(self.certificate)


def certificate_options(names):
    return ["-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names),
            "-addext", "basicConstraints=critical,CA:FALSE"]


def certificate_digest(path):
    return hashlib.sha256(Authority.openssl("x509", "-in", path, "-outform", "DER")).hexdigest()


class Certificate:
    """`certificate`, `chain` (with the authority's, to be sent along) and `key`; `bundle` has the key
    first and then the chain, as Postfix wants them."""

    def __init__(self, directory, stem):
        self.certificate = directory / f"{stem}.pem"
        self.chain = directory / f"{stem}.chain"
        self.key = directory / f"{stem}.key"
        self.bundle = directory / f"{stem}.bundle"

    def finish(self, *others):
        chain = "".join(path.read_text() for path in (self.certificate, *others))
        self.chain.write_text(chain)
        self.bundle.write_text(self.key.read_text() + chain)
        return self

    def digest(self):
        """SHA-256 of the whole certificate: a fingerprint."""
        return certificate_digest(self.certificate)

    def key_digest(self):
        """SHA-256 of its public key: the data of a TLSA record 3 1 1."""
        key = Authority.openssl("x509", "-in", self.certificate, "-noout", "-pubkey")
        der = Authority.openssl("pkey", "-pubin", "-outform", "DER", input=key)
        return hashlib.sha256(der).hexdigest()
