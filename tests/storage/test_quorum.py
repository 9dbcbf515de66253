"""What the storage layer makes of a quorum cluster: lost quorums, cancelled waits, hosts that changed roles."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from tests.faults.key_load import TABLE
from tests.quorum_cluster import ROLE, QuorumCluster, wait_until
from tests.running_platform import open_directory

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable, QuorumLost
from lamina.kernel.storage.database import Connection, Database, PoolOptions
from lamina.kernel.storage.metrics import REPLICATION_WAITS_CANCELLED

ANSWER_MAX_S = 5.0
APPLICATION = "lamina test"
INSERT = "INSERT INTO keys VALUES ($1)"
FIND = "SELECT key FROM keys WHERE key = $1"
OPEN = (
    f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{APPLICATION}' "
    "AND wait_event IS DISTINCT FROM 'SyncRep'"
)
PLAIN = "plain"


@pytest.fixture
def cluster(whole_cluster: QuorumCluster) -> QuorumCluster:
    """Whole, with an empty table."""
    whole_cluster.primary.execute("DROP TABLE IF EXISTS public.keys", TABLE)
    return whole_cluster


@pytest.fixture
def own_cluster() -> Iterator[QuorumCluster]:
    """For tests that change roles."""
    with open_directory() as directory, QuorumCluster(directory).running() as cluster:
        cluster.primary.execute(TABLE)
        yield cluster


@asynccontextmanager
async def connected(dsn: str, connections: int = 4) -> AsyncIterator[Database]:
    """A pool with every connection open."""
    database = await Database.connect(PoolOptions(dsn, connections_max=connections, application=APPLICATION))
    try:
        await asyncio.gather(
            *(database.fetchval("test.sleep", "SELECT pg_sleep(0.05)") for _ in range(connections))
        )
        yield database
    finally:
        await database.close()


def plain_dsn(cluster: QuorumCluster) -> str:
    """As a role that may not see what others do."""
    return f"postgresql://{PLAIN}:{PLAIN}@" + cluster.dsn.partition("@")[2]


async def store(database: Database, key: int) -> object:
    return await database.store("test.store_key", INSERT, key)


async def insert(database: Database, key: int) -> object:
    async def work(cx: Connection) -> None:
        await cx.execute(INSERT, key)

    return await database.run("test.insert_key", work)


def cancelled_waits(name: str) -> float:
    """What the metric says."""
    return REPLICATION_WAITS_CANCELLED.labels(name)._value.get()


async def test_without_a_quorum_nothing_is_called_done(cluster: QuorumCluster) -> None:
    """Distribution-and-reliability 10.4: no cancel request, no success by a cancelled wait, no pile of waiters."""
    cluster.primary.execute(
        f"CREATE ROLE {PLAIN} LOGIN PASSWORD '{PLAIN}'", f"GRANT SELECT, INSERT ON keys TO {PLAIN}"
    )
    primary, standbys = cluster.primary, list(cluster.standbys)
    async with connected(cluster.dsn) as database, connected(plain_dsn(cluster)) as plain:
        assert await database.check() is None
        assert await plain.check() is None
        for node in standbys:
            node.stop_receiving()

        cancelled = [asyncio.ensure_future(store(database, 1)), asyncio.ensure_future(insert(database, 2))]
        await asyncio.to_thread(primary.cancel_waiting, 2)
        for task in cancelled:
            with pytest.raises(CommitUnknown, match="cancelled"):
                await task
        assert (cancelled_waits("test.store_key"), cancelled_waits("test.insert_key")) == (1, 1)
        assert primary.value("SELECT count(*) FROM keys") == 2  # a lie that a reader would believe

        started = time.monotonic()
        outcomes = await asyncio.gather(
            store(database, 3),
            insert(plain, 4),
            database.confirm("test.find_key", FIND, 1),
            return_exceptions=True,
        )
        assert [type(each) for each in outcomes] == [CommitUnknown] * 3
        assert time.monotonic() - started < ANSWER_MAX_S
        assert primary.value("SELECT count(*) FROM keys") == 2  # nobody cancelled these
        assert primary.waiting() == 3

        assert await database.check() == (
            "degraded: quorum lost: 0 of the 1 standbys that a commit needs are connected"
        )
        assert "degraded: quorum lost: a commit has been waiting" in str(await plain.check())
        for each in (database, plain):
            for write in (store, insert):
                started = time.monotonic()
                with pytest.raises(QuorumLost, match="Nothing was stored"):
                    await write(each, 5)
                assert time.monotonic() - started < 0.5
        assert primary.waiting() == 3
        assert await database.fetchval("test.count_keys", "SELECT count(*) FROM keys") == 2

        standbys[1].follow(primary)
        started = time.monotonic()
        while await database.check() or await plain.check():
            await asyncio.sleep(0.05)
        await store(database, 6)
        await insert(plain, 7)
        assert time.monotonic() - started < ANSWER_MAX_S
        found = [await plain.confirm("test.find_key", FIND, key) for key in (1, 2, 3, 4, 5)]
        assert [len(rows) for rows in found] == [1, 1, 1, 1, 0]


async def test_a_primary_that_lives_on_after_a_failover_is_left_and_never_returned_to(
    own_cluster: QuorumCluster,
) -> None:
    cluster, old = own_cluster, own_cluster.primary
    async with connected(cluster.dsn) as database:
        assert old.value(OPEN) == 4
        new = await asyncio.to_thread(cluster.promote)
        with pytest.raises(CommitUnknown):
            await store(database, 1)
        assert await database.confirm("test.find_key", FIND, 1) == []
        await asyncio.to_thread(
            wait_until, lambda: old.value(OPEN) == 0, "idle connections to the old primary"
        )
        await store(database, 2)
        assert new.value("SELECT count(*) FROM keys WHERE key = 2") == 1

        new.set(default_transaction_read_only="on")
        with pytest.raises(DatabaseUnavailable, match="is on timeline 1, after 2"):
            await store(database, 3)
        await asyncio.to_thread(wait_until, lambda: new.value(OPEN) == 0, "connections to a read-only server")
        assert "no host takes writes" in str(await database.check())
        new.set(default_transaction_read_only="off")
        assert await database.check() is None
        await insert(database, 3)


async def test_a_primary_that_hangs_hides_nobody(own_cluster: QuorumCluster) -> None:
    cluster = own_cluster
    async with connected(cluster.dsn) as database:
        frozen = cluster.primary
        frozen.freeze()
        await asyncio.to_thread(cluster.promote)
        started = time.monotonic()
        assert len(await database.fetch("test.read_keys", "SELECT key FROM keys", timeout_s=0.5)) == 0
        await store(database, 1)
        assert time.monotonic() - started < ANSWER_MAX_S
        started = time.monotonic()
        async with connected(cluster.dsn) as newcomer:  # which asks the frozen server first
            await store(newcomer, 0)
        assert time.monotonic() - started < ANSWER_MAX_S / 2
        frozen.thaw()
        async with connected(cluster.dsn) as another:  # which does not know that there was a failover
            with pytest.raises(CommitUnknown):
                await store(another, 2)
            await store(another, 3)
        assert cluster.primary.value("SELECT array_agg(key ORDER BY key) FROM keys") == [0, 1, 3]


async def test_a_dsn_of_several_hosts_finds_the_primary_whatever_its_place(cluster: QuorumCluster) -> None:
    nodes = [*cluster.standbys, cluster.primary]
    anywhere = cluster.dsn_of(nodes).replace("&target_session_attrs=read-write", "")
    async with connected(anywhere) as database:
        await store(database, 1)
    for node in nodes[:2]:
        node.stop()
    async with connected(anywhere) as database:
        assert await database.fetchval("test.count_keys", "SELECT count(*) FROM keys") == 1
    cluster.primary.stop()
    with pytest.raises(DatabaseUnavailable, match="no host takes writes") as caught:
        await Database.connect(PoolOptions(anywhere))
    assert all(str(node.port) in str(caught.value) for node in nodes)
    assert ROLE not in str(caught.value)
