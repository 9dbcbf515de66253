"""Wake-up hints: quick while there is a connection, and never needed."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.wakeup import Wakeups

CHANNEL = "test_channel"
LISTENERS = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
POLL_S = 0.3


@pytest.fixture
async def plain(empty_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(empty_dsn)
    yield connection
    await connection.close()


@pytest.fixture
async def database(empty_dsn: str) -> AsyncIterator[Database]:
    database = await Database.connect(PoolOptions(empty_dsn, connections_max=2))
    yield database
    await database.close()


@asynccontextmanager
async def running(wakeups: Wakeups) -> AsyncGenerator["asyncio.Task[None]"]:
    task = asyncio.create_task(wakeups.run())
    try:
        yield task
    finally:
        task.cancel()
        results = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)


async def listener(plain: asyncpg.Connection, *, other_than: int | None = None) -> int:
    """Wait until somebody listens; returns its pid."""
    while True:
        pids = {row["pid"] for row in await plain.fetch(LISTENERS)} - {other_than}
        if pids:
            return pids.pop()
        await asyncio.sleep(0.02)


async def test_a_notification_wakes_at_once(database: Database, plain: asyncpg.Connection) -> None:
    wakeups = Wakeups(database, (CHANNEL, "other"))
    async with running(wakeups):
        await listener(plain)
        await wakeups.wait(CHANNEL, 0.2)  # the hint that follows every connect
        started = time.monotonic()
        asyncio.get_running_loop().call_later(
            0.05, lambda: asyncio.ensure_future(plain.execute(f"NOTIFY {CHANNEL}"))
        )
        await wakeups.wait(CHANNEL, 10)
        assert time.monotonic() - started < 2


async def test_a_hint_given_before_the_wait_is_not_lost(database: Database) -> None:
    wakeups = Wakeups(database, (CHANNEL,))
    wakeups.hint(CHANNEL)
    started = time.monotonic()
    await wakeups.wait(CHANNEL, 10)
    assert time.monotonic() - started < 1
    await wakeups.wait(CHANNEL, 0.05)


async def test_a_killed_connection_is_replaced_and_its_time_is_bridged_by_polling(
    database: Database, plain: asyncpg.Connection
) -> None:
    wakeups = Wakeups(database, (CHANNEL,))
    async with running(wakeups) as task:
        pid: int | None = None
        for _ in range(2):
            pid = await listener(plain, other_than=pid)
            await wakeups.wait(CHANNEL, 0.2)
            await plain.execute("SELECT pg_terminate_backend($1)", pid)
            await plain.execute(f"NOTIFY {CHANNEL}")
            started = time.monotonic()
            await wakeups.wait(CHANNEL, POLL_S)
            assert time.monotonic() - started < POLL_S + 1
        await listener(plain, other_than=pid)
        assert not task.done()
    assert await database.fetchval("test.read_one", "SELECT 1") == 1


async def test_whoever_waits_is_woken_after_a_reconnect(
    database: Database, plain: asyncpg.Connection
) -> None:
    wakeups = Wakeups(database, (CHANNEL,))
    async with running(wakeups):
        pid = await listener(plain)
        await wakeups.wait(CHANNEL, 0.2)
        waiting = asyncio.ensure_future(wakeups.wait(CHANNEL, 10))
        await plain.execute("SELECT pg_terminate_backend($1)", pid)
        await asyncio.wait_for(waiting, 5)


async def test_with_hints_off_nobody_listens_and_polling_goes_on(
    database: Database, plain: asyncpg.Connection
) -> None:
    wakeups = Wakeups(database, (CHANNEL,), enabled=False)
    async with running(wakeups):
        started = time.monotonic()
        await plain.execute(f"NOTIFY {CHANNEL}")
        await wakeups.wait(CHANNEL, POLL_S)
        assert POLL_S * 0.9 <= time.monotonic() - started < POLL_S + 1
        assert not await plain.fetch(LISTENERS)


async def test_a_hint_does_not_swallow_a_cancellation(database: Database) -> None:
    """A process that is told to drain while hints arrive must end."""
    wakeups = Wakeups(database, (CHANNEL,))
    waiting = asyncio.create_task(wakeups.wait(CHANNEL, 60))
    await asyncio.sleep(0)
    wakeups.hint(CHANNEL)
    waiting.cancel()
    results = await asyncio.gather(waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
