"""Signed votes; one per block and voter, one per voter and predecessor."""

from collections.abc import Sequence

from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.model.vote import Vote


async def insert(cx: Connection, vote: Vote) -> None:
    """Store a vote before it is told to anybody (distribution-and-reliability 6.4 R2).

    Raises:
        asyncpg.UniqueViolationError: this voter already voted on the block, or for that predecessor.
    """
    await cx.execute(
        "INSERT INTO ledger.votes (block_id, voter, previous_block, is_valid, body) "
        "VALUES ($1, $2, $3, $4, $5)",
        vote.block_id,
        vote.voter,
        vote.previous_block,
        vote.is_valid,
        vote.body,
    )


async def find(database: Database, block_id: str) -> Sequence[bytes]:
    """The votes on a block as stored, in the order of their voters."""
    rows = await database.fetch(
        "ledger.find_votes", "SELECT body FROM ledger.votes WHERE block_id = $1 ORDER BY voter", block_id
    )
    return [row["body"] for row in rows]


async def read_on(cx: Connection, block_id: str) -> Sequence[bytes]:
    """The same within the caller's transaction."""
    rows = await cx.fetch("SELECT body FROM ledger.votes WHERE block_id = $1 ORDER BY voter", block_id)
    return [row["body"] for row in rows]


async def find_rivals(cx: Connection, vote: Vote) -> Sequence[bytes]:
    """Votes of the same voter on the same block or behind the same predecessor, this very vote included."""
    rows = await cx.fetch(
        "SELECT body FROM ledger.votes WHERE voter = $1 AND (block_id = $2 OR previous_block = $3)",
        vote.voter,
        vote.block_id,
        vote.previous_block,
    )
    return [row["body"] for row in rows]


async def find_newest(cx: Connection, voter: str) -> str | None:
    """The block furthest along the log that a node voted on."""
    return await cx.fetchval(
        """
        SELECT l.block_id FROM ledger.log l JOIN ledger.votes v ON v.block_id = l.block_id AND v.voter = $1
         ORDER BY l.seq DESC LIMIT 1
        """,
        voter,
    )


async def find_following(cx: Connection, voter: str, block_id: str) -> str | None:
    """The block a node voted on next, naming this one as its predecessor."""
    return await cx.fetchval(
        "SELECT block_id FROM ledger.votes WHERE voter = $1 AND previous_block = $2", voter, block_id
    )
