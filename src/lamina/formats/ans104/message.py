"""The 48 bytes that the signer of a data item signs (spec/scheduler.md 5.1)."""

from functools import lru_cache, reduce

from lamina.formats.ans104.signature_type import SignatureType
from lamina.formats.deep_hash import Octets, blob_hash, extend, list_head

_MEMBERS = 8
_CACHED_OWNERS = 1024


def signing_message(
    signature_type: SignatureType, fields: tuple[Octets, Octets, Octets, Octets], data_hash: bytes
) -> bytes:
    """Deep hash of what a signature covers.

    Args:
        signature_type: how the item is signed.
        fields: owner, target, anchor and the bytes of the tags; empty where the item has none.
        data_hash: deep hash of the data.
    """
    owner, *others = fields
    head = reduce(extend, map(blob_hash, others), _owned(signature_type, bytes(owner)))
    return extend(head, data_hash)


@lru_cache(maxsize=_CACHED_OWNERS)
def _owned(signature_type: SignatureType, owner: bytes) -> bytes:
    """Hash of the members up to the owner; remembered, since the same owners come again."""
    return extend(_HEADS[signature_type], blob_hash(owner))


def _head(signature_type: SignatureType) -> bytes:
    """Hash of the first three members, which the type alone decides."""
    members = (b"dataitem", b"1", str(signature_type.value).encode())
    return reduce(extend, map(blob_hash, members), list_head(_MEMBERS))


_HEADS = {signature_type: _head(signature_type) for signature_type in SignatureType}
