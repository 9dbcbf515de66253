"""A background event loop for synchronous callers."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from lamina.services.ledger.errors import OperationError
from lamina.services.ledger.facade.runner import LoopThread


async def thread_name() -> str:
    await asyncio.sleep(0)
    return threading.current_thread().name


async def failing() -> None:
    raise LookupError("this is what went wrong")


def test_work_runs_elsewhere_and_its_result_or_error_comes_back() -> None:
    runner = LoopThread()
    assert runner.run(thread_name()) != threading.current_thread().name
    with pytest.raises(LookupError, match="this is what went wrong"):
        runner.run(failing())
    assert runner.run(thread_name())
    runner.close()


def test_callers_of_many_threads_wait_side_by_side() -> None:
    runner, meeting = LoopThread(), asyncio.Barrier(4)

    async def meet() -> int:
        return await meeting.wait()

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(lambda _: runner.run(meet()), range(4))) == [0, 1, 2, 3]
    runner.close()


def test_closing_cuts_work_that_is_under_way() -> None:
    runner, started, ended = LoopThread(), threading.Event(), threading.Event()

    async def endless() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(runner.run, endless())
        assert started.wait(10)
        runner.close()
        with pytest.raises(OperationError):
            waiting.result(10)
    assert ended.is_set()


def test_a_closed_runner_refuses_work_and_leaves_no_thread() -> None:
    before = threading.active_count()
    runner = LoopThread()
    assert threading.active_count() == before + 1
    runner.close()
    runner.close()
    assert threading.active_count() == before
    with pytest.raises(OperationError):
        runner.run(thread_name())
