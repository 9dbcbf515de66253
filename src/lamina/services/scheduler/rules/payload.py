"""Which signatures a stranger can spell anew, so that the id alone does not tell a message (spec 3, 5.2)."""

from lamina.formats.ans104.item import DataItem
from lamina.formats.ans104.signature_type import SignatureType

_RESPELT = frozenset({SignatureType.ETHEREUM, SignatureType.MULTI_APTOS, SignatureType.TYPED_ETHEREUM})
"""Ethereum's recovery byte may be 0 or 27 and need not even be right, since the original libraries do not
look at it; of several ed25519 signatures those beyond the threshold, and the bytes between them, may be left
out."""


def respellable(item: DataItem) -> bytes | None:
    """What was signed, 48 bytes, where its signature has several spellings; None where it has one.

    The id is the hash of the signature, so another spelling is another id. Each of these schemes signs the
    same bytes with the same signature in practice, so whoever says the same twice says the same message.
    """
    return item.message() if item.signature_type in _RESPELT else None
