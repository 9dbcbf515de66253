"""Digests that serve as identifiers."""

import hashlib

from lamina.formats import base64url


def sha3_256_hex(data: bytes) -> str:
    """Hash of `data` as ids are written: FIPS-202 SHA3-256, 64 lower-case hex digits (spec/ledger.md 1.1)."""
    return hashlib.sha3_256(data).hexdigest()


def sha256_base64url(data: bytes) -> str:
    """SHA-256 of `data` as Arweave writes ids and addresses: base64url, 43 characters."""
    return base64url.encode(hashlib.sha256(data).digest())
