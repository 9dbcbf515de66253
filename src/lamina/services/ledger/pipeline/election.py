"""A vote is stored and, when it decides, its block's election ends in the same transaction (spec 5.4, 5.5).

An election ends once: its status is frozen, whatever votes come later (distribution-and-reliability G6).
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, cast

from lamina.formats.canonical_json import ENCODE_DEPTH_MAX, parse
from lamina.formats.errors import FormatError
from lamina.kernel.storage.database import Connection
from lamina.services.ledger.errors import CriticalDuplicateVote
from lamina.services.ledger.model.federation import Federation
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import decode_stored
from lamina.services.ledger.model.vote import Vote
from lamina.services.ledger.pipeline import assignment
from lamina.services.ledger.rules import election
from lamina.services.ledger.store import backlog, blocks, decisions, log, rejected, transactions, votes
from lamina.services.ledger.store.backlog import Returning, Waiting
from lamina.services.ledger.store.blocks import Undecided

ATTEMPTS_MAX = 3  # blocks that may be voted invalid around one transaction (distribution-and-reliability G9)
_GIVEN_UP = "InvalidBlock"


@dataclass(frozen=True, slots=True)
class Decided:
    """An election that has ended, and what became of an invalid block's transactions."""

    block_id: str
    status: Status
    requeued: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()


async def cast_vote(cx: Connection, vote: Vote, federation: Federation) -> Decided | None:
    """Store a vote and end its block's election if it decides.

    Args:
        cx: the transaction that makes both durable.
        vote: a vote whose form and signature are right; one that is stored already changes nothing.
        federation: the membership the votes are counted in.

    Returns:
        How the election ended, if this vote ended it.

    Raises:
        CriticalDuplicateVote: its voter has said something else in this place.
    """
    await decisions.lock(cx)
    said = await votes.find_rivals(cx, vote)
    if vote.body in said:
        return None
    if said:
        raise CriticalDuplicateVote(f"{vote.voter} voted more than once around block {vote.block_id}")
    await votes.insert(cx, vote)
    return await decide(cx, vote.block_id, federation)


async def decide(cx: Connection, block_id: str, federation: Federation) -> Decided | None:
    """Hold a block's election and record how it ends; unknown and decided blocks are left alone.

    The electorate is the membership: a block that names other voters needs a majority all the same
    (distribution-and-reliability G3).

    Args:
        cx: a transaction that holds the right to decide (`decisions.lock`).
        block_id: the block.
        federation: the membership the votes are counted in.

    Returns:
        How the election ended, if it ended now.

    Raises:
        CriticalDuplicateVote: one node's votes on the block contradict each other.
    """
    block = await blocks.find_undecided(cx, block_id)
    if block is None:
        return None
    status = (await count(cx, block_id, federation.members, federation)).status
    if status is Status.UNDECIDED:
        return None
    await decisions.insert(cx, block_id=block_id, seq=block.seq, status=status)
    await log.settle(cx, block.seq, status)
    decided = Decided(block_id, status)
    if status is Status.INVALID:
        decided = await _dissolve(cx, block_id, block, federation)
    await decisions.announce(cx)
    return decided


async def count(
    cx: Connection, block_id: str, voters: AbstractSet[str], federation: Federation
) -> election.Election:
    """Count the stored votes on a block.

    Args:
        cx: the reader.
        block_id: the block, which need not be in the log.
        voters: who may vote on it, as far as they are members.
        federation: the membership.

    Raises:
        CriticalDuplicateVote: one node's votes on the block contradict each other.
    """
    found = await votes.read_on(cx, block_id)
    return election.hold(block_id, voters, federation.members, read_documents(found))


def read_documents(bodies: Sequence[bytes]) -> list[Mapping[str, Any]]:
    """Stored votes as documents; what cannot be read is nobody's vote."""
    return [_read_document(body) for body in bodies]


def _read_document(body: bytes) -> Mapping[str, Any]:
    try:
        document: object = parse(body, depth_max=ENCODE_DEPTH_MAX)
    except FormatError:
        return {}
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


async def _dissolve(cx: Connection, block_id: str, block: Undecided, federation: Federation) -> Decided:
    """Send an invalid block's transactions back to the backlog, save those that have been there too often."""
    attempted = [
        (decode_stored(body), attempts) for body, attempts in await transactions.read_block(cx, block.seq)
    ]
    returning = [
        Returning(tx, assignment.choose(federation), attempts)
        for tx, attempts in attempted
        if attempts < ATTEMPTS_MAX
    ]
    given_up = [
        (Waiting(tx.id, tx.body, b"", block.created_at), _GIVEN_UP, f"{attempts} blocks with it are invalid")
        for tx, attempts in attempted
        if attempts >= ATTEMPTS_MAX
    ]
    await log.strike(cx, block.seq, [tx for tx, _ in attempted])
    await backlog.requeue(cx, returning)
    await rejected.insert(cx, given_up)
    return Decided(
        block_id,
        Status.INVALID,
        tuple(entry.transaction.id for entry in returning),
        tuple(waiting.tx_id for waiting, _, _ in given_up),
    )
