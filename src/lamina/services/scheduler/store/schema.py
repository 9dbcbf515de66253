"""The scheduler's schema."""

from lamina.kernel.contracts import Position
from lamina.kernel.storage.database import Connection, Database

NAME = "scheduler"
"""The service, and its schema in the database."""

MIGRATIONS = "lamina.services.scheduler.store.migrations"
"""The package of its numbered SQL."""


async def position(cx: Connection) -> Position:
    """How much is stored, as this transaction sees it: what a copy must have again."""
    row = await cx.fetchrow(
        """
        SELECT (SELECT count(*) FROM scheduler.processes) AS processes,
               (SELECT count(*) FROM scheduler.messages) AS messages,
               (SELECT count(*) FROM scheduler.outbox) AS uploads_waiting
        """
    )
    assert row is not None, "a SELECT without FROM has one row"
    return dict(row.items())


async def exists(database: Database) -> bool:
    """Whether the scheduler was ever prepared in this database."""
    found = await database.fetchval("scheduler.exists", "SELECT to_regclass('scheduler.heads') IS NOT NULL")
    return bool(found)
