"""Signatures by the wallet, off the event loop, on every core; what a client waits for comes first."""

import asyncio
import contextlib
import time
from collections import deque
from dataclasses import dataclass, field
from threading import Condition, Thread

from lamina.formats.ans104.signed_item import Draft, SignedItem, sign
from lamina.formats.ans104.wallet import Wallet
from lamina.services.scheduler.metrics import SIGNATURES


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
        self.wallet = wallet
        self._now: deque[_Job] = deque()
        self._later: deque[_Job] = deque()
        self._change = Condition()
        self._is_open = True
        self._is_their_turn = False
        for number in range(threads):
            Thread(target=self._work, name=f"sign-{number}", daemon=True).start()

    def close(self) -> None:
        """Let the threads end; what waits is not signed."""
        with self._change:
            self._is_open = False
            self._change.notify_all()

    async def sign(self, draft: Draft) -> SignedItem:
        """Sign what a client waits for."""
        return await self._queue(self._now, draft, None)

    async def sign_later(self, draft: Draft, within_s: float) -> SignedItem:
        """Sign when no client waits for a signature; or, after that time, with every second signature.

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
            if job.signed.done():
                continue
            try:
                done, failure = sign(job.draft, self.wallet), None
            except Exception as error:  # noqa: BLE001 - whoever waits for it is told
                done, failure = None, error
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                job.loop.call_soon_threadsafe(_finish, job.signed, done, failure)

    def _take(self) -> _Job | None:
        """The next one; waits for it. None when there will be none."""
        with self._change:
            while self._is_open:
                if self._later and (not self._now or self._later_comes_first(self._later[0])):
                    return self._later.popleft()
                if self._now:
                    return self._now.popleft()
                self._change.wait()
            return None

    def _later_comes_first(self, oldest: _Job) -> bool:
        """Whether what is overdue has its turn now: every second one, so that neither side stands still."""
        if oldest.due is None or time.monotonic() < oldest.due:
            return False
        self._is_their_turn = not self._is_their_turn
        return self._is_their_turn


def _finish(signed: "asyncio.Future[SignedItem]", done: SignedItem | None, failure: Exception | None) -> None:
    SIGNATURES.inc()
    if signed.done():
        return
    if done is not None:
        signed.set_result(done)
    elif failure is not None:
        signed.set_exception(failure)
