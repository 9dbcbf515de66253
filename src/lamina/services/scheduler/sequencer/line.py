"""One process's messages in the order they came: each is signed on top of the one before it.

Signing does not wait for the commit of what it builds on; what was built on a failure is built again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog

from lamina.formats.ans104.signed_item import SignedItem
from lamina.kernel.clock import Clock
from lamina.kernel.errors import LaminaError
from lamina.services.scheduler.errors import ClockBehind, MessageExists, ProcessNotFound
from lamina.services.scheduler.metrics import CONFLICTS, observe
from lamina.services.scheduler.model.head import Head
from lamina.services.scheduler.model.scheduled import Scheduled
from lamina.services.scheduler.rules import assignment
from lamina.services.scheduler.sequencer.signer import Signer
from lamina.services.scheduler.store.writes import Outcome

_log = structlog.get_logger("lamina.scheduler")

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
    exclude: Sequence[str] = ()
    deep_hashes: tuple[bytes, ...] = ()
    payload: bytes | None = None
    since: float | None = field(default_factory=time.perf_counter)
    done: "asyncio.Future[bytes]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(frozen=True, slots=True)
class Means:
    """What every line works with."""

    signer: Signer
    find_head: Callable[[bytes], Awaitable[Head | None]]
    store: Callable[[Scheduled], Awaitable[Outcome]]
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
        self._under_way: set[asyncio.Task[None]] = set()
        self._failed: list[tuple[int, Submission]] = []
        self._work: asyncio.Task[None] | None = None
        self._careful_until = 0.0

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits here; an idle line may be forgotten."""
        return self._work is None and not self._waiting

    def add(self, submission: Submission) -> None:
        """Take a message; its place follows everything that was added before."""
        self._waiting.append(submission)
        if self._work is None:
            self._work = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting or self._under_way or self._failed:
                if self._failed and not self._under_way:
                    self._try_again()
                elif self._waiting and not self._failed and not self._must_wait():
                    await self._schedule(self._waiting.popleft())
                else:
                    await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._work = None

    def _must_wait(self) -> bool:
        """Behind a failure the head is looked up when everything before has its fate: nobody is overtaken."""
        is_careful = asyncio.get_running_loop().time() < self._careful_until
        return bool(self._under_way) and (is_careful or self._head is None)

    async def _schedule(self, submission: Submission) -> None:
        if submission.done.done():
            return
        if submission.since is not None:
            observe("acquire_write_lock", submission.since)
            submission.since = None
        try:
            scheduled = await self._sign(submission)
        except LaminaError as failure:
            _fail(submission, failure)
            return
        if self._head is None:
            # What it was built on failed meanwhile.
            self._failed.append((scheduled.head.nonce, submission))
            return
        self._head = scheduled.head
        task = asyncio.create_task(self._store(submission, scheduled))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _sign(self, submission: Submission) -> Scheduled:
        means = self._means
        if self._head is None:
            self._head = await means.find_head(self._process_id)
            if self._head is None:
                raise ProcessNotFound
        now_ms = int(means.clock.time() * 1000)
        if now_ms < self._head.ts - means.clock_lag_ms:
            raise ClockBehind(f"The clock is {self._head.ts - now_ms} ms behind this process's last message")
        before = self._head
        at = assignment.place(self._process_id, before, now_ms, means.block_height())
        signed: SignedItem = await means.signer.sign(
            assignment.draft(at, submission.message_id, submission.exclude)
        )
        head = Head(at.nonce, signed.id_bytes, at.hash_chain, at.ts)
        return Scheduled(
            self._process_id,
            submission.message_id,
            before.assignment_id,
            head,
            signed.to_bytes(),
            submission.item,
            submission.deep_hashes,
            submission.payload,
        )

    async def _store(self, submission: Submission, scheduled: Scheduled) -> None:
        try:
            outcome = await self._means.store(scheduled)
        except LaminaError as failure:
            self._head = None
            _fail(submission, failure)
            return
        if outcome == "stored":
            if not submission.done.done():
                submission.done.set_result(scheduled.head.assignment_id or b"")
            return
        self._head = None
        if outcome == "exists":
            _fail(submission, MessageExists())
        elif outcome == "said":
            _fail(submission, MessageExists("Deep hash"))
        else:
            self._failed.append((scheduled.head.nonce, submission))

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
