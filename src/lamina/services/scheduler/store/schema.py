"""The scheduler's schema."""

from lamina.kernel.contracts import Position
from lamina.kernel.storage.database import Connection, Database

NAME = "scheduler"
"""The service, and its schema in the database."""

MIGRATIONS = "lamina.services.scheduler.store.migrations"
"""The package of its numbered SQL."""


async def exists(database: Database) -> bool:
    """Whether this database has a scheduler's tables."""
    return await database.fetchval(
        "scheduler.find_schema", "SELECT to_regclass('scheduler.outbox') IS NOT NULL"
    )


async def position(cx: Connection) -> Position:
    """How much is stored, as this transaction sees it: what a copy must have again.

    Placements are counted where the schema has them: it may be one from before there were routers.
    """
    row = await cx.fetchrow(
        """
        SELECT (SELECT count(*) FROM scheduler.processes) AS processes,
               (SELECT count(*) FROM scheduler.messages) AS messages,
               (SELECT count(*) FROM scheduler.outbox) AS uploads_waiting
        """
    )
    assert row is not None, "a SELECT without FROM has one row"
    found = dict(row.items())
    if await cx.fetchval("SELECT to_regclass('scheduler.process_schedulers') IS NOT NULL"):
        found["placements"] = await cx.fetchval("SELECT count(*) FROM scheduler.process_schedulers")
    return found
