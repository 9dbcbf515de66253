"""Days of messages: made ahead, moved, dropped; connections are removed only when nobody needs them."""

import asyncio
import random
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from tests.storage.telemetry_store import (
    DAY,
    at_once,
    batch,
    count,
    message,
    midnight,
    open_peer,
    partition_names,
    said,
    write,
)

from lamina.kernel.storage.database import Database, RowsRefused
from lamina.services.telemetry.intake.purge import Purge
from lamina.services.telemetry.model.peer import Peer
from lamina.services.telemetry.settings import TelemetrySettings
from lamina.services.telemetry.store import batches, connections, partitions, purge
from lamina.services.telemetry.store.partitions import AHEAD_DAYS, GAP_DAYS_MAX

TODAY = midnight().date()
SLICE = 1000


def named(days: int) -> str:
    return f"{midnight(days):%Y_%m_%d}"


def naive(moment: datetime) -> datetime:
    """The moment as the tables hold it."""
    return moment.astimezone(UTC).replace(tzinfo=None)


@pytest.fixture
def database(telemetry_database: Database) -> Database:
    return telemetry_database


async def where(database: Database) -> dict[str, int]:
    """How many messages lie in which partition."""
    rows = await database.fetch(
        "test.where",
        "SELECT tableoid::regclass::text AS name, count(*) AS count FROM telemetry.tetcore_logs GROUP BY 1",
    )
    return {row["name"].removeprefix("telemetry.tetcore_logs_"): row["count"] for row in rows}


async def age_connections(database: Database) -> None:
    """As if every connection on record had been made and last seen a day ago."""
    await database.store(
        "test.age",
        "UPDATE telemetry.peer_connections SET created_at = created_at - interval '1 day', last_seen = last_seen - interval '1 day'",
    )


# --- partitions ---


async def test_days_are_made_ahead_and_made_once(database: Database) -> None:
    expected = sorted(["audit", "future", "past", *(named(day) for day in range(-1, AHEAD_DAYS))])
    for _ in range(2):
        await partitions.ensure(database, TODAY)
        assert await partition_names(database) == expected
    await partitions.ensure(database, TODAY + DAY)
    assert await partition_names(database) == sorted([*expected, named(AHEAD_DAYS)])


async def test_processes_that_start_together_make_each_day_once(database: Database) -> None:
    await asyncio.gather(*(partitions.ensure(database, TODAY) for _ in range(4)))
    assert len(await partition_names(database)) == 4 + AHEAD_DAYS


async def test_messages_lie_where_their_time_puts_them(database: Database) -> None:
    await partitions.ensure(database, TODAY)
    node, audit = await open_peer(database), await open_peer(database, audit=True)
    moments = [
        datetime(1, 1, 1, tzinfo=UTC), midnight(-30), midnight(-1), midnight() - timedelta(microseconds=1), midnight(),
        midnight(1), midnight(AHEAD_DAYS), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ]  # fmt: skip
    await said(database, node, moments)
    await said(database, audit, moments)
    assert await where(database) == {
        "past": 2, named(-1): 2, named(0): 1, named(1): 1, "future": 2, "audit": len(moments),
    }  # fmt: skip


async def test_what_waited_in_the_future_moves_when_its_day_is_made(database: Database) -> None:
    await partitions.ensure(database, TODAY)
    node = await open_peer(database)
    await said(database, node, [midnight(AHEAD_DAYS + day) for day in range(3)] * 2)
    before = await database.fetch(
        "test.rows", "SELECT id, created_at, logs::text FROM telemetry.tetcore_logs ORDER BY id"
    )
    await partitions.ensure(database, TODAY + 2 * DAY)
    assert await where(database) == {named(AHEAD_DAYS): 2, named(AHEAD_DAYS + 1): 2, "future": 2}
    assert before == await database.fetch(
        "test.rows", "SELECT id, created_at, logs::text FROM telemetry.tetcore_logs ORDER BY id"
    )


async def test_a_long_absence_is_one_partition(database: Database) -> None:
    await partitions.ensure(database, TODAY - timedelta(days=400))
    await partitions.ensure(database, TODAY)
    names = await partition_names(database)
    assert len(names) == 3 + (1 + AHEAD_DAYS) + 1 + (1 + AHEAD_DAYS)
    node = await open_peer(database)
    await said(database, node, [midnight(-day) for day in (0, 1, 2, 100, 300, 397, 401, 402)])
    assert "future" not in await where(database)
    assert sum((await where(database)).values()) == 8


