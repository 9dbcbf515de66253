"""A place in the ordered log and what stands there (distribution-and-reliability 6.2)."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Head(NamedTuple):
    """The end of a log: its last position and the block there ("" when empty)."""

    seq: int
    tip: str


class Digest(NamedTuple):
    """What must never change about a place in a log; `sha256` is that of the block's bytes."""

    seq: int
    previous: str
    block_id: str
    sha256: bytes


class Range(NamedTuple):
    """Positions behind one, up to and with another."""

    after_seq: int
    until_seq: int


class Version(NamedTuple):
    """Which writing of its row stands at a position of a log; any other writing has another number."""

    seq: int
    version: int


class Compared(NamedTuple):
    """A copied block: its size, and in which version of the log's row it was found, None for not yet."""

    seq: int
    version: int | None
    bytes: int


class Extent(NamedTuple):
    """Where a log ends, at one moment: the last block's position, what its head says, the last vote's."""

    last_seq: int
    head_seq: int
    last_vote: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A block as a log holds it: nothing of it is believed until it has been judged.

    `version` is that of the row it was read from, where that is known.
    """

    seq: int
    previous: str
    block_id: str
    body: bytes
    version: int | None = field(default=None, compare=False)
