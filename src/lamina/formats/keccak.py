"""Keccak-256, the hash of Ethereum, which hashlib has only with some versions of OpenSSL (ADR 0011)."""

from Crypto.Hash import keccak


def keccak_256(data: bytes) -> bytes:
    """The 32-byte hash of `data`: Keccak before FIPS-202 changed its padding, so not SHA3-256."""
    return keccak.new(digest_bits=256, data=data).digest()
