"""ECDSA over secp256k1 as Ethereum uses it, by libsecp256k1 (ADR 0011).

Signatures are r and s, 32 bytes each, with s in the lower half of its range: the other s, which anybody can
compute, would make a second signature. Stateless; callers decide where the work runs.
"""

import ctypes
import sys
from typing import Protocol, cast

import wallycore

from lamina.formats.errors import FormatError

SECRET_BYTES = 32
PUBLIC_KEY_BYTES = 65
SIGNATURE_BYTES = 64
DIGEST_BYTES = 32
RECOVERY_IDS = range(4)


class _Libwally(Protocol):
    """What is used of libwally, whose bindings have no types. Each raises ValueError for what it refuses."""

    EC_FLAG_ECDSA: int
    EC_FLAG_RECOVERABLE: int

    def ec_sig_verify(self, public_key: bytes, digest: bytes, flags: int, signature: bytes, /) -> None: ...
    def ec_sig_to_public_key(self, digest: bytes, signature: bytes, /) -> bytes: ...
    def ec_sig_from_bytes(self, secret: bytes, digest: bytes, flags: int, /) -> bytes: ...
    def ec_public_key_from_private_key(self, secret: bytes, /) -> bytes: ...
    def ec_public_key_decompress(self, public_key: bytes, /) -> bytes: ...


_LIBWALLY = cast("_Libwally", wallycore)


def _keep_for_ever() -> None:
    """Keep the interpreter from taking libwally's bindings apart at its end: they can crash it there.

    What they free last makes an object of a type that may be gone by then, and a command that did all its
    work would end with signal 11. One reference more than anybody gives back, and it is never freed.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("swig_runtime_data") and hasattr(module, "type_pointer_capsule"):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(module.type_pointer_capsule))


_keep_for_ever()
_UNCOMPRESSED = 0x04
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
# First byte of libwally's recoverable signatures: this, the recovery id, and 4 for a compressed key.
_RECOVERABLE_HEADER = 27


def verify(public_key: bytes, digest: bytes, signature: bytes) -> bool:
    """Whether `signature` of `digest` is by `public_key`; never raises.

    Args:
        public_key: 65 bytes: 4, then both coordinates of a point of the curve.
        digest: the hash that was signed, 32 bytes.
        signature: r and s, 64 bytes, low s.
    """
    if len(public_key) != PUBLIC_KEY_BYTES or public_key[0] != _UNCOMPRESSED or len(digest) != DIGEST_BYTES:
        return False
    compressed = bytes((2 + (public_key[-1] & 1),)) + public_key[1:33]
    try:
        _LIBWALLY.ec_sig_verify(compressed, digest, _LIBWALLY.EC_FLAG_ECDSA, signature)
    except ValueError:
        return False
    return _uncompressed(compressed) == public_key


def recover(digest: bytes, signature: bytes, recovery_id: int) -> bytes | None:
    """The 65-byte public key that made a signature; None when no key did.

    Args:
        digest: the hash that was signed, 32 bytes.
        signature: r and s, 64 bytes, low s.
        recovery_id: which of the up to four keys that fit; one of `RECOVERY_IDS`.
    """
    if recovery_id not in RECOVERY_IDS or len(signature) != SIGNATURE_BYTES:
        return None
    if int.from_bytes(signature[32:], "big") > _HALF_ORDER:
        return None
    try:
        header = bytes((_RECOVERABLE_HEADER + recovery_id,))
        return _uncompressed(_LIBWALLY.ec_sig_to_public_key(digest, header + signature))
    except ValueError:
        return None


def sign(secret: bytes, digest: bytes) -> tuple[bytes, int]:
    """Signature of `digest` (RFC 6979, low s) and its recovery id.

    Raises:
        FormatError: the secret is not a key, or the digest has another length than 32 bytes.
    """
    flags = _LIBWALLY.EC_FLAG_ECDSA | _LIBWALLY.EC_FLAG_RECOVERABLE
    try:
        recoverable = _LIBWALLY.ec_sig_from_bytes(secret, digest, flags)
    except ValueError:
        raise FormatError(
            f"secp256k1: a key of {SECRET_BYTES} bytes below the order signs {DIGEST_BYTES} bytes"
        ) from None
    return recoverable[1:], (recoverable[0] - _RECOVERABLE_HEADER) & 3


def public_key(secret: bytes) -> bytes:
    """The 65-byte public key of a 32-byte secret.

    Raises:
        FormatError: the secret is not a key: another length, zero, or not below the order of the curve.
    """
    try:
        return _uncompressed(_LIBWALLY.ec_public_key_from_private_key(secret))
    except ValueError:
        raise FormatError(f"secp256k1: a key has {SECRET_BYTES} bytes and is below the order") from None


def _uncompressed(compressed: bytes) -> bytes:
    """The 65-byte form of a 33-byte public key.

    Raises:
        ValueError: it is no point of the curve.
    """
    return _LIBWALLY.ec_public_key_decompress(compressed)
