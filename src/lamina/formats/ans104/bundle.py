"""Bundles, "binary" 2.0.0: a table of sizes and ids, then the items one after another (spec/scheduler.md 6).

One level is read at a time: an item of a bundle may be a bundle again, and whoever goes into it counts.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from lamina.formats.ans104.errors import MalformedBundle, MalformedItem
from lamina.formats.ans104.item import ITEM_BYTES_MIN, DataItem, parse
from lamina.formats.avro_tags import DEFAULT_LIMITS, Tag, TagLimits
from lamina.formats.deep_hash import Octets

BUNDLE_TAGS = (Tag("Bundle-Format", "binary"), Tag("Bundle-Version", "2.0.0"))
"""Tags of the item whose data are a bundle."""

_NUMBER_BYTES = 32
# Compat: the rest of these 32 bytes has never been read.
_NUMBER_BYTES_READ = 8
_ID_BYTES = 32
_ENTRY_BYTES = _NUMBER_BYTES + _ID_BYTES


class Bundled(Protocol):
    """An item that can go into a bundle: one that was read, or one that was just signed."""

    @property
    def id_bytes(self) -> bytes:
        """The id, 32 bytes."""
        ...

    @property
    def size(self) -> int:
        """Bytes of the item."""
        ...

    @property
    def parts(self) -> Sequence[Octets]:
        """Its bytes, in order."""
        ...


class Entry(NamedTuple):
    """A place in a bundle: the id that its table gives, and a view of the bytes that should be that item."""

    id_bytes: bytes
    raw: memoryview


def is_bundle(item: DataItem) -> bool:
    """Whether an item says that its data are a bundle."""
    return all(item.tag(tag.name) == tag.value for tag in BUNDLE_TAGS)


def entries(data: Octets) -> list[Entry]:
    """The table of a bundle with the bytes of each item, which are not looked at.

    Raises:
        MalformedBundle: the table is cut off, an item is smaller than any can be, or the items are not
            exactly the rest of the bytes.
    """
    raw = memoryview(data)
    if len(raw) < _NUMBER_BYTES:
        raise MalformedBundle(f"bundle: the count needs {_NUMBER_BYTES} bytes, {len(raw)} are there")
    count = _number(raw, 0)
    if count > (len(raw) - _NUMBER_BYTES) // (_ENTRY_BYTES + ITEM_BYTES_MIN):
        raise MalformedBundle(f"bundle: {count} items do not fit {len(raw)} bytes")
    found: list[Entry] = []
    start = _NUMBER_BYTES + count * _ENTRY_BYTES
    for position in range(_NUMBER_BYTES, start, _ENTRY_BYTES):
        size = _number(raw, position)
        if not ITEM_BYTES_MIN <= size <= len(raw) - start:
            raise MalformedBundle(f"bundle: item {len(found)} of {size} bytes does not fit at byte {start}")
        id_bytes = bytes(raw[position + _NUMBER_BYTES : position + _ENTRY_BYTES])
        found.append(Entry(id_bytes, raw[start : start + size]))
        start += size
    if start != len(raw):
        raise MalformedBundle(f"bundle: bytes follow the last item at byte {start}")
    return found


def items(data: Octets, limits: TagLimits = DEFAULT_LIMITS) -> list[DataItem]:
    """The items of a bundle, their ids compared with the table. Signatures are not checked yet.

    Args:
        data: bytes that stay as they are while the items are used.
        limits: bounds of the tags of each.

    Raises:
        MalformedBundle: as `entries`, an item that is none, or one with another id.
    """
    found: list[DataItem] = []
    for index, entry in enumerate(entries(data)):
        try:
            item = parse(entry.raw, limits)
        except MalformedItem as failure:
            raise MalformedBundle(f"bundle, item {index}: {failure}") from failure
        if item.id_bytes != entry.id_bytes:
            raise MalformedBundle(f"bundle: item {index} has another id than its table says")
        found.append(item)
    return found


def bundle_parts(bundled: Sequence[Bundled]) -> list[Octets]:
    """A bundle of these items as parts in order: the table, then the bytes of each, uncopied."""
    table = [_number_bytes(len(bundled))]
    parts: list[Octets] = []
    for item in bundled:
        table += (_number_bytes(item.size), item.id_bytes)
        parts += item.parts
    return [b"".join(table), *parts]


def _number(raw: memoryview, position: int) -> int:
    return int.from_bytes(raw[position : position + _NUMBER_BYTES_READ], "little")


def _number_bytes(number: int) -> bytes:
    return number.to_bytes(_NUMBER_BYTES, "little")
