"""What is stored under a key: the nested bundle of a message, the assignment first (spec/scheduler.md 6)."""

from collections.abc import Sequence
from typing import NamedTuple

from lamina.formats.ans104.bundle import bundle_parts, entries
from lamina.formats.ans104.errors import MalformedBundle
from lamina.formats.deep_hash import Octets


class Nested(NamedTuple):
    """A message as it is stored.

    Attributes:
        assignment: the signed item.
        item: the posted bytes; None where only an assignment was made.
    """

    assignment: bytes
    item: bytes | None


class _Part(NamedTuple):
    id_bytes: bytes
    raw: bytes

    @property
    def size(self) -> int:
        return len(self.raw)

    @property
    def parts(self) -> Sequence[Octets]:
        return (self.raw,)


def pack(assignment_id: bytes, message_id: bytes, nested: Nested) -> bytes:
    """The value."""
    bundled = [_Part(assignment_id, nested.assignment)]
    if nested.item is not None:
        bundled.append(_Part(message_id, nested.item))
    return b"".join(bundle_parts(bundled))


def unpack(assignment_id: bytes, value: bytes) -> Nested | None:
    """What a value holds; None when it is damaged, or of another assignment."""
    try:
        found = entries(value)
    except MalformedBundle:
        return None
    if not 1 <= len(found) <= 2 or found[0].id_bytes != assignment_id:
        return None
    return Nested(bytes(found[0].raw), bytes(found[1].raw) if len(found) == 2 else None)
