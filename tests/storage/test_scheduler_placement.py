"""Placing spawns: one record for each, whoever asks at once and whatever becomes of the connection."""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest
from tests.cutting_proxy import CuttingProxy, Fault
from tests.postgres_server import drop_database, fetch, new_database

from lamina.kernel.errors import CommitUnknown
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.migrate import load, migrate
from lamina.services.scheduler.model.unit import ListedUnit
from lamina.services.scheduler.model.unplaced import Unplaced
from lamina.services.scheduler.sequencer.placer import Placer
from lamina.services.scheduler.settings import SchedulerSettings
from lamina.services.scheduler.store import placements, schema, units

UNITS = [ListedUnit(f"http://su{number}") for number in range(3)]


@pytest.fixture
def dsn(postgres: str) -> Iterator[str]:
    made = new_database(postgres)
    yield made
    drop_database(postgres, made)


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[Database]:
    """A pool on a database with the scheduler's tables and three units."""
    database = await Database.connect(PoolOptions(dsn))
    await migrate(database, load(schema.NAME, schema.MIGRATIONS))
    await units.keep(database, UNITS)
    yield database
    await database.close()


@contextlib.asynccontextmanager
async def placer_on(database: Database) -> AsyncIterator[Placer]:
    placer = Placer(database, SchedulerSettings(), set)
    run = asyncio.create_task(placer.run())
    try:
        yield placer
    finally:
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


def spawns(count: int) -> list[Unplaced]:
    return [Unplaced(os.urandom(32), "o" * 43) for _ in range(count)]


def counts(dsn: str) -> list[int]:
    return [row["process_count"] for row in fetch(dsn, "SELECT * FROM scheduler.schedulers ORDER BY row_id")]


def recorded(dsn: str) -> list[int]:
    """Records of each unit, counted."""
    return [
        row["many"]
        for row in fetch(
            dsn,
            "SELECT (SELECT count(*) FROM scheduler.process_schedulers p WHERE p.scheduler_row_id = s.row_id) AS many "
            "FROM scheduler.schedulers s ORDER BY row_id",
        )
    ]


async def place_all(placer: Placer, wanted: Sequence[Unplaced]) -> dict[bytes, str]:
    urls = await asyncio.gather(*(placer.place(each) for each in wanted))
    return {each.process_id: url for each, url in zip(wanted, urls, strict=True)}


async def test_routers_that_race_agree(pool: Database, dsn: str) -> None:
    """Four routers, each asked for every process in its own order, and the list taken over meanwhile."""
    wanted = spawns(120)
    others = [await Database.connect(PoolOptions(dsn)) for _ in range(3)]
    async with contextlib.AsyncExitStack() as stack:
        placers = [await stack.enter_async_context(placer_on(each)) for each in (pool, *others)]
        orders = [wanted, wanted[::-1], wanted[60:] + wanted[:60], wanted[::2] + wanted[1::2]]
        lists = [units.keep(pool, UNITS[::-1]) for _ in range(10)]
        placed, _ = await asyncio.gather(
            asyncio.gather(
                *(place_all(placer, order) for placer, order in zip(placers, orders, strict=True))
            ),
            asyncio.gather(*lists),
        )
    for each in others:
        await each.close()
    assert all(each == placed[0] for each in placed)
    assert Counter(placed[0].values()) == {unit.url: 40 for unit in UNITS}
    assert counts(dsn) == recorded(dsn) == [40, 40, 40]


@pytest.mark.parametrize("fault", [Fault.LOSE, Fault.LOSE_ANSWER])
async def test_a_commit_whose_outcome_is_unknown(pool: Database, dsn: str, fault: Fault) -> None:
    (wanted,) = spawns(1)
    async with CuttingProxy(dsn).running() as proxy:
        through = await Database.connect(PoolOptions(proxy.dsn))
        proxy.arm(fault)
        async with placer_on(through) as placer:
            if fault is Fault.LOSE:
                with pytest.raises(CommitUnknown):
                    await placer.place(wanted)
                assert sum(counts(dsn)) == 0
            url = await placer.place(wanted)
            assert await placer.place(wanted) == url
        assert proxy.broken == 1
        await through.close()
    assert counts(dsn) == recorded(dsn) == [1, 0, 0]
    assert await placements.find(pool, wanted.process_id) == url


async def test_a_record_that_somebody_makes_without_the_lock_wins(pool: Database, dsn: str) -> None:
    """Such as an import: it commits between our look and our insert."""
    (wanted,) = spawns(1)
    async with pool.transaction("test.import") as cx:
        await cx.execute(
            "INSERT INTO scheduler.process_schedulers (process_id, scheduler_row_id) "
            "SELECT $1, row_id FROM scheduler.schedulers WHERE url = 'http://su2'",
            wanted.process_id,
        )
        ours = asyncio.create_task(placements.place(pool, [wanted], set()))
        await asyncio.sleep(0.2)  # it reads, chooses, and waits for the import's row
        assert not ours.done()
    assert await ours == {wanted.process_id: "http://su2"}
    assert counts(dsn) == [0, 0, 0]
    assert recorded(dsn) == [0, 0, 1]


async def test_a_list_is_taken_over(pool: Database, dsn: str) -> None:
    await units.keep(
        pool, [ListedUnit("http://su1", no_route=True, wallets_to_route="a,b", wallets_only=True)]
    )
    await units.keep(pool, [ListedUnit("http://su1", no_route=True), ListedUnit("http://su9")])
    known = await units.every(pool)
    assert [(each.url, each.no_route, each.wallets, each.wallets_only) for each in known] == [
        ("http://su0", False, frozenset(), False),
        ("http://su1", True, frozenset(), False),
        ("http://su2", False, frozenset(), False),
        ("http://su9", False, frozenset(), False),
    ]
    rows = fetch(dsn, "SELECT no_route, wallets_only FROM scheduler.schedulers ORDER BY row_id")
    assert [tuple(row) for row in rows] == [(None, None), (True, None), (None, None), (None, None)]


async def test_what_a_backup_must_have_again(pool: Database) -> None:
    await placements.place(pool, spawns(5), set())
    async with pool.transaction("test.position") as cx:
        assert (await schema.position(cx))["placements"] == 5
        await cx.execute("DROP TABLE scheduler.process_schedulers")  # as it was before there were routers
        assert "placements" not in await schema.position(cx)
