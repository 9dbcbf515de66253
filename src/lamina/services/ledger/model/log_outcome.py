"""What the ordered log answers."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Appended:
    """The block stands at this position."""

    seq: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """Nothing was appended: these wait no longer, or they or what they spend are in a live block."""

    tx_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class TooLate:
    """Nothing was appended: the log has grown past the position the block's voters are right for."""


@dataclass(frozen=True, slots=True)
class PublishedVote:
    """A vote as somebody published it; nothing of it is believed."""

    position: int
    block_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class OpenElection:
    """A copied block without a decision: its place, the votes known, and what this node thinks of it."""

    seq: int
    is_doubted: bool
    votes: Sequence[bytes]
