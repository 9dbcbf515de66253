"""A block and the rows derived from it, as they are read back for verification, and what is wrong there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class IndexRow(NamedTuple):
    """Where one transaction lies inside its block; ids as hex."""

    position: int
    tx_id: str
    operation: int
    asset_id: str
    byte_offset: int
    byte_length: int
    status: int


class ClaimRow(NamedTuple):
    """Who spends which output."""

    input_tx_id: str
    input_index: int
    spender_tx_id: str
    status: int


class OwnerRow(NamedTuple):
    """Which output names a key; the key as hex of its 32 bytes."""

    public_key: str
    position: int
    output_index: int
    tx_id: str


class VoteRow(NamedTuple):
    """A vote's columns beside its signed bytes."""

    block_id: str
    voter: str
    previous_block: str
    is_valid: bool
    body: bytes


class DecisionRow(NamedTuple):
    """How a block's election ended, and where its row says the block is."""

    seq: int
    status: int


@dataclass(frozen=True, slots=True)
class StoredBlock:
    """One row of the log with everything that was derived from it, save owners and words.

    `is_doubted` marks a block of a federation that this node voted down: nothing is derived from it but its
    place in the index.
    """

    seq: int
    previous: str
    block_id: str
    body: bytes
    index: Sequence[IndexRow]
    claims: Sequence[ClaimRow]
    votes: Sequence[VoteRow]
    decision: DecisionRow | None
    is_doubted: bool = False


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something the ledger holds that cannot be, or lacks.

    Attributes:
        kind: a stable word for programs.
        seq: the block's position in the log; None where no block can be named.
        subject: the id of the block, transaction or table concerned.
        text: one sentence for people.
    """

    kind: str
    seq: int | None
    subject: str
    text: str
