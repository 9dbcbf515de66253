"""Group commit: every submitter gets its own result, whatever happens to its company."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg
import pytest

from lamina.kernel.errors import CommitUnknown, LaminaError, Overloaded
from lamina.kernel.storage.batching import Batcher
from lamina.kernel.storage.database import Database, PoolOptions, RowsRefused

Work = Callable[[Sequence[int]], Awaitable[Sequence[int | LaminaError]]]


class OddOne(LaminaError):
    """Odd numbers are refused."""


@asynccontextmanager
async def running(work: Work, **options: float) -> AsyncGenerator[Batcher[int, int]]:
    """A batcher at work."""
    batcher = Batcher[int, int]("test.batch", work, **{"items_max": 8, **options})  # type: ignore[arg-type]
    async with at_work(batcher):
        yield batcher


@asynccontextmanager
async def at_work(batcher: Batcher[int, int]) -> AsyncGenerator[None]:
    """It works until the block ends."""
    task = asyncio.create_task(batcher.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def outcomes(batcher: Batcher[int, int], items: Sequence[int]) -> list[int | BaseException]:
    """What each submitter of a crowd got."""
    return await asyncio.gather(*(batcher.submit(item) for item in items), return_exceptions=True)


async def test_every_submitter_gets_its_own_result() -> None:
    sizes: list[int] = []

    async def work(batch: Sequence[int]) -> Sequence[int | LaminaError]:
        sizes.append(len(batch))
        await asyncio.sleep(0.001 * (len(sizes) % 3))
        return [OddOne(f"{item}") if item % 2 else item * 10 for item in batch]

    async with running(work) as batcher:
        results = await outcomes(batcher, range(100))
    assert max(sizes) <= 8
    for item, result in enumerate(results):
        if item % 2:
            assert isinstance(result, OddOne)
            assert result.detail == f"{item}"
        else:
            assert result == item * 10


async def test_what_fails_a_batch_reaches_everyone_in_it_and_nobody_else() -> None:
    async def work(batch: Sequence[int]) -> Sequence[int | LaminaError]:
        if 3 in batch:
            raise CommitUnknown
        return list(batch)

    async with running(work, items_max=2, concurrency=1) as batcher:
        results = await outcomes(batcher, [0, 1, 2, 3, 4, 5])
        assert await batcher.submit(6) == 6
    assert [type(result) for result in results] == [int, int, CommitUnknown, CommitUnknown, int, int]


async def test_company_waits_for_no_longer_than_the_delay() -> None:
    batches: list[Sequence[int]] = []

    async def work(batch: Sequence[int]) -> Sequence[int | LaminaError]:
        batches.append(batch)
        return batch

    async with running(work, delay_s=0.05) as batcher:
        first = asyncio.ensure_future(batcher.submit(1))
        await asyncio.sleep(0.01)
        second = asyncio.ensure_future(batcher.submit(2))
        assert await asyncio.gather(first, second) == [1, 2]
    assert batches == [[1, 2]]


async def test_nobody_waits_for_company_that_is_not_about_to_come() -> None:
    batches: list[Sequence[int]] = []
    is_company_coming = True

    async def work(batch: Sequence[int]) -> Sequence[int | LaminaError]:
        batches.append(batch)
        return batch

    batcher = Batcher[int, int](
        "test.batch", work, items_max=8, delay_s=3600, is_worth_delay=lambda: is_company_coming
    )
    async with at_work(batcher):
        first = asyncio.ensure_future(batcher.submit(1))
        await asyncio.sleep(0.01)
        assert batches == []
        is_company_coming = False
        assert await asyncio.gather(first, batcher.submit(2)) == [1, 2]
        assert await batcher.submit(3) == 3
        is_company_coming = True
        assert await outcomes(batcher, range(8)) == list(range(8))
    assert batches == [[1, 2], [3], list(range(8))]


async def test_a_full_queue_refuses_and_keeps_what_it_has() -> None:
    gate = asyncio.Event()

    async def work(batch: Sequence[int]) -> Sequence[int | LaminaError]:
        await gate.wait()
        return batch

    async with running(work, items_max=1, concurrency=1, queue_max=2) as batcher:
        under_way = asyncio.ensure_future(batcher.submit(0))
        await asyncio.sleep(0.01)
        waiting = [asyncio.ensure_future(batcher.submit(item)) for item in (1, 2, 3)]
        await asyncio.sleep(0.01)
        with pytest.raises(Overloaded):
            await batcher.submit(9)
        gate.set()
        results = await asyncio.gather(under_way, *waiting, return_exceptions=True)
    assert sum(isinstance(result, Overloaded) for result in results) <= 1
    assert {0, 1, 2} <= {result for result in results if isinstance(result, int)}


async def test_a_submitter_that_leaves_takes_nobody_along() -> None:
    gate = asyncio.Event()
    worked: list[int] = []

    async def work(batch: Sequence[int]) -> Sequence[int | LaminaError]:
        worked.extend(batch)
        await gate.wait()
        return batch

    async with running(work, items_max=4, concurrency=1) as batcher:
        first = asyncio.ensure_future(batcher.submit(0))
        await asyncio.sleep(0.01)
        rest = [asyncio.ensure_future(batcher.submit(item)) for item in (1, 2, 3)]
        await asyncio.sleep(0.01)
        first.cancel()
        rest[1].cancel()
        gate.set()
        results = await asyncio.gather(first, *rest, return_exceptions=True)
        assert await batcher.submit(4) == 4
    assert [type(result) for result in results] == [asyncio.CancelledError, int, asyncio.CancelledError, int]
    assert worked == [0, 1, 3, 4]


async def test_a_batch_under_way_is_finished_before_the_batcher_ends() -> None:
    gate = asyncio.Event()

    async def work(batch: Sequence[int]) -> Sequence[int | LaminaError]:
        await gate.wait()
        return batch

    async with running(work) as batcher:
        submitted = asyncio.ensure_future(batcher.submit(1))
        await asyncio.sleep(0.01)
        asyncio.get_running_loop().call_later(0.02, gate.set)
    assert await submitted == 1


async def test_patience_ends_for_the_oldest_first_and_its_work_goes_on() -> None:
    gate = asyncio.Event()
    worked: list[int] = []

    async def work(batch: Sequence[int]) -> Sequence[int | LaminaError]:
        await gate.wait()
        worked.extend(batch)
        return batch

    async with running(work, items_max=1, concurrency=1, patience_s=0.1, late=CommitUnknown) as batcher:  # type: ignore[arg-type]
        old = [asyncio.ensure_future(batcher.submit(item)) for item in (0, 1)]
        await asyncio.sleep(0.06)
        young = asyncio.ensure_future(batcher.submit(2))
        done, pending = await asyncio.wait([*old, young], timeout=0.08)
        assert done == set(old)
        assert pending == {young}
        gate.set()
        results = await asyncio.gather(*old, young, return_exceptions=True)
        assert await batcher.submit(3) == 3
    assert [type(result) for result in results] == [CommitUnknown, CommitUnknown, int]
    assert worked[0] == 0
    assert worked[-2:] == [2, 3]


async def test_a_programming_error_reaches_its_submitters_and_not_the_other_batches() -> None:
    gate = asyncio.Event()

    async def work(batch: Sequence[int]) -> Sequence[int | LaminaError]:
        if 0 in batch:
            raise LookupError
        await gate.wait()
        return batch

    async with running(work, items_max=1, concurrency=2) as batcher:
        good = asyncio.ensure_future(batcher.submit(1))
        await asyncio.sleep(0.01)
        bad = asyncio.ensure_future(batcher.submit(0))
        await asyncio.sleep(0.01)
        gate.set()
        results = await asyncio.gather(good, bad, return_exceptions=True)
    assert results[0] == 1
    assert isinstance(results[1], LaminaError)


async def test_a_refused_row_does_not_fail_its_neighbours(empty_dsn: str) -> None:
    connection = await asyncpg.connect(empty_dsn)
    await connection.execute("CREATE TABLE notes (id int PRIMARY KEY CHECK (id NOT IN (13, 77)))")
    database = await Database.connect(PoolOptions(empty_dsn))

    async def work(batch: Sequence[int]) -> Sequence[int | LaminaError]:
        await database.store("test.store_notes", "INSERT INTO notes SELECT unnest($1::int[])", batch)
        return batch

    async with running(work, items_max=64) as batcher:
        results = await outcomes(batcher, range(100))
    refused = [item for item, result in enumerate(results) if isinstance(result, RowsRefused)]
    assert refused == [13, 77]
    stored = await connection.fetch("SELECT id FROM notes ORDER BY id")
    assert [row["id"] for row in stored] == [item for item in range(100) if item not in refused]
    await database.close()
    await connection.close()
