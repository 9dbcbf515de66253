"""One process's messages in the order they came: each is signed on top of the one before it.

Signing does not wait for the commit of what it builds on; what was built on a failure is built again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from lamina.kernel.clock import Clock
from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import RowsRefused
from lamina.services.scheduler.errors import ClockBehind, MessageExists, ProcessNotFound
from lamina.services.scheduler.metrics import CONFLICTS, SAVE_FAILURES, observe
from lamina.services.scheduler.model.head import Head
from lamina.services.scheduler.model.scheduled import Scheduled
from lamina.services.scheduler.rules.assignment import Assigned, Order, Stretch
from lamina.services.scheduler.sequencer.signer import LOT_SIGNATURES, Signer
from lamina.services.scheduler.store.writes import Outcome

CAREFUL_S = 1.0
"""After another unit was faster, so long nothing is built on what is not stored."""


@dataclass(slots=True, eq=False)
class Submission:
    """A message that wants its place.

    Attributes:
        message_id: 32 bytes.
        item: the posted bytes; None where only an assignment is wanted.
        exclude: as the client asked.
        deep_hashes: see `Scheduled`.
        payload: see `Scheduled`.
        since: when it came, by `time.perf_counter()`; None once its turn has come a first time.
        done: gets the assignment's id.
    """

    message_id: bytes
    item: bytes | None
    exclude: tuple[str, ...] = ()
    deep_hashes: tuple[bytes, ...] = ()
    payload: bytes | None = None
    since: float | None = field(default_factory=time.perf_counter)
    done: "asyncio.Future[bytes]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(frozen=True, slots=True)
class Means:
    """What every line works with."""

    signer: Signer
    find_head: Callable[[bytes], Awaitable[Head | None]]
    store: Callable[[Scheduled], "asyncio.Future[Outcome]"]
    block_height: Callable[[], int]
    clock: Clock
    clock_lag_ms: int


class Line:
    """The queue of one process in this unit."""

    def __init__(self, process_id: bytes, means: Means) -> None:
        """Start with an unknown head."""
        self._process_id = process_id
        self._means = means
        self._waiting: deque[Submission] = deque()
        self._head: Head | None = None
        self._under_way = 0
        self._failed: list[tuple[int, Submission]] = []
        self._work: asyncio.Task[None] | None = None
        self._careful_until = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits here; an idle line may be forgotten."""
        return self._work is None and not (self._waiting or self._under_way or self._failed)

    def add(self, submission: Submission) -> None:
        """Take a message; its place follows everything that was added before."""
        self._waiting.append(submission)
        self._go_on()

    def _go_on(self) -> None:
        if self._work is None and (self._waiting or self._failed):
            self._work = asyncio.create_task(self._run())

    async def _run(self) -> None:
        """Work until nothing waits, or nothing can be done before something is stored."""
        try:
            while self._waiting or self._failed:
                if not self._failed and not self._must_wait():
                    await self._schedule(self._take())
                elif self._failed and not self._under_way:
                    self._try_again()
                else:
                    return
        finally:
            self._work = None

    @property
    def _is_careful(self) -> bool:
        return asyncio.get_running_loop().time() < self._careful_until

    def _must_wait(self) -> bool:
        """Behind a failure the head is looked up when everything before has its fate: nobody is overtaken."""
        return self._under_way > 0 and (self._head is None or self._is_careful)

    def _take(self) -> Sequence[Submission]:
        """What is signed next in one go: half of what waits, as the rest can follow while that is stored."""
        count = 1 if self._is_careful else min(LOT_SIGNATURES, (len(self._waiting) + 1) // 2)
        taken = [self._waiting.popleft() for _ in range(count)]
        return [submission for submission in taken if not submission.done.done()]

    async def _schedule(self, taken: Sequence[Submission]) -> None:
        if not taken:
            return
        for submission in taken:
            if submission.since is not None:
                observe("acquire_write_lock", submission.since)
                submission.since = None
        try:
            assigned = await self._assign(taken)
        except LaminaError as failure:
            for submission in taken:
                _fail(submission, failure)
            return
        if self._head is None:
            # What it was built on failed meanwhile.
            self._failed += [
                (each.head.nonce, submission) for each, submission in zip(assigned, taken, strict=True)
            ]
            return
        for each, submission in zip(assigned, taken, strict=True):
            self._store(submission, self._scheduled(submission, self._head, each))
            self._head = each.head

    async def _assign(self, taken: Sequence[Submission]) -> Sequence[Assigned]:
        means = self._means
        if self._head is None:
            self._head = await means.find_head(self._process_id)
            if self._head is None:
                raise ProcessNotFound
        now_ms = int(means.clock.time() * 1000)
        if now_ms < self._head.ts - means.clock_lag_ms:
            raise ClockBehind(f"The clock is {self._head.ts - now_ms} ms behind this process's last message")
        orders = tuple(Order(each.message_id, each.exclude) for each in taken)
        return await means.signer.assign(
            Stretch(self._process_id, self._head, now_ms, means.block_height(), orders)
        )

    def _scheduled(self, submission: Submission, before: Head, assigned: Assigned) -> Scheduled:
        return Scheduled(
            self._process_id,
            submission.message_id,
            before.assignment_id,
            assigned.head,
            assigned.item,
            submission.item,
            submission.deep_hashes,
            submission.payload,
        )

    def _store(self, submission: Submission, scheduled: Scheduled) -> None:
        self._under_way += 1
        self._means.store(scheduled).add_done_callback(partial(self._end, submission, scheduled))

    def _end(self, submission: Submission, scheduled: Scheduled, stored: "asyncio.Future[Outcome]") -> None:
        """Answer, or build again what was built on a head that moved; then go on with what waited."""
        self._under_way -= 1
        outcome = _outcome(stored)
        if outcome != "stored":
            self._head = None
        if outcome == "moved":
            self._failed.append((scheduled.head.nonce, submission))
        elif isinstance(outcome, LaminaError):
            _fail(submission, outcome)
        elif not submission.done.done():
            submission.done.set_result(scheduled.head.assignment_id or b"")
        self._go_on()

    def _try_again(self) -> None:
        """Put back, in their old order, what was built on a head that is not there.

        Somebody's assignment was stored each time, so this comes to an end; a client's patience bounds it.
        """
        CONFLICTS.inc(len(self._failed))
        for _, submission in sorted(self._failed, key=lambda pair: pair[0], reverse=True):
            self._waiting.appendleft(submission)
        self._failed.clear()
        self._head = None
        self._careful_until = asyncio.get_running_loop().time() + CAREFUL_S


def _fail(submission: Submission, failure: LaminaError) -> None:
    if not submission.done.done():
        submission.done.set_exception(failure)


def _outcome(stored: "asyncio.Future[Outcome]") -> Literal["stored", "moved"] | LaminaError:
    """What became of an assignment: it is stored, its head had moved on, or this is its client's answer."""
    try:
        outcome = stored.result()
    except RowsRefused:
        # Alone and refused: another unit stored the same message between our look and our insert.
        return MessageExists()
    except LaminaError as failure:
        SAVE_FAILURES.inc()
        return failure
    if outcome == "exists":
        return MessageExists()
    return MessageExists("Deep hash") if outcome == "said" else outcome
