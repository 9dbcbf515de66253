"""What nodes said: messages by peer, and how many of which type."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lamina.kernel.storage.database import Database, Record


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which messages are asked for; both ends of the time are excluded."""

    peer_id: str
    since: datetime
    until: datetime
    msg: str | None = None
    target: str | None = None


async def pages(
    database: Database, wanted: LogFilter, *, limit: int, page_rows: int, timeout_s: float
) -> AsyncIterator[Sequence[Record]]:
    """A peer's messages, the newest first, page by page.

    Each connection's newest rows come from its own index range, so a peer that reconnects often costs a probe
    per connection and not a sort of everything it ever said.
    """
    until, last_id = wanted.until, 0
    left = limit
    while left > 0:
        asked = min(left, page_rows)
        rows = await database.fetch(
            "telemetry.list_logs",
            """
            SELECT c.ip_addr, l.id, l.created_at, l.msg, l.logs
              FROM telemetry.peer_connections c
                   CROSS JOIN LATERAL (
                       SELECT id, created_at, logs->>'msg' AS msg, logs::text AS logs
                         FROM telemetry.tetcore_logs
                        WHERE peer_connection_id = c.id AND created_at > $2
                          AND (created_at, id) < ($3, $4)
                          AND ($5::text IS NULL OR logs->>'msg' = $5)
                          AND ($6::text IS NULL OR logs->>'target' = $6)
                        ORDER BY created_at DESC, id DESC LIMIT $7) l
             WHERE c.peer_id = $1
             ORDER BY l.created_at DESC, l.id DESC LIMIT $7
            """,
            wanted.peer_id, wanted.since, until, last_id, wanted.msg, wanted.target, asked,
            timeout_s=timeout_s,
        )  # fmt: skip
        yield rows
        if len(rows) < asked:
            return
        left -= asked
        until, last_id = rows[-1]["created_at"], rows[-1]["id"]


async def count_by_type(database: Database, peer_id: str, timeout_s: float) -> Sequence[Record]:
    """How many messages of each type a peer has stored, the most frequent first."""
    return await database.fetch(
        "telemetry.count_logs",
        """
        SELECT count(*) AS qty, l.logs->>'msg' AS msg
          FROM telemetry.peer_connections c JOIN telemetry.tetcore_logs l ON l.peer_connection_id = c.id
         WHERE c.peer_id = $1 GROUP BY 2 ORDER BY 1 DESC, coalesce(l.logs->>'msg', 'unknown')
        """,
        peer_id,
        timeout_s=timeout_s,
    )


async def list_targets(database: Database, peer_id: str, timeout_s: float) -> Sequence[Record]:
    """The distinct targets of a peer's messages."""
    return await database.fetch(
        "telemetry.list_targets",
        """
        SELECT DISTINCT l.logs->>'target' AS target
          FROM telemetry.peer_connections c JOIN telemetry.tetcore_logs l ON l.peer_connection_id = c.id
         WHERE c.peer_id = $1 AND l.logs->>'target' IS NOT NULL ORDER BY 1
        """,
        peer_id,
        timeout_s=timeout_s,
    )
