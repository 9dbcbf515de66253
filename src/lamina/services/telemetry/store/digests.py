"""Digests of days that are over: planning a query over hundreds of partitions takes longer than it may run.

A digest is exact or it is not used. It is begun under the lock of the stream's row: each batch that got its
position before is committed and counted, each later one sees the digest and ends it if it stored into its
day. A purge ends it before it removes anything there. Days without a whole digest are read themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lamina.kernel.storage.database import Connection, Database
from lamina.services.telemetry.store.partitions import Partition

LOCK = "SELECT pg_advisory_xact_lock(hashtext('telemetry.purge'))"
"""Who removes messages of a day and who counts them wait for each other."""

QUIET = timedelta(hours=1)
"""A day is read itself for so long after its end, and after each message that comes late to it."""

SILENCE_MIN = timedelta(days=4)
"""Shorter ones cost less to look through than one more query."""

PEER_NAME_CHARACTERS = 256
"""As in the migration."""

_PATIENCE = "SET LOCAL statement_timeout = '15min'"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Message time, the begin included and the end not."""

    since: datetime
    until: datetime


async def make(database: Database, listed: Sequence[Partition], cutoff: datetime, now: datetime) -> int:
    """Digest the days that are over and have none.

    Args:
        database: where.
        listed: the partitions.
        cutoff: days that begin before it are being purged.
        now: zone-less UTC; days that ended shortly before it wait.

    Returns:
        How many were made.
    """
    rows = await database.fetch(
        "telemetry.list_digests",
        "SELECT name FROM telemetry.digests "
        "WHERE is_whole OR stale_at > (now() AT TIME ZONE 'utc') - $1::interval",
        QUIET,
    )
    kept = {row["name"] for row in rows}
    made = 0
    for each in listed:
        if each.since is None or each.until is None or each.name in kept:
            continue
        if each.since >= cutoff and each.until <= now - QUIET:
            made += await _make(database, each)
    return made


async def forget(cx: Connection, name: str) -> None:
    """End a partition's digest, before messages of it are removed in the same transaction."""
    await cx.execute("DELETE FROM telemetry.digests WHERE name = $1", name)


async def outdate(cx: Connection, days: Sequence[datetime]) -> None:
    """End the digests of days into which the batch of this transaction, which has its position, stored."""
    await cx.execute(
        """
        UPDATE telemetry.digests SET is_whole = false, stale_at = now() AT TIME ZONE 'utc'
         WHERE (is_whole OR stale_at IS NULL OR stale_at < (now() AT TIME ZONE 'utc') - interval '1 minute')
           AND EXISTS (SELECT FROM unnest($1::timestamp[]) day WHERE day >= since AND day < until)
        """,
        days,
    )


async def read_open(cx: Connection) -> Sequence[Stretch]:
    """The time of which messages have to be read themselves."""
    rows = await cx.fetch("SELECT since, until FROM telemetry.digests WHERE is_whole ORDER BY since")
    ends = [datetime.min, *(row["until"] for row in rows)]  # noqa: DTZ901 - zone-less, and -infinity
    begins = [*(row["since"] for row in rows), datetime.max]  # noqa: DTZ901
    return [Stretch(*ends_) for ends_ in zip(ends, begins, strict=True) if ends_[0] < ends_[1]]


def within(stretches: Sequence[Stretch], first: int) -> tuple[str, list[datetime]]:
    """A condition on `l.created_at` for SQL, and its parameters, numbered from `first` on."""
    arms = [
        f"l.created_at >= ${number}::timestamp AND l.created_at < ${number + 1}::timestamp"
        for number in range(first, first + 2 * len(stretches), 2)
    ]
    values = [moment for each in stretches for moment in (each.since, each.until)]
    return f"({' OR '.join(arms) or 'false'})", values


