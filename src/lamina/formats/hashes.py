"""Digests that serve as identifiers."""

import hashlib


def sha3_256_hex(data: bytes) -> str:
    """Hash of `data` as ids are written: FIPS-202 SHA3-256, 64 lower-case hex digits (spec/ledger.md 1.1)."""
    return hashlib.sha3_256(data).hexdigest()
