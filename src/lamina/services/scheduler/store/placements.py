"""Which unit has which process; what is recorded once never changes."""

from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet

from lamina.kernel.storage.database import Connection, Database, Record
from lamina.services.scheduler.model.unplaced import Unplaced
from lamina.services.scheduler.rules.placement import choose
from lamina.services.scheduler.store import units

_RECORDED = """
SELECT p.process_id, s.url
  FROM scheduler.process_schedulers p JOIN scheduler.schedulers s ON s.row_id = p.scheduler_row_id
 WHERE p.process_id = ANY($1::bytea[])
"""


async def find(database: Database, process_id: bytes) -> str | None:
    """The url of the unit that has a process; None when it was never placed."""
    row = await database.fetchrow("scheduler.find_placement", _RECORDED, [process_id])
    return None if row is None else row["url"]


async def confirm(database: Database, process_ids: Collection[bytes]) -> Mapping[bytes, str]:
    """What a commit of unknown outcome recorded, by process id.

    Raises:
        CommitUnknown, DatabaseUnavailable: see `Database.confirm`.
    """
    return _urls(await database.confirm("scheduler.confirm_placements", _RECORDED, list(process_ids)))


async def place(
    database: Database, spawns: Sequence[Unplaced], down: AbstractSet[str]
) -> Mapping[bytes, str]:
    """Choose, count and record in one transaction; a process that has a unit keeps it and counts nothing.

    The units are locked to the commit, so that routers on one database choose one after the other; should a
    record appear all the same, made by somebody who takes no lock, the unique process id lets it win.

    Args:
        database: of this and all other routers.
        spawns: those to place.
        down: see `choose`.

    Returns:
        Urls by process id; a spawn that no unit may have is missing.

    Raises:
        CommitUnknown: ask `confirm`.
        DatabaseUnavailable: nothing is recorded.
    """

    async def work(cx: Connection) -> Mapping[bytes, str]:
        known = await units.lock(cx)
        asked = {spawn.process_id: spawn for spawn in spawns}
        placed = await _recorded(cx, asked)
        chosen = choose(known, [asked[each] for each in asked if each not in placed], down)
        if not chosen:
            return placed
        await _record(cx, {process_id: unit.row_id for process_id, unit in chosen.items()})
        return await _recorded(cx, asked)

    return await database.run("scheduler.place", work)


async def _recorded(cx: Connection, process_ids: Collection[bytes]) -> Mapping[bytes, str]:
    return _urls(await cx.fetch(_RECORDED, list(process_ids)))


async def _record(cx: Connection, rows_by_process: Mapping[bytes, int]) -> None:
    await cx.execute(
        """
        WITH made AS (
            INSERT INTO scheduler.process_schedulers (process_id, scheduler_row_id)
            SELECT * FROM unnest($1::bytea[], $2::bigint[])
            ON CONFLICT (process_id) DO NOTHING RETURNING scheduler_row_id)
        UPDATE scheduler.schedulers s SET process_count = s.process_count + counted.made
          FROM (SELECT scheduler_row_id, count(*) AS made FROM made GROUP BY scheduler_row_id) AS counted
         WHERE s.row_id = counted.scheduler_row_id
        """,
        list(rows_by_process),
        list(rows_by_process.values()),
    )


def _urls(rows: Sequence[Record]) -> dict[bytes, str]:
    return {row["process_id"]: row["url"] for row in rows}
