"""Every signature is really verified, but each only once per process."""

from collections.abc import Iterator
from contextlib import contextmanager

import nacl.bindings
from nacl.exceptions import BadSignatureError

from lamina.formats import signatures

CACHED = 500_000


class VerifiedSignatures:
    """Results of the real check by (key, signature and message)."""

    def __init__(self) -> None:
        self._good: dict[tuple[bytes, bytes], bool] = {}

    def open(self, signed: bytes, public_key: bytes) -> bytes:
        """In place of libsodium's `crypto_sign_open`, with the same answers."""
        key = (public_key, signed)
        good = self._good.get(key)
        if good is None:
            if len(self._good) >= CACHED:
                self._good.clear()
            try:
                nacl.bindings.crypto_sign_open(signed, public_key)
                good = True
            except BadSignatureError:
                good = False
            self._good[key] = good
        if not good:
            raise BadSignatureError("the signature is not right")
        return signed[signatures.SIGNATURE_BYTES :]


@contextmanager
def remembered() -> Iterator[None]:
    """Within, a signature that was verified once is known."""
    original = signatures.crypto_sign_open
    signatures.crypto_sign_open = VerifiedSignatures().open
    try:
        yield
    finally:
        signatures.crypto_sign_open = original
