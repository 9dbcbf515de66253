"""Ed25519 by libsodium, the library of the original, so that both accept the same signatures.

Stateless and without threads: callers decide where the work runs (libsodium releases the interpreter lock).
"""

from dataclasses import dataclass, field
from typing import Self

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair, randombytes
from nacl.exceptions import BadSignatureError

from lamina.formats import base58
from lamina.formats.errors import FormatError

PUBLIC_KEY_BYTES = 32
SEED_BYTES = 32
SIGNATURE_BYTES = 64
PUBLIC_KEY_CHARS_MIN = 43
"""Shorter base58, which one key in about 450,000 has, is refused by every schema of the original."""


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) of `message` is by `public_key` (32 bytes); never raises for others."""
    # The binding checks no lengths and would read past a short key.
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        crypto_sign_open(signature + message, public_key)
    except BadSignatureError:
        return False
    return True


def sign(seed: bytes, message: bytes) -> bytes:
    """The 64-byte signature over `message` by the key of a 32-byte seed.

    Raises:
        FormatError: the seed has another length.
    """
    return crypto_sign(message, _secret_key(seed))[:SIGNATURE_BYTES]


def public_key(seed: bytes) -> bytes:
    """The 32-byte public key of a 32-byte seed.

    Raises:
        FormatError: the seed has another length.
    """
    return _secret_key(seed)[SEED_BYTES:]


def new_seed() -> bytes:
    """32 random bytes whose public key has at least `PUBLIC_KEY_CHARS_MIN` characters."""
    while True:
        seed = randombytes(SEED_BYTES)
        if len(base58.encode(public_key(seed))) >= PUBLIC_KEY_CHARS_MIN:
            return seed


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An ed25519 key that can sign; equal by public key, and its text never shows the secret."""

    public: str
    _secret: bytes = field(repr=False, compare=False)

    @classmethod
    def generate(cls) -> Self:
        """A new random key pair."""
        return cls.from_seed(new_seed())

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """The key pair of a 32-byte seed.

        Raises:
            FormatError: the seed has another length.
        """
        secret = _secret_key(seed)
        return cls(base58.encode(secret[SEED_BYTES:]), secret)

    @classmethod
    def from_seed_base58(cls, text: str) -> Self:
        """The key pair of a seed as the originals write private keys: base58 of 32 bytes.

        Raises:
            FormatError: `text` is not that; the message does not repeat it.
        """
        return cls.from_seed(base58.decode(text))

    def sign(self, message: bytes) -> bytes:
        """The 64-byte signature over `message`."""
        return crypto_sign(message, self._secret)[:SIGNATURE_BYTES]


def _secret_key(seed: bytes) -> bytes:
    """What libsodium signs with, 64 bytes: the seed, then its public key."""
    if len(seed) != SEED_BYTES:
        raise FormatError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    return crypto_sign_seed_keypair(seed)[1]
