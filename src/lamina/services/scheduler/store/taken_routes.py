"""What a router of the original recorded, on its way into our tables (spec/scheduler.md 17, 18.1)."""

from collections.abc import Mapping, Sequence

from lamina.kernel.storage.database import Connection, Database
from lamina.services.scheduler.model.original import OriginalUnit


async def add_units(database: Database, units: Sequence[OriginalUnit]) -> None:
    """Store units in their order, without processes; those that are here stay as they are."""
    await database.store(
        "scheduler.take_units",
        """
        INSERT INTO scheduler.schedulers (url, process_count, no_route, wallets_to_route, wallets_only)
        SELECT url, 0, no_route, wallets_to_route, wallets_only
          FROM unnest($1::text[], $2::boolean[], $3::text[], $4::boolean[]) WITH ORDINALITY
               AS taken(url, no_route, wallets_to_route, wallets_only, place)
         ORDER BY place
        ON CONFLICT (url) DO NOTHING
        """,
        [unit.url for unit in units],
        [unit.no_route for unit in units],
        [unit.wallets_to_route for unit in units],
        [unit.wallets_only for unit in units],
    )


async def add_routes(database: Database, routes: Mapping[bytes, str]) -> Mapping[bytes, str]:
    """Record which unit has which process, and count it there; what is recorded already never moves.

    Returns:
        Urls by process id, where another unit than the one given has it.
    """

    async def work(cx: Connection) -> Mapping[bytes, str]:
        # As every router does: the units are locked first, in one order.
        await cx.execute("SELECT FROM scheduler.schedulers ORDER BY row_id FOR UPDATE")
        await cx.execute(
            """
            WITH made AS (
                INSERT INTO scheduler.process_schedulers (process_id, scheduler_row_id)
                SELECT taken.process_id, s.row_id
                  FROM unnest($1::bytea[], $2::text[]) WITH ORDINALITY AS taken(process_id, url, place)
                       JOIN scheduler.schedulers s ON s.url = taken.url
                 ORDER BY place
                ON CONFLICT (process_id) DO NOTHING RETURNING scheduler_row_id)
            UPDATE scheduler.schedulers s SET process_count = process_count + made.count
              FROM (SELECT scheduler_row_id, count(*) FROM made GROUP BY scheduler_row_id) made
             WHERE s.row_id = made.scheduler_row_id
            """,
            list(routes),
            list(routes.values()),
        )
        rows = await cx.fetch(
            """
            SELECT p.process_id, s.url
              FROM scheduler.process_schedulers p
                   JOIN scheduler.schedulers s ON s.row_id = p.scheduler_row_id
             WHERE p.process_id = ANY($1::bytea[])
            """,
            list(routes),
        )
        return {row["process_id"]: row["url"] for row in rows if row["url"] != routes[row["process_id"]]}

    return await database.run("scheduler.take_routes", work)
