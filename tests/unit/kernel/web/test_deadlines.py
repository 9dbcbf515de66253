"""One timer over many tasks."""

import asyncio

import pytest

from lamina.kernel.web.deadlines import Deadlines


async def watched(deadlines: Deadlines, work_s: float, *, released: bool = False) -> str:
    task = deadlines.watch()
    if released:
        deadlines.release(task)
    try:
        await asyncio.sleep(work_s)
    except asyncio.CancelledError:
        if not deadlines.expired(task):
            raise
        await asyncio.sleep(0)
        return "expired"
    finally:
        deadlines.release(task)
    return "done"


async def test_only_the_late_are_cancelled_and_can_go_on():
    deadlines = Deadlines(0.2)
    outcomes = await asyncio.gather(
        watched(deadlines, 0.01), watched(deadlines, 5), watched(deadlines, 0.5, released=True)
    )
    assert outcomes == ["done", "expired", "done"]


async def test_works_again_after_standing_still():
    deadlines = Deadlines(0.1)
    assert await watched(deadlines, 5) == "expired"
    await asyncio.sleep(0.2)
    assert await watched(deadlines, 5) == "expired"


async def test_other_cancellations_stay_cancellations():
    task = asyncio.create_task(watched(Deadlines(5), 5))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