async def list_silent(
    database: Database, peer_id: str, msg: str | None, target: str | None, timeout_s: float
) -> Sequence[Stretch]:
    """Digested time in which a peer said nothing of a type and about a target, the newest first.

    Only long stretches are told. Empty where the peer has audit messages, of which there are no digests.
    """
    rows = await database.fetch(
        "telemetry.list_silent_days",
        """
        WITH own AS MATERIALIZED (SELECT id FROM telemetry.peer_connections WHERE peer_id = $1)
        SELECT d.since, d.until FROM telemetry.digests d
         WHERE d.is_whole
           AND d.number NOT IN (
               SELECT c.number FROM own JOIN telemetry.digest_counts c ON c.peer_connection_id = own.id
                WHERE ($2::text IS NULL OR c.msg = $2) AND ($3::text IS NULL OR c.target = $3))
           AND NOT EXISTS (
               SELECT FROM own JOIN telemetry.tetcore_logs_audit l ON l.peer_connection_id = own.id)
         ORDER BY d.until DESC
        """,
        peer_id, msg, target,
        timeout_s=timeout_s,
    )  # fmt: skip
    joined: list[Stretch] = []
    for row in rows:
        until = row["until"]
        if joined and joined[-1].since == until:
            until = joined.pop().until
        joined.append(Stretch(row["since"], until))
    return [each for each in joined if each.until - each.since >= SILENCE_MIN]


async def _make(database: Database, partition: Partition) -> bool:
    async def begin(cx: Connection) -> int | None:
        await cx.execute("SELECT FROM telemetry.stream FOR UPDATE")
        await cx.execute(
            "UPDATE telemetry.stream SET digested_until = greatest(digested_until, $1)", partition.until
        )
        return await cx.fetchval(
            """
            INSERT INTO telemetry.digests (name, since, until) VALUES ($1, $2, $3)
            ON CONFLICT (name) DO UPDATE SET stale_at = NULL WHERE NOT telemetry.digests.is_whole
            RETURNING number
            """,
            partition.name, partition.since, partition.until,
        )  # fmt: skip

    number = await database.run("telemetry.begin_digest", begin)
    if number is None:
        return False
    return await database.run("telemetry.make_digest", lambda cx: _fill(cx, number, partition.name))


async def _fill(cx: Connection, number: int, name: str) -> bool:
    """Look through a partition; True when nothing came or went meanwhile."""
    await cx.execute(_PATIENCE)
    await cx.execute(LOCK)
    table = f"telemetry.{name}"
    if await cx.fetchval("SELECT to_regclass($1) IS NULL", table):
        await forget(cx, name)
        return False
    is_begun = await cx.fetchval(
        "SELECT count(*) FROM telemetry.digests WHERE number = $1 AND NOT is_whole AND stale_at IS NULL",
        number,
    )
    if not is_begun:
        return False
    for each in ("counts", "states"):
        await cx.execute(f"DELETE FROM telemetry.digest_{each} WHERE number = $1", number)
    await cx.execute(
        f"""
        INSERT INTO telemetry.digest_counts (number, peer_connection_id, msg, target, qty)
        SELECT $1, peer_connection_id, logs->>'msg', logs->>'target', count(*)
          FROM {table} GROUP BY 2, 3, 4
        """,
        number,
    )
    await cx.execute(
        f"""
        INSERT INTO telemetry.digest_states (number, id, created_at, peer_connection_id, nodes)
        SELECT $1, id, created_at, peer_connection_id, nodes
          FROM (SELECT *, telemetry.peerset_nodes(logs) AS nodes FROM {table}
                 WHERE logs->>'msg' = 'system.network_state' OFFSET 0) said
         WHERE nodes IS NOT NULL
        """,
        number,
    )
    whole = await cx.fetchval(
        """
        UPDATE telemetry.digests SET is_whole = true
         WHERE number = $1 AND NOT is_whole AND stale_at IS NULL RETURNING number
        """,
        number,
    )
    return whole is not None
