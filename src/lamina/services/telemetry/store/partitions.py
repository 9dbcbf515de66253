"""Daily partitions of the expiring messages: made ahead of time, dropped when their day is over.

Days come from clocks we do not own, so no message ever makes a partition: what is older than the first day
goes to `past`, what is dated beyond the days made ahead goes to `future` and is moved when its day is made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

from lamina.kernel.storage.database import Connection, Database

AHEAD_DAYS = 3
GAP_DAYS_MAX = 31
"""A platform that was off for longer gets one partition for the whole gap."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('telemetry.partitions'))"


@dataclass(frozen=True, slots=True)
class Partition:
    """One range of days: `since` is None for the past, both are None for the future."""

    name: str
    since: datetime | None
    until: datetime | None


async def list_partitions(cx: Connection | Database) -> Sequence[Partition]:
    """The partitions of expiring messages, oldest first, `future` last."""
    query = """
        SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bound
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'telemetry.tetcore_logs_expiring'::regclass
    """
    rows = (
        await cx.fetch("telemetry.list_partitions", query)
        if isinstance(cx, Database)
        else await cx.fetch(query)
    )
    # The bound of a partition that another receiver is just dropping is NULL.
    partitions = [_partition(row["relname"], row["bound"]) for row in rows if row["bound"] is not None]
    dated = [each for each in partitions if each.until is not None]
    dated.sort(key=lambda each: cast("datetime", each.until))
    return [*dated, *(each for each in partitions if each.until is None)]


def _partition(name: str, bound: str) -> Partition:
    """Read `FOR VALUES FROM ('...') TO ('...')`, `FROM (MINVALUE) TO ('...')` or `DEFAULT`."""
    times = [datetime.fromisoformat(text) for text in bound.split("'")[1::2]]
    if not times:
        return Partition(name, None, None)
    return Partition(name, times[0] if len(times) == 2 else None, times[-1])


def end_of_past(bound: str | None) -> datetime:
    """Where the daily partitions begin, of the bound of what is before them."""
    times = [] if bound is None else bound.split("'")[1::2]
    return datetime.fromisoformat(times[-1]) if times else datetime.min  # noqa: DTZ901 - zone-less UTC


async def ensure(database: Database, today: date) -> None:
    """Make the partitions of the past and of every day up to the days ahead of `today` (UTC)."""

    async def work(cx: Connection) -> None:
        await cx.execute(_LOCK)
        bounds = [each.until for each in await list_partitions(cx) if each.until is not None]
        if bounds:
            end = max(bounds).date()
        else:
            end = today - timedelta(days=1)
            await _make(cx, "past", "MINVALUE", end)
        while end < today + timedelta(days=AHEAD_DAYS):
            gap = end < today - timedelta(days=GAP_DAYS_MAX)
            following = today - timedelta(days=1) if gap else end + timedelta(days=1)
            await _make(cx, f"{end:%Y_%m_%d}", f"'{end.isoformat()}'", following)
            end = following

    await database.run("telemetry.ensure_partitions", work)


async def _make(cx: Connection, name: str, since: str, until: date) -> None:
    """Make one partition and move into it what waits for it in `future`.

    `since` and `until` are our own dates, never a client's text; DDL takes no parameters.
    """
    table = f"telemetry.tetcore_logs_{name}"
    # From here on nobody stores into `future` what belongs here: the new partition could not be attached.
    await cx.execute("LOCK TABLE telemetry.tetcore_logs_future IN ACCESS EXCLUSIVE MODE")
    early = "" if since == "MINVALUE" else f"created_at >= {since} AND "
    await cx.execute(f"CREATE TABLE {table} (LIKE telemetry.tetcore_logs INCLUDING DEFAULTS)")
    await cx.execute(
        f"WITH moved AS (DELETE FROM telemetry.tetcore_logs_future "
        f"WHERE {early}created_at < '{until.isoformat()}' RETURNING *) "
        f"INSERT INTO {table} SELECT * FROM moved"
    )
    await cx.execute(
        f"ALTER TABLE telemetry.tetcore_logs_expiring ATTACH PARTITION {table} "
        f"FOR VALUES FROM ({since}) TO ('{until.isoformat()}')"
    )
