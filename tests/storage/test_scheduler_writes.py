"""The scheduler's writes on PostgreSQL: what a commit of unknown outcome has stored (found by simulation seed 7)."""

import asyncio
import os
from collections.abc import Sequence

import asyncpg
import pytest
from tests.postgres_server import in_thread

from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.migrate import load, migrate
from lamina.services.scheduler.model.head import NONE, Head
from lamina.services.scheduler.model.scheduled import Scheduled, Spawned
from lamina.services.scheduler.store import heads, writes
from lamina.services.scheduler.store.schema import MIGRATIONS, NAME
from lamina.services.scheduler.store.writes import Outcome


async def _spawned(dsn: str) -> tuple[Database, Scheduled]:
    """A database with one process, and the assignment that would be its first."""
    database = await Database.connect(PoolOptions(dsn))
    await migrate(database, load(NAME, MIGRATIONS))
    process_id = os.urandom(32)
    await writes.spawn(database, Spawned(process_id, b"item", 1, Head(NONE, None, None, 1000), None))
    head = Head(0, os.urandom(32), os.urandom(32), 1001)
    return database, Scheduled(process_id, os.urandom(32), None, head, b"assignment", b"message")


@pytest.mark.parametrize("is_done", [True, False])
def test_who_appends_again_waits_until_the_server_has_come_to_the_commit_before(
    empty_dsn: str, *, is_done: bool
) -> None:
    async def work() -> tuple[Sequence[Outcome], set[bytes], Scheduled, Head | None]:
        database, scheduled = await _spawned(empty_dsn)
        backend = await asyncpg.connect(empty_dsn)  # whose client is gone, and whose COMMIT is on its way
        transaction = backend.transaction()
        await transaction.start()
        await writes._insert(backend, [scheduled])  # pyright: ignore[reportArgumentType]
        again = asyncio.create_task(writes.append(database, [scheduled]))
        while not await database.fetchval("test.waits", "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not again.done(), "it did not wait for the commit before"
            await asyncio.sleep(0.01)
        await (transaction.commit() if is_done else transaction.rollback())
        outcomes = await again
        found = await writes.find_stored(database, [scheduled])
        head = await heads.find(database, scheduled.process_id)
        await backend.close()
        await database.close()
        return outcomes, found, scheduled, head

    outcomes, found, scheduled, head = in_thread(work())
    assert outcomes == (["moved"] if is_done else ["stored"])
    assert found == {scheduled.head.assignment_id}
    assert head == scheduled.head


def test_a_statement_that_arrives_after_it_was_sent_again_changes_nothing(empty_dsn: str) -> None:
    async def work() -> tuple[Sequence[Outcome], Sequence[Outcome], int]:
        database, scheduled = await _spawned(empty_dsn)
        again = await writes.append(database, [scheduled])
        late = await writes.append(database, [scheduled])
        count = await database.fetchval("test.count", "SELECT count(*) FROM scheduler.messages")
        await database.close()
        return again, late, count

    assert in_thread(work()) == (["stored"], ["moved"], 1)
