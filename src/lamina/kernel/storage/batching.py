"""Many awaiting requests, one piece of work: group commit for writes, one query for many reads.

Nothing waits for a timer when the worker is idle and `delay_s` is 0: a batch is whatever arrived while the
previous one was under way.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Generic, TypeVar

import structlog

from lamina.kernel.errors import LaminaError, Overloaded
from lamina.kernel.storage.database import RowsRefused
from lamina.kernel.storage.metrics import BATCH_ITEMS

_log = structlog.get_logger("lamina.storage")

T = TypeVar("T")
R = TypeVar("R")


class Batcher(Generic[T, R]):
    """Collects items and hands them on in batches; every submitter gets its own result or error.

    Args:
        name: label of the batch in metrics.
        work: turns a batch into one result (or exception) per item, in order.
        items_max: the largest batch.
        delay_s: how long to let company arrive before a batch starts.
        is_worth_delay: whether company is about to come, asked after each arrival; a batch that need not
            wait for any starts at once.
        queue_max: waiting items beyond which more are refused.
        concurrency: batches under way at once.
        patience_s: seconds a submitter waits for its result; for ever when absent. What it waited for goes
            on and may still happen.
        late: the error of a submitter whose patience ended.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[T]], Awaitable[Sequence[R | LaminaError]]],
        *,
        items_max: int,
        delay_s: float = 0.0,
        is_worth_delay: Callable[[], bool] = lambda: True,
        queue_max: int = 10_000,
        concurrency: int = 2,
        patience_s: float = inf,
        late: Callable[[], LaminaError] = Overloaded,
    ) -> None:
        self._name = name
        self._work = work
        self._items_max = items_max
        self._delay_s = delay_s
        self._is_worth_delay = is_worth_delay
        self._queue_max = queue_max
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._arrived = asyncio.Event()
        self._slots = asyncio.Semaphore(concurrency)
        self._patience_s = patience_s
        self._late = late
        self._unanswered: deque[tuple[float, asyncio.Future[R]]] = deque()
        self._sizes = BATCH_ITEMS.labels(name)

    async def submit(self, item: T) -> R:
        """Wait for the item's result.

        Raises:
            Overloaded: too many items are waiting.
            LaminaError: what the work said of this item, or of its whole batch; or `late`.
        """
        return await self.offer(item)

    def offer(self, item: T) -> "asyncio.Future[R]":
        """The future of the item's result; it fails as `submit` does."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        if len(self._waiting) >= self._queue_max:
            future.set_exception(Overloaded())
            return future
        self._waiting.append((item, future))
        self._arrived.set()
        if self._patience_s != inf:
            if not self._unanswered:
                loop.call_later(self._patience_s, self._end_patience, loop)
            self._unanswered.append((loop.time() + self._patience_s, future))
        return future

    def _end_patience(self, loop: asyncio.AbstractEventLoop) -> None:
        """Answer those that have waited too long; one timer serves all, since the oldest is always first."""
        unanswered = self._unanswered
        while unanswered:
            deadline, future = unanswered[0]
            if not future.done():
                if deadline > loop.time():
                    loop.call_at(deadline, self._end_patience, loop)
                    return
                future.set_exception(self._late())
            unanswered.popleft()

    async def run(self) -> None:
        """Serve batches until cancelled; batches under way are finished first."""
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self._arrived.wait()
                if self._delay_s:
                    await self._await_company()
                await self._slots.acquire()
                task = asyncio.create_task(self._serve(self._take()))
                under_way.add(task)
                task.add_done_callback(under_way.discard)
        finally:
            if under_way:
                await asyncio.wait(under_way)

    async def _await_company(self) -> None:
        """Let more arrive until it is time, the batch is full, or nothing is about to come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._delay_s):
                while len(self._waiting) < self._items_max and self._is_worth_delay():
                    self._arrived.clear()
                    await self._arrived.wait()
        self._arrived.set()

    def _take(self) -> list[tuple[T, asyncio.Future[R]]]:
        """Take the next batch off the queue."""
        count = min(self._items_max, len(self._waiting))
        batch = [self._waiting.popleft() for _ in range(count)]
        if not self._waiting:
            self._arrived.clear()
        return batch

    async def _serve(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            await self._answer([entry for entry in batch if not entry[1].done()])
        finally:
            self._slots.release()

    async def _answer(self, batch: list[tuple[T, asyncio.Future[R]]]) -> None:
        if not batch:
            return
        self._sizes.observe(len(batch))
        try:
            results = await self._work([item for item, _ in batch])
        except RowsRefused as refusal:
            await self._divide(batch, refusal)
        except LaminaError as error:
            _settle(batch, [error] * len(batch))
        except Exception as error:  # noqa: BLE001 - a programming error ends one batch, not the others
            _log.exception("batch failed", batch=self._name)
            failure = LaminaError(f"The batch ended early: {type(error).__name__}")
            _settle(batch, [failure] * len(batch))
        else:
            _settle(batch, results)

    async def _divide(self, batch: list[tuple[T, asyncio.Future[R]]], refusal: RowsRefused) -> None:
        """One refused row must not fail its neighbours: halve until it stands alone."""
        if len(batch) == 1:
            _settle(batch, [refusal])
            return
        middle = len(batch) // 2
        await self._answer(batch[:middle])
        await self._answer(batch[middle:])


def _settle(batch: Sequence[tuple[T, asyncio.Future[R]]], results: Sequence[R | LaminaError]) -> None:
    assert len(batch) == len(results), "a batch must answer every item"
    for (_, future), result in zip(batch, results, strict=True):
        if future.done():
            continue
        if isinstance(result, LaminaError):
            future.set_exception(result)
        else:
            future.set_result(result)