async def test_a_short_absence_is_filled_day_by_day(database: Database) -> None:
    await partitions.ensure(database, TODAY - timedelta(days=GAP_DAYS_MAX - 1))
    await partitions.ensure(database, TODAY)
    dated = set(await partition_names(database)) - {"past", "future", "audit"}
    assert dated == {named(day) for day in range(-GAP_DAYS_MAX, AHEAD_DAYS)}


async def test_a_day_is_made_although_somebody_stores_for_it_just_now(
    database: Database, telemetry_dsn: str
) -> None:
    """A clock that runs ahead stores into `future` while the day is being made."""
    await partitions.ensure(database, TODAY)
    node = await open_peer(database)
    storing = await asyncpg.connect(telemetry_dsn)
    try:
        transaction = storing.transaction()
        await transaction.start()
        await storing.execute(
            "INSERT INTO telemetry.tetcore_logs (created_at, logs, peer_connection_id) VALUES ($1, '{}', $2)",
            naive(midnight(AHEAD_DAYS)), node.row_id,
        )  # fmt: skip
        making = asyncio.create_task(partitions.ensure(database, TODAY + DAY))
        while not await storing.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not making.done()
            await asyncio.sleep(0.01)
        await transaction.commit()
        await making
    finally:
        await storing.close()
    assert await where(database) == {named(AHEAD_DAYS): 1}


# --- purge of messages ---


async def test_whole_days_are_dropped_and_the_edge_is_sliced(database: Database) -> None:
    await partitions.ensure(database, TODAY - 5 * DAY)
    await partitions.ensure(database, TODAY)
    node, audit = await open_peer(database), await open_peer(database, audit=True)
    hours = [midnight(-day) + timedelta(hours=hour) for day in range(8) for hour in (1, 11, 13, 23)]
    await said(database, node, hours)
    await said(database, audit, hours)
    cutoff = midnight(-2) + timedelta(hours=12)
    await purge.purge_logs(database, naive(cutoff), SLICE)
    left = [at for at in hours if at >= cutoff]
    rows = await database.fetch("test.rows", "SELECT created_at FROM telemetry.tetcore_logs WHERE NOT audit")
    assert sorted(row["created_at"] for row in rows) == sorted(map(naive, left))
    assert (await where(database))["audit"] == len(hours)
    names = await partition_names(database)
    assert not {named(-day) for day in range(3, 7)} & set(names)
    assert {"past", named(-2), named(-1), named(0)} <= set(names)
    # What comes late for a day that is gone is stored all the same, and goes with the next purge.
    await said(database, node, [midnight(-4), midnight(-40)])
    await purge.purge_logs(database, naive(cutoff), SLICE)
    assert await count(database) == len(left) + len(hours)


async def test_a_purge_of_everything_spares_the_future_and_the_audit(database: Database) -> None:
    await partitions.ensure(database, TODAY)
    node, audit = await open_peer(database), await open_peer(database, audit=True)
    moments = [midnight(-40), midnight(-1), midnight(), midnight(1), midnight(30)]
    await said(database, node, moments)
    await said(database, audit, moments)
    await purge.purge_logs(database, purge.now(), SLICE)
    assert await where(database) == {named(1): 1, "future": 1, "audit": 5}


async def test_slices_are_as_large_as_they_may_be(database: Database) -> None:
    await partitions.ensure(database, TODAY)
    node = await open_peer(database)
    await said(database, node, [midnight() for _ in range(25)])
    assert await purge.purge_logs(database, naive(midnight(0) + timedelta(seconds=1)), 10) == 25


async def test_the_space_of_a_day_is_given_back(database: Database) -> None:
    await partitions.ensure(database, TODAY - 2 * DAY)
    node = await open_peer(database)
    await said(database, node, [midnight(-2) + timedelta(seconds=each) for each in range(3000)])
    size = (
        "SELECT sum(pg_total_relation_size(relid))::bigint FROM pg_partition_tree('telemetry.tetcore_logs')"
    )
    before = await database.fetchval("test.size", size)
    await purge.purge_logs(database, naive(midnight()), SLICE)
    after = await database.fetchval("test.size", size)
    assert before - after > 3000 * 50
    assert await count(database) == 0


async def test_two_purges_at_once(database: Database) -> None:
    await partitions.ensure(database, TODAY - 3 * DAY)
    node = await open_peer(database)
    moments = [midnight(-day) for day in range(5) for _ in range(200)]
    await said(database, node, moments)
    await asyncio.gather(*(purge.purge_logs(database, purge.now(), 50) for _ in range(3)))
    assert await count(database) == 0
    await partitions.ensure(database, TODAY)
    await said(database, node, moments)
    assert await count(database) == len(moments)


