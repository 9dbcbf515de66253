"""The last height of the network."""

from lamina.kernel.storage.database import Database


async def read_height(database: Database) -> int | None:
    """The height that was kept last."""
    return await database.fetchval("scheduler.read_height", "SELECT height FROM scheduler.network")


async def keep_height(database: Database, height: int) -> None:
    """Keep a height."""
    await database.store(
        "scheduler.keep_height",
        """
        INSERT INTO scheduler.network VALUES (1, $1, now())
        ON CONFLICT (id) DO UPDATE SET height = excluded.height, seen_at = excluded.seen_at
        """,
        height,
    )
