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
