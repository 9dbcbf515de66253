"""Signatures by the wallet, off the event loop, on every core; what a client waits for comes first."""

import asyncio
import contextlib
import sys
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from math import inf
from threading import Condition, Thread

from lamina.formats.ans104.signed_item import Draft, SignedItem, sign
from lamina.formats.ans104.wallet import Wallet
from lamina.services.scheduler.metrics import SIGNATURES

SWITCH_S = 0.0005
"""How long the interpreter may stay with one thread; five milliseconds by default.

A thread that has signed must not wait that long before it signs again while the event loop renders a list.
"""
CALM_S = 0.02
"""So long after a client's message the next one may be about to come: what nobody waits for waits on."""
CORES_OF_CLIENTS = 2
"""While clients are here, these are theirs: one signs, on one the event loop reads and answers."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A draft to sign.

    Attributes:
        due: when, by the monotonic clock, it no longer waits for clients; None where a client waits for it.
    """

    draft: Draft
    due: float | None
    loop: asyncio.AbstractEventLoop
    signed: "asyncio.Future[SignedItem]" = field(repr=False)


class Signer:
    """Threads that sign; RSA releases the interpreter's lock.

    Each takes its next draft itself when it is done with one, so that no core waits for the event loop.
    """

    def __init__(self, wallet: Wallet, threads: int) -> None:
        """Start the threads.

        Args:
            wallet: whose signatures.
            threads: how many are made at once.
        """
        sys.setswitchinterval(SWITCH_S)
        self.wallet = wallet
        self._threads = threads
        self._now: deque[_Job] = deque()
        self._later: deque[_Job] = deque()
        self._change = Condition()
        self._is_open = True
        self._signing = 0
        self._clients = 0
        self._last_client_at = -inf
        self._is_their_turn = False
        for number in range(threads):
            Thread(target=self._work, name=f"sign-{number}", daemon=True).start()

    def close(self) -> None:
        """Let the threads end; what waits is not signed."""
        with self._change:
            self._is_open = False
            self._change.notify_all()

    @property
    def is_saturated(self) -> bool:
        """Whether as many clients wait for their signature as can be made at once."""
        return len(self._now) >= self._threads

    @contextlib.contextmanager
    def client(self) -> Generator[None]:
        """While a client's message is under way: what nobody waits for leaves it the cores it needs."""
        self._clients += 1
        try:
            yield
        finally:
            self._clients -= 1
            self._last_client_at = time.monotonic()

    async def room(self, within_s: float) -> bool:
        """Wait until clients leave room for what nobody waits for, at most so many seconds.

        Returns:
            Whether they do.
        """
        due = time.monotonic() + within_s
        # Nothing happens when clients have been away for long enough, so there is no event to wait for.
        while not (has_room := self._has_room()) and time.monotonic() < due:  # noqa: ASYNC110
            await asyncio.sleep(CALM_S)
        return has_room

    async def sign(self, draft: Draft) -> SignedItem:
        """Sign what a client waits for."""
        return await self._queue(self._now, draft, None)

    async def sign_later(self, draft: Draft, within_s: float) -> SignedItem:
        """Sign when clients leave room for it; or, after that time, with every second signature.

        Args:
            draft: what is said.
            within_s: seconds; negative where it is late already.
        """
        return await self._queue(self._later, draft, time.monotonic() + within_s)

    async def _queue(self, jobs: "deque[_Job]", draft: Draft, due: float | None) -> SignedItem:
        loop = asyncio.get_running_loop()
        job = _Job(draft, due, loop, loop.create_future())
        with self._change:
            jobs.append(job)
            self._change.notify()
        return await job.signed

    def _work(self) -> None:
        while (job := self._take()) is not None:
            try:
                done, failure = sign(job.draft, self.wallet), None
            except Exception as error:  # noqa: BLE001 - whoever waits for it is told
                done, failure = None, error
            with self._change:
                self._signing -= 1
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                job.loop.call_soon_threadsafe(_finish, job.signed, done, failure)

    def _take(self) -> _Job | None:
        """The next one; waits for it. None when there will be none."""
        with self._change:
            while self._is_open:
                jobs = self._next()
                if jobs is None:
                    self._change.wait(CALM_S if self._later else None)
                    continue
                job = jobs.popleft()
                self._is_their_turn = jobs is self._now
                if job.signed.done():
                    continue
                self._signing += 1
                if self._next() is not None:
                    self._change.notify()
                return job
            return None

    def _next(self) -> "deque[_Job] | None":
        """Whose turn it is: clients', but of what is overdue every second one; None where all must wait."""
        is_overdue = self._until_due_s() == 0
        if self._now and not (is_overdue and self._is_their_turn):
            return self._now
        return self._later if self._later and (is_overdue or self._has_room()) else None

    def _has_room(self) -> bool:
        """Whether clients are away, or there are more cores than they need."""
        if not self._clients and time.monotonic() - self._last_client_at >= CALM_S:
            return True
        return self._signing + CORES_OF_CLIENTS < self._threads

    def _until_due_s(self) -> float | None:
        """Seconds until what waits longest is overdue; None where nothing waits."""
        due = self._later[0].due if self._later else None
        return None if due is None else max(0.0, due - time.monotonic())


def _finish(signed: "asyncio.Future[SignedItem]", done: SignedItem | None, failure: Exception | None) -> None:
    SIGNATURES.inc()
    if signed.done():
        return
    if done is not None:
        signed.set_result(done)
    elif failure is not None:
        signed.set_exception(failure)
