"""New data items: what is to be said, and the bytes once it is signed."""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

from lamina.formats import avro_tags, base64url
from lamina.formats.ans104.item import ANCHOR_BYTES, TARGET_BYTES
from lamina.formats.ans104.message import signing_message
from lamina.formats.ans104.signers import Owner, Signer
from lamina.formats.avro_tags import Tag
from lamina.formats.deep_hash import BlobHash, Octets
from lamina.formats.errors import FormatError


class Draft(NamedTuple):
    """An item that nobody signed yet. The data are parts in order, so that a bundle need not be joined."""

    tags: Sequence[Tag] = ()
    target: bytes = b""
    anchor: bytes = b""
    data: Sequence[Octets] = ()


class SignedItem(NamedTuple):
    """A signed item: the bytes before its data, then its data in the parts they came in."""

    id_bytes: bytes
    parts: tuple[Octets, ...]

    @property
    def id(self) -> str:
        """The id as text, 43 characters."""
        return base64url.encode(self.id_bytes)

    @property
    def size(self) -> int:
        """Bytes of the item."""
        return sum(map(len, self.parts))

    def to_bytes(self) -> bytes:
        """The item in one piece."""
        return b"".join(self.parts)


class Unsigned(NamedTuple):
    """An item that lacks its signature only, so that another process can make that.

    Attributes:
        message: the 48 bytes to sign.
        kind: what stands before the signature.
        header: what stands between the signature and the data.
        data: as the draft has them.
    """

    message: bytes
    kind: bytes
    header: bytes
    data: Sequence[Octets]

    def signed(self, signature: bytes) -> SignedItem:
        """The item with its signature."""
        header = b"".join((self.kind, signature, self.header))
        return SignedItem(sha256(signature).digest(), (header, *self.data))


def prepare(draft: Draft, signer: Owner) -> Unsigned:
    """What is signed of a draft, and what surrounds its signature.

    Raises:
        FormatError: target or anchor are neither empty nor 32 bytes, or a tag is not Unicode text.
    """
    target = _optional_field(draft.target, TARGET_BYTES, "target")
    anchor = _optional_field(draft.anchor, ANCHOR_BYTES, "anchor")
    tag_bytes = avro_tags.encode(draft.tags)
    fields = (signer.owner, draft.target, draft.anchor, tag_bytes)
    message = signing_message(signer.signature_type, fields, BlobHash(*draft.data).digest())
    header = b"".join(
        (
            signer.owner,
            target,
            anchor,
            len(draft.tags).to_bytes(8, "little"),
            len(tag_bytes).to_bytes(8, "little"),
            tag_bytes,
        )
    )
    return Unsigned(message, signer.signature_type.to_bytes(2, "little"), header, draft.data)


def sign(draft: Draft, signer: Signer) -> SignedItem:
    """Sign a draft; takes as long as the signer does.

    Raises:
        FormatError: as `prepare`.
    """
    unsigned = prepare(draft, signer)
    return unsigned.signed(signer.sign(unsigned.message))


def _optional_field(field: bytes, size: int, name: str) -> bytes:
    """A field with the byte before it that says whether it is there."""
    if not field:
        return b"\0"
    if len(field) != size:
        raise FormatError(f"a data item's {name} has {size} bytes or none, not {len(field)}")
    return b"\1" + field
