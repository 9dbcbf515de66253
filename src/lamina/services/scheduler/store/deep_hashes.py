"""What was said in each process, and under which version of the check that was noted (spec 10.5).

A version is kept as the original keeps it: beside the hashes, as a text no hash can be mistaken for.
"""

from collections.abc import Sequence

from lamina.kernel.storage.database import Connection, Database, Record

_VERSION = b"version "


async def find_outdated(database: Database, version: str) -> bytes | None:
    """A process whose hashes were not made under this version; None when there is none."""
    return await database.fetchval(
        "scheduler.find_outdated_hashes",
        """
        SELECT p.process_id FROM scheduler.processes p
         WHERE NOT EXISTS (SELECT FROM scheduler.deep_hashes d
                            WHERE d.process_id = p.process_id AND d.hash = $1)
         LIMIT 1
        """,
        _VERSION + version.encode(),
    )


async def read_items(database: Database, process_id: bytes, after: int, count: int) -> Sequence[Record]:
    """The next messages of a process by nonce; bare assignments have nothing to hash."""
    return await database.fetch(
        "scheduler.read_hashed_items",
        """
        SELECT nonce, item FROM scheduler.messages
         WHERE process_id = $1 AND nonce > $2 AND item IS NOT NULL ORDER BY nonce LIMIT $3
        """,
        process_id,
        after,
        count,
    )


async def keep(database: Database, process_id: bytes, digests: Sequence[bytes]) -> None:
    """Note what was said.

    The head is locked as every write of the process locks it, so that none finds a hash that came between its
    look and its insert.
    """

    async def work(cx: Connection) -> None:
        await cx.execute("SELECT FROM scheduler.heads WHERE process_id = $1 FOR UPDATE", process_id)
        await cx.execute(
            """
            INSERT INTO scheduler.deep_hashes SELECT $1, hash FROM unnest($2::bytea[]) AS new(hash)
            ON CONFLICT DO NOTHING
            """,
            process_id,
            list(digests),
        )

    await database.run("scheduler.keep_hashes", work)


async def finish(database: Database, process_id: bytes, version: str) -> None:
    """Note that everything said in a process is noted under this version."""
    await database.store(
        "scheduler.finish_hashes",
        "INSERT INTO scheduler.deep_hashes VALUES ($1, $2) ON CONFLICT DO NOTHING",
        process_id,
        _VERSION + version.encode(),
    )