async def test_batches_go_on_while_days_are_dropped(database: Database) -> None:
    await partitions.ensure(database, TODAY - 10 * DAY)
    await partitions.ensure(database, TODAY)
    node = await open_peer(database)
    done = asyncio.Event()
    batches_written = 0

    async def store() -> None:
        nonlocal batches_written
        while not done.is_set():
            await said(database, node, [midnight(-day) for day in range(12)])
            batches_written += 1

    storing = asyncio.create_task(store())
    for day in range(10, -1, -1):
        await purge.purge_logs(database, naive(midnight(-day)), SLICE)
    done.set()
    await storing
    assert batches_written > 0
    rows = await database.fetch(
        "test.rows",
        "SELECT count(*) AS count FROM telemetry.tetcore_logs WHERE created_at >= $1",
        naive(midnight()),
    )
    assert rows[0]["count"] == batches_written


async def test_a_view_on_a_day_keeps_that_day_and_nothing_else(database: Database) -> None:
    """Somebody's own view on a partition makes PostgreSQL refuse to drop it."""
    await partitions.ensure(database, TODAY - 3 * DAY)
    await partitions.ensure(database, TODAY)
    node = await open_peer(database)
    await said(database, node, [midnight(-3), midnight(-2), midnight()])
    await database.store(
        "test.view", f"CREATE VIEW public.mine AS SELECT * FROM telemetry.tetcore_logs_{named(-3)}"
    )
    for _ in range(2):
        await Purge(database, TelemetrySettings()).once(0)
    names = await partition_names(database)
    assert (named(-3) in names, named(-2) in names) == (True, False)
    assert await count(database) == 0


# --- purge of connections ---


async def purged(database: Database, *, spared_s: float = 0.0, cutoff: datetime | None = None) -> int:
    return await purge.purge_connections(database, cutoff or purge.now(), spared_s, 2)


async def rows_left(database: Database) -> list[int]:
    rows = await database.fetch("test.rows", "SELECT id FROM telemetry.peer_connections ORDER BY id")
    return [row["id"] for row in rows]


async def test_connections_that_are_over_and_empty_are_removed(database: Database) -> None:
    await partitions.ensure(database, TODAY)
    closed = [await open_peer(database) for _ in range(5)]
    lost, live, talking = [await open_peer(database) for _ in range(3)]
    await age_connections(database)
    await connections.touch(database, [live])
    await write(database, [message(talking, midnight())], closed)
    await database.store(
        "test.end",
        "UPDATE telemetry.peer_connections SET last_seen = last_seen - interval '1 day' WHERE closed_at IS NOT NULL",
    )
    assert await purged(database) == 6
    assert await rows_left(database) == [live.row_id, talking.row_id]
    assert lost.row_id not in await rows_left(database)
    assert await purge.purge_logs(database, purge.now(), SLICE) == 1
    assert await purged(database) == 1


async def test_young_connections_are_spared(database: Database) -> None:
    peer = await open_peer(database)
    await write(database, [], [peer])
    assert await purged(database, spared_s=60) == 0
    assert await purged(database) == 1


async def test_a_known_peer_stays_until_its_messages_would_be_gone(database: Database) -> None:
    peer = await open_peer(database)
    await age_connections(database)
    await database.store(
        "test.name", "UPDATE telemetry.peer_connections SET peer_id = 'Qm', closed_at = last_seen"
    )
    assert await purged(database, cutoff=purge.now() - timedelta(days=2)) == 0
    assert await purged(database) == 1
    assert peer.row_id not in await rows_left(database)


async def test_a_purged_connection_is_made_again_by_its_next_batch(database: Database) -> None:
    await partitions.ensure(database, TODAY)
    peer = await open_peer(database, audit=True, address="203.0.113.7:1")
    await database.store("test.delete", "DELETE FROM telemetry.peer_connections")
    first = message(peer, midnight(), msg="system.connected", network_id="Qm1")
    await write(database, [first, message(peer, midnight())])
    row = await database.fetchrow("test.row", "SELECT * FROM telemetry.peer_connections")
    assert row is not None
    assert (row["id"], row["ip_addr"], row["audit"]) == (peer.row_id, "203.0.113.7:1", True)
    assert await count(database) == 2


