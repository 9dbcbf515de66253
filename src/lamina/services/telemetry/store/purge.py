"""Removal of what is too old: whole days at once, slices only of the day that the limit falls into."""

from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
import structlog

from lamina.kernel.storage.database import Connection, Database
from lamina.services.telemetry.store import digests, partitions

_log = structlog.get_logger("lamina.telemetry.store")

LOCK_WAIT = "SET LOCAL lock_timeout = '2s'"
"""Removing a day locks the log for a moment; behind a long query it gives way until the next purge."""

SILENT_S = 180
"""A receiver touches its open sockets more often; a row not touched for so long belongs to nobody."""

BATCHES_KEPT_S = 3600
"""How far behind another receiver may follow."""


async def purge_logs(database: Database, cutoff: datetime, slice_rows: int) -> int:
    """Remove expiring messages from before a moment.

    Args:
        database: where.
        cutoff: zone-less UTC, in message time.
        slice_rows: most rows of one statement.

    Returns:
        How many; of whole days as the statistics know it.
    """
    removed = 0
    listed = await partitions.list_partitions(database)
    for partition in listed:
        if partition.until is not None and partition.until <= cutoff:
            removed += await _drop(database, partition)
    for partition in listed:
        begun = partition.since is None or partition.since < cutoff
        if begun and (partition.until is None or partition.until > cutoff):
            removed += await _slice(database, partition.name, cutoff, slice_rows)
    return removed


async def purge_connections(database: Database, cutoff: datetime, spared_s: float, slice_rows: int) -> int:
    """Remove connections that are over, old enough and without messages; returns how many.

    Args:
        database: where.
        cutoff: messages from before it are gone.
        spared_s: younger rows are spared.
        slice_rows: most rows of one transaction.
    """
    young = now() - timedelta(seconds=spared_s)
    removed, last = 0, 0
    while True:
        work = partial(_remove, cutoff=cutoff, young=young, after=last, slice_rows=slice_rows)
        following, count = await database.run("telemetry.purge_connections", work)
        removed += count
        if following is None:
            return removed
        last = following


async def purge_batches(database: Database) -> None:
    """Forget batches that every receiver has followed long ago."""
    await database.store(
        "telemetry.purge_batches",
        "DELETE FROM telemetry.batches "
        "WHERE stored_at < (now() AT TIME ZONE 'utc') - make_interval(secs => $1)",
        float(BATCHES_KEPT_S),
    )


def now() -> datetime:
    """The present, zone-less UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


async def _drop(database: Database, partition: partitions.Partition) -> int:
    """Remove a partition whose days are over; the past keeps its place, empty."""
    table = f"telemetry.{partition.name}"

    async def work(cx: Connection) -> int:
        await cx.execute(LOCK_WAIT)
        await cx.execute(digests.LOCK)
        rows = await cx.fetchval(
            "SELECT greatest(c.reltuples, s.n_live_tup, 0)::bigint FROM pg_class c "
            "LEFT JOIN pg_stat_user_tables s ON s.relid = c.oid WHERE c.oid = to_regclass($1)",
            table,
        )
        if rows is None:
            return 0
        await digests.forget(cx, partition.name)
        if partition.since is None or not await _is_dropped(cx, table):
            await _empty(cx, table)
        return int(rows)

    return await database.run("telemetry.drop_partition", work)


async def _is_dropped(cx: Connection, table: str) -> bool:
    """Drop a partition, unless something of somebody else's hangs on it, such as a view."""
    try:
        async with cx.transaction():
            await cx.execute(f"DROP TABLE {table}")
    except asyncpg.DependentObjectsStillExistError as failure:
        _log.warning("an expired day is emptied and not dropped", table=table, reason=str(failure))
        return False
    return True


async def _empty(cx: Connection, table: str) -> None:
    if await cx.fetchval(f"SELECT EXISTS (SELECT 1 FROM {table})"):
        await cx.execute(f"TRUNCATE {table}")


async def _slice(database: Database, name: str, cutoff: datetime, slice_rows: int) -> int:
    async def work(cx: Connection) -> int:
        await cx.execute(digests.LOCK)
        await digests.forget(cx, name)
        return await cx.fetchval(
            f"""
            WITH gone AS (
                DELETE FROM telemetry.{name} WHERE ctid = ANY(ARRAY(
                    SELECT ctid FROM telemetry.{name} WHERE created_at < $1 LIMIT $2))
                RETURNING 1)
            SELECT count(*) FROM gone
            """,
            cutoff,
            slice_rows,
        )

    removed = 0
    while (rows := await database.run("telemetry.purge_slice", work)) == slice_rows:
        removed += rows
    return removed + rows


async def _remove(
    cx: Connection, *, cutoff: datetime, young: datetime, after: int, slice_rows: int
) -> tuple[int | None, int]:
    """One slice of candidates; the last one's id, None when there are no more.

    The rows are locked first and looked at by a second statement: a batch that was being stored meanwhile has
    either committed, and is seen, or waits for our lock and makes its connection's row again.
    """
    candidates = await cx.fetch(
        """
        SELECT id FROM telemetry.peer_connections
         WHERE id > $1 AND created_at < $2
           AND (closed_at IS NOT NULL
                OR last_seen < (now() AT TIME ZONE 'utc') - make_interval(secs => $3))
           AND (peer_id IS NULL OR last_seen < $4)
         ORDER BY id LIMIT $5 FOR UPDATE SKIP LOCKED
        """,
        after, young, float(SILENT_S), cutoff, slice_rows,
    )  # fmt: skip
    if not candidates:
        return None, 0
    ids = [row["id"] for row in candidates]
    gone = await cx.fetch(
        """
        DELETE FROM telemetry.peer_connections c WHERE id = ANY($1::int[])
           AND NOT EXISTS (SELECT 1 FROM telemetry.tetcore_logs l WHERE l.peer_connection_id = c.id)
        RETURNING id
        """,
        ids,
    )
    return ids[-1], len(gone)
