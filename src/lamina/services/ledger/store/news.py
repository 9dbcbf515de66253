"""What happened on this node lately: blocks, votes, decisions, and how much waits."""

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.kernel.storage.database import Database

NEWS_MAX = 50
"""Blocks and decisions told at once; of a node that is faster only the newest are told."""


@dataclass(frozen=True, slots=True)
class Heads:
    """Where the log and the decisions end."""

    seq: int
    decision: int


@dataclass(frozen=True, slots=True)
class News:
    """What came after some heads.

    Attributes:
        blocks: height and id of blocks, ascending.
        votes: id of the block and verdict, of one voter.
        decided: height and id of blocks that became valid, in the order they did.
        waiting: accepted transactions without a block.
    """

    heads: Heads
    blocks: Sequence[tuple[int, str]]
    votes: Sequence[tuple[str, bool]]
    decided: Sequence[tuple[int, str]]
    waiting: int


async def find_genesis(database: Database) -> str | None:
    """The id of the first block."""
    return await database.fetchval("ledger.find_genesis", "SELECT block_id FROM ledger.log WHERE seq = 1")


async def read(database: Database, after: Heads, voter: str) -> News:
    """What happened after some heads, at one moment."""
    row = await database.fetchrow(
        "ledger.read_news",
        """
        WITH blocks AS (
                 SELECT seq, block_id FROM ledger.log WHERE seq > $1 ORDER BY seq DESC LIMIT $4),
             votes AS (
                 SELECT b.seq, v.block_id, v.is_valid
                   FROM blocks b JOIN ledger.votes v ON v.block_id = b.block_id AND v.voter = $3),
             decided AS (
                 SELECT position, seq, block_id FROM ledger.decisions
                  WHERE position > $2 AND status = 1 ORDER BY position DESC LIMIT $4)
        SELECT h.seq, d.position,
               (SELECT count(*) FROM ledger.backlog) AS waiting,
               ARRAY(SELECT (seq, block_id) FROM blocks ORDER BY seq) AS blocks,
               ARRAY(SELECT (block_id, is_valid) FROM votes ORDER BY seq) AS votes,
               ARRAY(SELECT (seq, block_id) FROM decided ORDER BY position) AS decided
          FROM ledger.log_head h, ledger.decision_head d
        """,
        after.seq,
        after.decision,
        voter,
        NEWS_MAX,
    )
    assert row is not None, "the migration inserts the head rows"
    heads = Heads(row["seq"], row["position"])
    return News(heads, row["blocks"], row["votes"], row["decided"], row["waiting"])
