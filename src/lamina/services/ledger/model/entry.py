"""A place in the ordered log and what stands there (distribution-and-reliability 6.2)."""

from dataclasses import dataclass
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


class Extent(NamedTuple):
    """Where a log ends, at one moment: the last block's position, what its head says, the last vote's."""

    last_seq: int
    head_seq: int
    last_vote: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A block as a log holds it: nothing of it is believed until it has been judged."""

    seq: int
    previous: str
    block_id: str
    body: bytes
