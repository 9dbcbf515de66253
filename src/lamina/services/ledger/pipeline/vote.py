"""A node's votes, one block after another in log order (spec/ledger.md 5.3).

The signed vote becomes durable before anybody is told of it; after a crash nothing is signed twice.
"""

from dataclasses import dataclass

import structlog

from lamina.formats.canonical_json import ENCODE_DEPTH_MAX, parse
from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import Clock
from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.errors import (
    CyclicBlockchainError,
    InvalidRequest,
    SchemaValidationError,
    ValidationError,
)
from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.federation import Federation
from lamina.services.ledger.model.timestamp import write_timestamp
from lamina.services.ledger.model.vote import Vote, sign_vote
from lamina.services.ledger.pipeline.election import Decided, cast_vote
from lamina.services.ledger.rules import block as rules
from lamina.services.ledger.store import blocks, chain, decisions, log, votes

_log = structlog.get_logger("lamina.ledger.vote")


@dataclass(frozen=True, slots=True)
class Cast:
    """A vote that is stored, and how it ended its block's election, if it did."""

    vote: Vote
    decided: Decided | None


class Voter:
    """Votes for one node."""

    def __init__(
        self, database: Database, node: KeyPair, federation: Federation, *, strict_owners: bool, clock: Clock
    ) -> None:
        self._database = database
        self._node = node
        self._federation = federation
        self._strict_owners = strict_owners
        self._clock = clock

    async def step(self) -> Cast | None:
        """Vote on the block behind the last one this node voted on.

        Returns:
            None where there is no such block, or another process of this node has just voted on it.

        Raises:
            CyclicBlockchainError: this node's votes form a circle.
            CriticalDuplicateVote: somebody voted in this node's name, or contradicted itself on the block.
            CommitUnknown: the vote may be stored; the next step sees whether it is.
        """
        return await self._database.run("ledger.vote_block", self._vote)

    async def _vote(self, cx: Connection) -> Cast | None:
        previous = await find_last_voted(cx, self._node.public)
        entry = None if previous is None else await log.read_after(cx, previous)
        if previous is None or entry is None:
            return None
        is_valid = await self._judge(cx, entry)
        # Judging takes long and may go on beside others; from here on they wait.
        await decisions.lock(cx)
        if await find_last_voted(cx, self._node.public) != previous:
            return None
        vote = sign_vote(
            self._node,
            block_id=entry.block_id,
            previous_block=previous,
            is_valid=is_valid,
            timestamp=write_timestamp(self._clock.time()),
        )
        return Cast(vote, await cast_vote(cx, vote, self._federation))

    async def _judge(self, cx: Connection, entry: log.Entry) -> bool:
        """A block that breaks a rule or cannot be read is voted down; it never stops the votes (G14)."""
        try:
            document = parse(entry.body, depth_max=ENCODE_DEPTH_MAX)
            block = await check_block(cx, document, self._federation, strict_owners=self._strict_owners)
            rules.check_voters(block, self._federation.members)
        except (ValidationError, SchemaValidationError, InvalidRequest, FormatError) as refusal:
            reason = type(refusal).__name__
            _log.warning("block voted down", block_id=entry.block_id, reason=reason, detail=str(refusal))
            return False
        return True


async def check_block(
    cx: Connection, document: object, federation: Federation, *, strict_owners: bool
) -> LedgerBlock:
    """Check a block, in the log or not, by itself and against the chain.

    Raises:
        ValidationError, SchemaValidationError, UnreadableBody: the first rule broken.
    """
    block = rules.open_block(document, federation.members)
    tx_ids = [tx.id for tx in block.transactions]
    view = rules.BlockView(
        spends=await chain.view_at_append(cx, block.transactions),
        live_elsewhere=await chain.find_live_elsewhere(cx, tx_ids, block.id),
        genesis=await blocks.find_first(cx),
    )
    rules.check(block, view, strict_owners=strict_owners)
    return block


async def find_last_voted(cx: Connection, voter: str) -> str | None:
    """The end of the chain that a node's votes form; the genesis block where it has not voted.

    Returns:
        A block's id; None while the log is empty.

    Raises:
        CyclicBlockchainError: the votes form a circle.
    """
    last = await votes.find_newest(cx, voter)
    if last is None:
        return await blocks.find_first(cx)
    seen = {last}
    while following := await votes.find_following(cx, voter, last):
        if following in seen:
            raise CyclicBlockchainError(f"the votes of {voter} lead from block {following} back to it")
        seen.add(following)
        last = following
    return last