async def test_a_batch_wins_the_race_with_the_purge(database: Database, telemetry_dsn: str) -> None:
    """The purge has locked the row; the batch waits, and makes it again."""
    await partitions.ensure(database, TODAY)
    peer = await open_peer(database)
    purging = await asyncpg.connect(telemetry_dsn)
    try:
        transaction = purging.transaction()
        await transaction.start()
        await purging.fetch("SELECT id FROM telemetry.peer_connections FOR UPDATE")
        storing = asyncio.create_task(said(database, peer, [midnight()]))
        while not await purging.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not storing.done()
            await asyncio.sleep(0.01)
        await purging.execute("DELETE FROM telemetry.peer_connections")
        await transaction.commit()
        await storing
    finally:
        await purging.close()
    assert await rows_left(database) == [peer.row_id]
    assert await count(database) == 1


async def test_the_purge_gives_way_to_a_batch(database: Database, telemetry_dsn: str) -> None:
    await partitions.ensure(database, TODAY)
    peer = await open_peer(database)
    await age_connections(database)
    storing = await asyncpg.connect(telemetry_dsn)
    try:
        transaction = storing.transaction()
        await transaction.start()
        await storing.fetch("SELECT id FROM telemetry.peer_connections FOR KEY SHARE")
        assert await purged(database) == 0
        await transaction.commit()
    finally:
        await storing.close()
    assert await rows_left(database) == [peer.row_id]


async def test_one_round_of_the_purger(database: Database) -> None:
    await partitions.ensure(database, TODAY)
    node, audit = await open_peer(database), await open_peer(database, audit=True)
    await said(database, node, [midnight(-1), midnight()])
    await said(database, audit, [midnight(-1)])
    await database.store(
        "test.age", "UPDATE telemetry.batches SET stored_at = stored_at - interval '2 hours'"
    )
    done = await Purge(database, TelemetrySettings()).once(0)
    assert done.connections == 0
    assert await count(database) == 1
    assert await count(database, "batches") == 0
    huge = await Purge(database, TelemetrySettings()).once(10**12)
    assert (huge.messages, await count(database)) == (0, 1)


# --- batches ---


async def test_a_batch_is_numbered_in_the_order_of_its_messages(database: Database) -> None:
    await partitions.ensure(database, TODAY)
    peer = await open_peer(database)
    stored = await write(database, [message(peer, midnight(-number), number=number) for number in range(50)])
    rows = await database.fetch(
        "test.rows", "SELECT id, (logs->>'number')::int AS number FROM telemetry.tetcore_logs ORDER BY id"
    )
    assert [(row["id"], row["number"]) for row in rows] == [
        (stored.first_id + number, number) for number in range(50)
    ]
    assert await batches.find(database, stored) == 1
    assert await batches.find(database, await batch(database, [message(peer, midnight())])) is None


async def test_a_refused_batch_leaves_nothing(database: Database) -> None:
    await partitions.ensure(database, TODAY)
    peer = await open_peer(database)
    long = random.Random(1).randbytes(40_000).hex()
    refused = await batch(database, [message(peer, midnight()), message(peer, midnight(), msg=long)])
    with pytest.raises(RowsRefused):
        await batches.write(database, refused, durable=True, meanwhile=lambda: None, turn=at_once)
    assert await count(database) == 0
    assert await batches.find(database, refused) is None


async def test_a_lost_commit_that_is_still_under_way_is_waited_for(
    database: Database, telemetry_dsn: str
) -> None:
    """The connection of the first try is cut; its server process has yet to read COMMIT."""
    await partitions.ensure(database, TODAY)
    peer = await open_peer(database)
    lost = await batch(database, [message(peer, midnight())])
    server = await asyncpg.connect(telemetry_dsn)
    try:
        transaction = server.transaction()
        await transaction.start()
        await server.execute("UPDATE telemetry.stream SET position = position + 1")
        await server.execute(
            "INSERT INTO telemetry.batches (position, receiver, first_id, last_id, since, until) "
            "SELECT position, $1, $2, $2, now(), now() FROM telemetry.stream",
            lost.receiver, lost.first_id,
        )  # fmt: skip
        looking = asyncio.create_task(batches.find(database, lost))
        await asyncio.sleep(0.5)
        await transaction.commit()
        assert await looking == 1
    finally:
        await server.close()


async def test_an_ended_socket_alone_is_a_batch(database: Database) -> None:
    peer = Peer("127.0.0.1:1", audit=False)
    await write(database, [], [peer])
    row = await database.fetchrow("test.row", "SELECT * FROM telemetry.peer_connections")
    assert row is not None
    assert row["closed_at"] is not None
    assert await count(database, "batches") == 0
