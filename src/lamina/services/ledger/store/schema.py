"""The ledger's schema as a whole: is it there, does it hold a chain, remove it."""

from lamina.kernel.storage import migrate
from lamina.kernel.storage.database import Connection, Database

NAME = "ledger"
"""The service, and its schema in the database."""

MIGRATIONS = "lamina.services.ledger.store.migrations"
"""The package of its numbered SQL."""


async def exists(database: Database) -> bool:
    """Whether the ledger's tables are there."""
    return await database.fetchval("ledger.find_schema", "SELECT to_regclass('ledger.log') IS NOT NULL")


async def drop(database: Database) -> None:
    """Remove every table of the ledger and the record of its migrations, wholly or not at all.

    Raises:
        CommitUnknown: it may be gone; look again.
    """

    async def work(cx: Connection) -> None:
        await cx.execute("DROP SCHEMA ledger CASCADE")
        await migrate.forget(cx, NAME)

    await database.run("ledger.drop_schema", work)
