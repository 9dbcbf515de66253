"""The bundle that the original stores, taken apart and put together again (spec/scheduler.md 12)."""

from dataclasses import dataclass

from lamina.formats.ans104 import bundle
from lamina.formats.ans104.errors import MalformedBundle
from lamina.formats.ans104.item import DataItem, parse

OLD_SHAPE_TAG = "Epoch"
"""An outer item with this tag is the assignment itself, and its bundle holds the message alone."""


@dataclass(frozen=True, slots=True)
class BundleParts:
    """What is kept of a bundle: all of its bytes but those that follow from the others.

    Attributes:
        head: the outer item up to its data; None in the old shape, where `assignment` is that.
        assignment: a whole item; in the old shape an item without its data. None for a spawn without one.
        item: the message or the spawn; None where only an assignment is bundled.
    """

    head: bytes | None
    assignment: bytes | None
    item: bytes | None

    @property
    def is_old_shape(self) -> bool:
        """Whether the assignment is the outer item."""
        return self.head is None

    def outer(self) -> bytes:
        """The bundle, byte for byte."""
        head, nested = self.head, (self.assignment, self.item)
        if head is None:
            head, nested = self.assignment, (None, self.item)
        assert head is not None, "the old shape has an assignment"
        parts = bundle.bundle_parts([parse(each) for each in nested if each is not None])
        return b"".join((head, *parts))


def message_parts(raw: bytes) -> BundleParts:
    """The parts of a message's bundle, of both shapes.

    Raises:
        FormatError: it is none; ids in the bundle's table are compared.
    """
    outer, nested = _open(raw)
    if outer.tag(OLD_SHAPE_TAG) is not None:
        _expect(nested, 1)
        return _whole(raw, BundleParts(None, _head(raw, outer), bytes(nested[0].raw)))
    _expect(nested, 1, 2)
    item = bytes(nested[1].raw) if len(nested) == 2 else None
    return _whole(raw, BundleParts(_head(raw, outer), bytes(nested[0].raw), item))


def spawn_parts(raw: bytes) -> BundleParts:
    """The parts of a spawn's bundle, with an assignment or without.

    Raises:
        FormatError: it is none; ids in the bundle's table are compared.
    """
    outer, nested = _open(raw)
    _expect(nested, 1, 2)
    assignment = bytes(nested[0].raw) if len(nested) == 2 else None
    return _whole(raw, BundleParts(_head(raw, outer), assignment, bytes(nested[-1].raw)))


def _open(raw: bytes) -> tuple[DataItem, list[DataItem]]:
    outer = parse(raw)
    return outer, bundle.items(outer.data)


def _head(raw: bytes, outer: DataItem) -> bytes:
    return raw[: len(raw) - len(outer.data)]


def _expect(nested: list[DataItem], *counts: int) -> None:
    if len(nested) not in counts:
        raise MalformedBundle(f"bundle: {len(nested)} items, {' or '.join(map(str, counts))} are expected")


def _whole(raw: bytes, parts: BundleParts) -> BundleParts:
    """The parts, if they are all of it: a bundle's table may hold bytes that nobody reads."""
    if parts.outer() != raw:
        raise MalformedBundle("bundle: its table holds bytes that mean nothing, so it cannot be made again")
    return parts
