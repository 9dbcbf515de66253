"""A pair's messages and where the stream stood when they were read, and what other receivers stored since."""

from collections.abc import Sequence
from datetime import datetime

from lamina.kernel.storage.database import Database, Record
from lamina.services.telemetry.model.interest import Pair


async def read_position(database: Database) -> int:
    """The position of the last committed batch."""
    return await database.fetchval("telemetry.read_position", "SELECT position FROM telemetry.stream")


async def read_pair(
    database: Database, pair: Pair, *, since: datetime, limit: int, timeout_s: float
) -> tuple[int, Sequence[Record]]:
    """The newest messages of a peer and type, oldest first, and the position up to which they are complete.

    One statement, so that both are of one moment.
    """
    peer_id, msg = pair
    rows = await database.fetch(
        "telemetry.read_pair",
        """
        SELECT s.position, found.created_at, found.logs
          FROM telemetry.stream s LEFT JOIN LATERAL (
              SELECT l.id, l.created_at, l.logs
                FROM telemetry.peer_connections c CROSS JOIN LATERAL (
                    SELECT id, created_at, logs::text AS logs FROM telemetry.tetcore_logs
                     WHERE peer_connection_id = c.id AND created_at > $3 AND logs->>'msg' = $2
                     ORDER BY created_at DESC, id DESC LIMIT $4) l
               WHERE c.peer_id = $1 ORDER BY l.created_at DESC, l.id DESC LIMIT $4) found ON true
         ORDER BY found.created_at, found.id
        """,
        peer_id, msg, since, limit,
        timeout_s=timeout_s,
    )  # fmt: skip
    return rows[0]["position"], [row for row in rows if row["logs"] is not None]


async def list_batches(database: Database, after: int, limit: int) -> Sequence[Record]:
    """The next batches in the order of their commits."""
    return await database.fetch(
        "telemetry.list_batches",
        """
        SELECT position, receiver, first_id, last_id, since, until
          FROM telemetry.batches WHERE position > $1 ORDER BY position LIMIT $2
        """,
        after,
        limit,
    )


async def read_batch(database: Database, batch: Record, msgs: Sequence[str]) -> Sequence[Record]:
    """The messages of a batch that are of one of these types, in order."""
    return await database.fetch(
        "telemetry.read_batch",
        """
        SELECT l.peer_connection_id, c.peer_id, c.ip_addr, l.logs->>'msg' AS msg, l.created_at,
               l.logs::text AS logs
          FROM telemetry.tetcore_logs l JOIN telemetry.peer_connections c ON c.id = l.peer_connection_id
         WHERE l.id BETWEEN $1 AND $2 AND l.created_at BETWEEN $3 AND $4 AND l.logs->>'msg' = ANY($5::text[])
         ORDER BY l.id
        """,
        batch["first_id"], batch["last_id"], batch["since"], batch["until"], list(msgs),
    )  # fmt: skip


async def list_ended(database: Database, rows: Sequence[int]) -> Sequence[int]:
    """Which of these connections, held by others, are over."""
    found = await database.fetch(
        "telemetry.list_ended",
        """
        SELECT wanted.id FROM unnest($1::int[]) AS wanted(id)
               LEFT JOIN telemetry.peer_connections c ON c.id = wanted.id
         WHERE c.id IS NULL OR c.closed_at IS NOT NULL
               OR c.last_seen < (now() AT TIME ZONE 'utc') - interval '3 minutes'
        """,
        list(rows),
    )
    return [row["id"] for row in found]
