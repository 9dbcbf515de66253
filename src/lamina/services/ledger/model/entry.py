"""A place in the ordered log and what stands there (distribution-and-reliability 6.2)."""

from dataclasses import dataclass
from typing import NamedTuple


class Head(NamedTuple):
    """The end of a log: its last position and the block there ("" when empty)."""

    seq: int
    tip: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A block as a log holds it: nothing of it is believed until it has been judged."""

    seq: int
    previous: str
    block_id: str
    body: bytes
