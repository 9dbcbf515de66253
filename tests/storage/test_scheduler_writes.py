"""The scheduler's writes on PostgreSQL: what a commit of unknown outcome has stored (found by simulation seed 7)."""

import asyncio
import os

import asyncpg
import pytest
from tests.postgres_server import in_thread

from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.migrate import load, migrate
from lamina.services.scheduler.model.head import NONE, Head
from lamina.services.scheduler.model.scheduled import Scheduled, Spawned
from lamina.services.scheduler.store import heads, writes
from lamina.services.scheduler.store.schema import MIGRATIONS, NAME


async def _spawned(dsn: str) -> tuple[Database, Scheduled]:
    """A database with one process, and the assignment that would be its first."""
    database = await Database.connect(PoolOptions(dsn))
    await migrate(database, load(NAME, MIGRATIONS))
    process_id = os.urandom(32)
    await writes.spawn(database, Spawned(process_id, b"item", 1, Head(NONE, None, None, 1000), None))
    head = Head(0, os.urandom(32), os.urandom(32), 1001)
    return database, Scheduled(process_id, os.urandom(32), None, head, b"assignment", b"message")


@pytest.mark.parametrize("is_done", [True, False])
def test_who_looks_for_a_commit_waits_until_the_server_has_come_to_it(
    empty_dsn: str, *, is_done: bool
) -> None:
    async def work() -> tuple[bool, set[bytes], Scheduled, Head | None]:
        database, scheduled = await _spawned(empty_dsn)
        backend = await asyncpg.connect(empty_dsn)  # whose client is gone, and whose COMMIT is on its way
        transaction = backend.transaction()
        await transaction.start()
        await writes._insert(backend, [scheduled])  # pyright: ignore[reportArgumentType]
        looking = asyncio.create_task(writes.find_stored(database, [scheduled]))
        while not await database.fetchval("test.waits", "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not looking.done(), "it looked before the commit was there"
            await asyncio.sleep(0.01)
        has_waited = not looking.done()
        await (transaction.commit() if is_done else transaction.rollback())
        found = await looking
        head = await heads.find(database, scheduled.process_id)
        await backend.close()
        await database.close()
        return has_waited, found, scheduled, head

    has_waited, found, scheduled, head = in_thread(work())
    assert has_waited
    assert found == ({scheduled.head.assignment_id} if is_done else set())
    assert head is not None
    assert head.nonce == (0 if is_done else NONE)
