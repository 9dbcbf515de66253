"""A data item as it was read: its fields, and the very bytes it came in (spec/scheduler.md 4)."""

from hashlib import sha256

import msgspec

from lamina.formats import avro_tags, base64url
from lamina.formats.ans104.errors import ItemPart, MalformedItem
from lamina.formats.ans104.message import signing_message
from lamina.formats.ans104.signature_type import SignatureType
from lamina.formats.avro_tags import DEFAULT_LIMITS, MalformedTags, Tag, TagLimits
from lamina.formats.deep_hash import Octets, blob_hash
from lamina.formats.hashes import sha256_base64url

TARGET_BYTES = 32
ANCHOR_BYTES = 32
ITEM_BYTES_MIN = 2 + 64 + 32 + 1 + 1 + 16
"""An ed25519 item with nothing in it."""

_TYPE_BYTES = 2
_TAG_HEADER_BYTES = 16
_ABSENT, _PRESENT = 0, 1


class DataItem(msgspec.Struct, frozen=True, gc=False):
    """An item whose form is right; whether its signature is, `verification.verify` says.

    `target` and `anchor` have 32 bytes, or none where the item has none. `data` and `raw` are views of the
    bytes that were read, not copies.
    """

    signature_type: SignatureType
    signature: bytes
    owner: bytes
    target: bytes
    anchor: bytes
    tags: tuple[Tag, ...]
    tag_bytes: bytes
    data: memoryview
    raw: memoryview

    @property
    def id_bytes(self) -> bytes:
        """The id, 32 bytes: SHA-256 of the signature."""
        return sha256(self.signature).digest()

    @property
    def id(self) -> str:
        """The id as text, 43 characters."""
        return base64url.encode(self.id_bytes)

    @property
    def owner_address(self) -> str:
        """The owner's address, 43 characters."""
        return owner_address(self.owner)

    @property
    def parts(self) -> tuple[memoryview, ...]:
        """The bytes of the item, as a bundle takes them."""
        return (self.raw,)

    @property
    def size(self) -> int:
        """Bytes of the item."""
        return len(self.raw)

    def tag(self, name: str) -> str | None:
        """Value of the first tag of this name; None when there is none."""
        return next((tag.value for tag in self.tags if tag.name == name), None)

    def message(self) -> bytes:
        """The 48 bytes that its owner signed; costs a hash of the whole item each time."""
        fields = (self.owner, self.target, self.anchor, self.tag_bytes)
        return signing_message(self.signature_type, fields, blob_hash(self.data))


def owner_address(owner: bytes) -> str:
    """Address of an owner of any signature type: SHA-256 of its key as base64url, 43 characters."""
    return sha256_base64url(owner)


def parse(data: Octets, limits: TagLimits = DEFAULT_LIMITS) -> DataItem:
    """The item that `data` is, to its last byte. Signatures are not checked yet.

    Args:
        data: bytes that stay as they are while the item is used.
        limits: bounds of its tags.

    Raises:
        MalformedItem: not the form of a data item, an unknown signature type, or tags beyond `limits`.
    """
    raw = memoryview(data)
    signature_type = _signature_type(raw)
    owner_start = _TYPE_BYTES + signature_type.signature_bytes
    owner_end = owner_start + signature_type.owner_bytes
    if len(raw) < owner_end:
        raise MalformedItem(ItemPart.SIGNATURE_AND_OWNER, f"needs {owner_end} bytes, {len(raw)} are there")
    target, position = _optional_field(raw, owner_end, TARGET_BYTES, ItemPart.TARGET)
    anchor, position = _optional_field(raw, position, ANCHOR_BYTES, ItemPart.ANCHOR)
    tag_count, tag_bytes, position = _tag_bytes(raw, position)
    return DataItem(
        signature_type,
        bytes(raw[_TYPE_BYTES:owner_start]),
        bytes(raw[owner_start:owner_end]),
        target,
        anchor,
        _tags(tag_bytes, tag_count, limits),
        tag_bytes,
        raw[position:],
        raw,
    )


def _signature_type(raw: memoryview) -> SignatureType:
    """The type in the first two bytes."""
    if len(raw) < _TYPE_BYTES:
        raise MalformedItem(ItemPart.SIGNATURE_TYPE, f"needs {_TYPE_BYTES} bytes, {len(raw)} are there")
    number = int.from_bytes(raw[:_TYPE_BYTES], "little")
    signature_type = _TYPES.get(number)
    if signature_type is None:
        raise MalformedItem(
            ItemPart.SIGNATURE_TYPE, f"{number} is none of the known types, 1 to {len(_TYPES)}"
        )
    return signature_type


def _optional_field(raw: memoryview, position: int, size: int, part: ItemPart) -> tuple[bytes, int]:
    """A field of `size` bytes or none, as the byte before it says; and where the next field starts."""
    start = position + 1
    presence = raw[position] if position < len(raw) else None
    if presence == _ABSENT:
        return b"", start
    if presence != _PRESENT:
        raise MalformedItem(part, f"neither present nor absent at byte {position}")
    if len(raw) < start + size:
        raise MalformedItem(part, f"needs {size} bytes from byte {start}, {len(raw) - start} are there")
    return bytes(raw[start : start + size]), start + size


def _tag_bytes(raw: memoryview, position: int) -> tuple[int, bytes, int]:
    """How many tags there should be, their bytes, and where the data starts."""
    start = position + _TAG_HEADER_BYTES
    if len(raw) < start:
        raise MalformedItem(ItemPart.TAG_BYTES, f"their sizes are cut off at byte {len(raw)}")
    count = int.from_bytes(raw[position : position + 8], "little")
    size = int.from_bytes(raw[position + 8 : start], "little")
    if size > len(raw) - start:
        raise MalformedItem(
            ItemPart.TAG_BYTES, f"{size} bytes from byte {start}, {len(raw) - start} are there"
        )
    return count, bytes(raw[start : start + size]), start + size


def _tags(tag_bytes: bytes, count: int, limits: TagLimits) -> tuple[Tag, ...]:
    """The tags in their bytes, as many as the item says."""
    try:
        tags = avro_tags.decode(tag_bytes, limits)
    except MalformedTags as failure:
        raise MalformedItem(ItemPart.TAGS, str(failure)) from None
    if len(tags) != count:
        raise MalformedItem(ItemPart.TAGS, f"{count} are announced, {len(tags)} are there")
    return tags


_TYPES = {int(signature_type): signature_type for signature_type in SignatureType}
