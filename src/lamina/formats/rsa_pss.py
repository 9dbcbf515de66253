"""RSA-4096 with PSS and SHA-256, as Arweave signs; beside `signatures`, which is ed25519.

Stateless and without threads: callers decide where the work runs (OpenSSL releases the interpreter lock).
Signing costs milliseconds, checking about a hundred microseconds.
"""

from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPublicKey,
    RSAPublicNumbers,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256

MODULUS_BYTES = 512
SIGNATURE_BYTES = 512
EXPONENT = 65537
SALT_BYTES = 478
"""The most that fits, which is what the original and the libraries for Node write."""

_HASH = SHA256()
_SIGN = PSS(MGF1(_HASH), SALT_BYTES)
# Browsers write 32 bytes of salt, and none is legal too (spec/scheduler.md 5.2).
_VERIFY = PSS(MGF1(_HASH), PSS.AUTO)
_CACHED_KEYS = 1024


def verify(modulus: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` of `message` is by the key of `modulus`, with any length of salt; never raises.

    Args:
        modulus: exactly 4096 bits rounded up to bytes, big-endian: 512 bytes, the first not zero.
        message: what was signed; hashed here.
        signature: 512 bytes.
    """
    if len(modulus) != MODULUS_BYTES or not modulus[0] or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        _public_key(modulus).verify(signature, message, _VERIFY, _HASH)
    except (InvalidSignature, ValueError):
        return False
    return True


def sign(key: RSAPrivateKey, message: bytes) -> bytes:
    """The 512-byte signature over `message`; two of the same message differ, since the salt is random."""
    return key.sign(message, _SIGN, _HASH)


def generate() -> RSAPrivateKey:
    """A new random key; takes from half a second to several seconds."""
    return generate_private_key(EXPONENT, MODULUS_BYTES * 8)


def modulus(key: RSAPrivateKey) -> bytes:
    """The public half of a key: 512 bytes, big-endian."""
    return key.private_numbers().public_numbers.n.to_bytes(MODULUS_BYTES, "big")


@lru_cache(maxsize=_CACHED_KEYS)
def _public_key(modulus: bytes) -> RSAPublicKey:
    """A key ready to check with; remembered, since the same senders come again.

    Raises:
        ValueError: the number cannot be a modulus.
    """
    return RSAPublicNumbers(EXPONENT, int.from_bytes(modulus, "big")).public_key()
