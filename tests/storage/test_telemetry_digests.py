"""A digest and the batches that are under way while it is made."""

import asyncio
from datetime import UTC, timedelta

import pytest
from tests.storage.telemetry_store import batch, message, midnight, open_peer, said

from lamina.kernel.storage.database import Database
from lamina.services.telemetry.model.peer import Peer
from lamina.services.telemetry.store import batches, connections, digests, logs, partitions, purge

OLD = midnight(-3) + timedelta(hours=1)
NAME = f"tetcore_logs_{OLD:%Y_%m_%d}"


@pytest.fixture
async def database(telemetry_database: Database) -> Database:
    await partitions.ensure(telemetry_database, (midnight(-5)).date())
    await partitions.ensure(telemetry_database, midnight().date())
    return telemetry_database


async def digest(database: Database) -> int:
    listed = await partitions.list_partitions(database)
    beginning = midnight(-1000).astimezone(UTC).replace(tzinfo=None)
    return await digests.make(database, listed, beginning, purge.now())


async def is_whole(database: Database) -> bool:
    rows = await database.fetch("test.whole", "SELECT is_whole FROM telemetry.digests WHERE name = $1", NAME)
    return bool(rows) and rows[0]["is_whole"]


async def identify(database: Database, peer: Peer, peer_id: str) -> None:
    await database.store(
        "test.identify",
        "UPDATE telemetry.peer_connections SET peer_id = $2 WHERE id = $1",
        peer.row_id, peer_id,
    )  # fmt: skip


async def counted(database: Database, peer_id: str) -> int:
    return sum(row["qty"] for row in await logs.count_by_type(database, peer_id, 10))


async def test_a_batch_that_was_copied_before_the_digest_and_committed_after_it_ends_it(
    database: Database,
) -> None:
    peer = await open_peer(database)
    await identify(database, peer, "Qm1")
    await said(database, peer, [OLD])

    async def digest_first() -> None:
        assert await digest(database) >= 1
        assert await is_whole(database)
        assert await counted(database, "Qm1") == 1

    late = await batch(database, [message(peer, OLD), message(peer, midnight())])
    await batches.write(database, late, durable=True, meanwhile=lambda: None, turn=digest_first)
    assert not await is_whole(database)
    assert await counted(database, "Qm1") == 3


async def test_a_batch_that_has_its_position_is_waited_for(database: Database) -> None:
    peer = await open_peer(database)
    await identify(database, peer, "Qm1")
    async with database.transaction("test.batch") as cx:
        await connections.lock(cx, [peer], durable=True)
        await cx.execute("UPDATE telemetry.stream SET position = position + 1")
        making = asyncio.create_task(digest(database))
        while not await database.fetchval("test.waits", "SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not making.done()
            await asyncio.sleep(0.01)
        await cx.execute(
            f"INSERT INTO telemetry.{NAME} (id, created_at, logs, peer_connection_id) VALUES (1, $1, '{{}}', $2)",
            OLD.replace(tzinfo=None), peer.row_id,
        )  # fmt: skip
    await making
    assert await is_whole(database)
    assert await counted(database, "Qm1") == 1


async def test_a_day_is_digested_once_and_again_when_it_has_been_quiet(database: Database) -> None:
    peer = await open_peer(database)
    await identify(database, peer, "Qm1")
    await said(database, peer, [OLD] * 3)
    assert await digest(database) >= 1
    assert await digest(database) == 0
    await said(database, peer, [OLD] * 2)
    assert await digest(database) == 0
    assert await counted(database, "Qm1") == 5
    await database.store("test.wait", "UPDATE telemetry.digests SET stale_at = stale_at - interval '1 hour'")
    assert await digest(database) == 1
    assert await is_whole(database)
    assert await counted(database, "Qm1") == 5


async def test_processes_that_digest_together_count_once(database: Database) -> None:
    peer = await open_peer(database)
    await identify(database, peer, "Qm1")
    await said(database, peer, [OLD] * 3)
    await asyncio.gather(*(digest(database) for _ in range(3)))
    assert await counted(database, "Qm1") == 3
