"""Votes are counted and an election ends, once, in the transaction that stores the deciding vote (R5, G6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from lamina.formats.canonical_json import ENCODE_DEPTH_MAX, parse
from lamina.formats.errors import FormatError
from lamina.services.ledger.consensus.ledger_copy import CopyTransaction
from lamina.services.ledger.errors import LedgerConflict
from lamina.services.ledger.model.membership import Membership
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.rules import election


@dataclass(frozen=True, slots=True)
class Decided:
    """An election that has ended."""

    block_id: str
    seq: int
    status: Status


async def decide(cx: CopyTransaction, block_id: str, membership: Membership) -> Decided | None:
    """Hold a block's election and record how it ends; unknown and decided blocks are left alone.

    The electorate is the membership at the block's position, whatever voters the block names (G3).

    Args:
        cx: a transaction on this node's copy.
        block_id: the block.
        membership: who may vote.

    Returns:
        How the election ended, if it ended now.

    Raises:
        LedgerConflict: a majority finds right what this node's rules forbid.
    """
    await cx.lock_elections()
    found = await cx.find_election(block_id)
    if found is None:
        return None
    members = membership.at(found.seq)
    result = election.hold(block_id, members, members, read_documents(found.votes))
    if result.status is Status.UNDECIDED:
        return None
    if result.status is Status.VALID and found.is_doubted:
        raise LedgerConflict(
            f"A majority voted for block {block_id}, which breaks a rule of the ledger.", seq=found.seq
        )
    await cx.decide(block_id, found.seq, result.status)
    return Decided(block_id, found.seq, result.status)


def read_documents(bodies: Sequence[bytes]) -> list[Mapping[str, Any]]:
    """Stored votes as documents; what cannot be read is nobody's vote."""
    return [read_document(body) for body in bodies]


def read_document(body: bytes) -> Mapping[str, Any]:
    """One vote as a document, empty where it is none."""
    try:
        document: object = parse(body, depth_max=ENCODE_DEPTH_MAX)
    except FormatError:
        return {}
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}
