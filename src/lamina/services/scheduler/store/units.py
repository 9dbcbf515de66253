"""The units a router knows. Rows are only ever added: processes hang on them."""

from collections.abc import Sequence

from lamina.kernel.storage.database import Connection, Database, Record
from lamina.services.scheduler.model.unit import KnownUnit, ListedUnit
from lamina.services.scheduler.rules.scheduler_list import wallets

_COLUMNS = "row_id, url, process_count, no_route, wallets_to_route, wallets_only"


async def every(database: Database) -> Sequence[KnownUnit]:
    """All of them, in the order of their rows."""
    rows = await database.fetch(
        "scheduler.read_units", f"SELECT {_COLUMNS} FROM scheduler.schedulers ORDER BY row_id"
    )
    return [_known(row) for row in rows]


async def lock(cx: Connection) -> Sequence[KnownUnit]:
    """All of them, each locked to the end of the transaction, in one order for everybody."""
    rows = await cx.fetch(f"SELECT {_COLUMNS} FROM scheduler.schedulers ORDER BY row_id FOR UPDATE")
    return [_known(row) for row in rows]


async def keep(database: Database, listed: Sequence[ListedUnit]) -> None:
    """Take over a list: new units get a row, known ones what the list says now; others stay as they are.

    Raises:
        CommitUnknown: taking it over again does no harm.
        DatabaseUnavailable: nothing has changed.
    """

    async def work(cx: Connection) -> None:
        await lock(cx)
        await cx.execute(
            """
            INSERT INTO scheduler.schedulers AS known (url, no_route, wallets_to_route, wallets_only)
            SELECT url, no_route, wallets_to_route, wallets_only
              FROM unnest($1::text[], $2::boolean[], $3::text[], $4::boolean[]) WITH ORDINALITY
                   AS listed(url, no_route, wallets_to_route, wallets_only, place)
             ORDER BY place
            ON CONFLICT (url) DO UPDATE
               SET no_route = excluded.no_route, wallets_to_route = excluded.wallets_to_route,
                   wallets_only = excluded.wallets_only
             WHERE (known.no_route, known.wallets_to_route, known.wallets_only)
                   IS DISTINCT FROM (excluded.no_route, excluded.wallets_to_route, excluded.wallets_only)
            """,
            [unit.url for unit in listed],
            [unit.no_route for unit in listed],
            [unit.wallets_to_route for unit in listed],
            [unit.wallets_only for unit in listed],
        )

    await database.run("scheduler.keep_units", work)


def _known(row: Record) -> KnownUnit:
    return KnownUnit(
        row["row_id"],
        row["url"],
        row["process_count"],
        bool(row["no_route"]),
        wallets(row["wallets_to_route"]),
        bool(row["wallets_only"]),
    )
