"""Transactions on their way into a block, as the shared backlog of a federation holds them."""

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.services.ledger.model.transaction import Outpoint, Transaction


@dataclass(frozen=True, slots=True)
class Submission:
    """An accepted transaction, the node that shall put it into a block, and what that node must have seen.

    `needs_seq` is the log position of the newest block that the accepting node found an input in; a node
    whose copy ends before it cannot say yet that the input does not exist.
    """

    transaction: Transaction
    assignee: str
    needs_seq: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A waiting transaction, not yet looked at: canonical bytes that another node sent."""

    tx_id: str
    body: bytes
    needs_seq: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a waiting transaction ends without having become valid: error class and sentence."""

    tx_id: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Release:
    """What becomes of an invalid block's transactions: each with the node it shall wait for next."""

    block_id: str
    transactions: Sequence[tuple[Transaction, str]]


@dataclass(frozen=True, slots=True)
class Stale:
    """A waiting transaction whose node has not taken it for too long."""

    tx_id: str
    assignee: str


@dataclass(frozen=True, slots=True)
class Rivals:
    """What waits in the backlog that a posted transaction must know of: sources, and spenders by output."""

    waiting: frozenset[str]
    spenders: dict[Outpoint, set[str]]
