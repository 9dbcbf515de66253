"""What nodes said: messages by peer, and how many of which type."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from lamina.kernel.storage.database import Connection, Database, Record
from lamina.services.telemetry.store import digests
from lamina.services.telemetry.store.digests import Stretch
from lamina.services.telemetry.store.windows import Window, Windows


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

    Days are walked backwards: however long the history is, a query plans and opens the partitions of few.
    In them each connection's newest rows come from its own index range, so a peer that reconnects often costs
    a probe for each connection of those days and not a sort of everything it ever said. Of a type or a target
    only days are looked into in which it occurs, or that have no digest.
    """
    silent: Sequence[Stretch] = ()
    if wanted.msg is not None or wanted.target is not None:
        silent = await digests.list_silent(database, wanted.peer_id, wanted.msg, wanted.target, timeout_s)
    windows = Windows(database, wanted.peer_id, Window(wanted.since, wanted.until), silent, timeout_s)
    page: list[Record] = []
    left = limit
    while left > 0 and (window := await windows.following()) is not None:
        until, last_id = window.until, 0
        while left > 0:
            asked = min(left, page_rows - len(page))
            rows = await _read(database, wanted, (window.since, until, last_id), asked, timeout_s)
            page += rows
            left -= len(rows)
            if len(page) == page_rows:
                yield page
                page = []
            if len(rows) < asked:
                break
            until, last_id = rows[-1]["created_at"], rows[-1]["id"]
    if page:
        yield page


async def _read(
    database: Database, wanted: LogFilter, place: tuple[datetime, datetime, int], limit: int, timeout_s: float
) -> Sequence[Record]:
    """The newest messages after a moment and before another and an id."""
    # A query for each, for then an index finds type and target, and no row is looked at for them.
    typed = "AND logs->>'msg' = $5" if wanted.msg is not None else "AND $5::text IS NULL"
    about = "AND logs->>'target' = $6 AND left(logs->>'target', 256) = left($6, 256)"
    if wanted.target is None:
        about = "AND $6::text IS NULL"
    since, until, last_id = place
    return await database.fetch(
        "telemetry.list_logs",
        f"""
        SELECT c.ip_addr, l.id, l.created_at, l.msg, l.logs
          FROM telemetry.peer_connections c
               CROSS JOIN LATERAL (
                   SELECT id, created_at, logs->>'msg' AS msg, logs::text AS logs
                     FROM telemetry.tetcore_logs
                    WHERE peer_connection_id = c.id AND created_at > $2
                      AND created_at <= $3 AND (created_at, id) < ($3, $4)
                      {typed} {about}
                    ORDER BY created_at DESC, id DESC LIMIT $7) l
         WHERE c.peer_id = $1 AND coalesce(c.said_until > $2, true) AND coalesce(c.said_since <= $3, true)
         ORDER BY l.created_at DESC, l.id DESC LIMIT $7
        """,
        wanted.peer_id, since, until, last_id, wanted.msg, wanted.target, limit,
        timeout_s=timeout_s,
    )  # fmt: skip


async def count_by_type(database: Database, peer_id: str, timeout_s: float) -> Sequence[Record]:
    """How many messages of each type a peer has stored, the most frequent first."""

    async def work(cx: Connection) -> Sequence[Record]:
        condition, times = digests.within(await digests.read_open(cx), 2)
        return await cx.fetch(
            f"""
            WITH own AS MATERIALIZED (SELECT id FROM telemetry.peer_connections WHERE peer_id = $1)
            SELECT sum(qty)::bigint AS qty, msg
              FROM (SELECT c.qty, c.msg
                      FROM own JOIN telemetry.digest_counts c ON c.peer_connection_id = own.id
                           JOIN telemetry.digests d ON d.number = c.number AND d.is_whole
                    UNION ALL
                    SELECT count(*), msg
                      FROM (SELECT l.logs->>'msg' AS msg
                              FROM own JOIN telemetry.tetcore_logs_expiring l ON l.peer_connection_id = own.id
                             WHERE {condition}
                            UNION ALL
                            SELECT l.logs->>'msg'
                              FROM own JOIN telemetry.tetcore_logs_audit l ON l.peer_connection_id = own.id
                           ) each GROUP BY msg) said
             GROUP BY msg ORDER BY 1 DESC, coalesce(msg, 'unknown')
            """,
            peer_id,
            *times,
        )

    return await database.read("telemetry.count_logs", work, timeout_s=timeout_s)


async def list_targets(database: Database, peer_id: str, timeout_s: float) -> Sequence[Record]:
    """The distinct targets of a peer's messages."""

    async def work(cx: Connection) -> Sequence[Record]:
        condition, times = digests.within(await digests.read_open(cx), 2)
        return await cx.fetch(
            f"""
            WITH own AS MATERIALIZED (SELECT id FROM telemetry.peer_connections WHERE peer_id = $1)
            SELECT target
              FROM (SELECT c.target
                      FROM own JOIN telemetry.digest_counts c ON c.peer_connection_id = own.id
                           JOIN telemetry.digests d ON d.number = c.number AND d.is_whole
                    UNION
                    SELECT l.logs->>'target'
                      FROM own JOIN telemetry.tetcore_logs_expiring l ON l.peer_connection_id = own.id
                     WHERE {condition}
                    UNION
                    SELECT l.logs->>'target'
                      FROM own JOIN telemetry.tetcore_logs_audit l ON l.peer_connection_id = own.id) said
             WHERE target IS NOT NULL ORDER BY 1
            """,
            peer_id,
            *times,
        )

    return await database.read("telemetry.list_targets", work, timeout_s=timeout_s)
