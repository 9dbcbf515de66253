"""Signatures by the wallet, off the event loop, on every core; what a client waits for comes first."""

import asyncio
from collections import deque
from concurrent.futures import ThreadPoolExecutor

from lamina.formats.ans104.signed_item import Draft, SignedItem, sign
from lamina.formats.ans104.wallet import Wallet
from lamina.services.scheduler.metrics import SIGNATURES

LATER_EVERY = 16
"""Of so many signatures one is for the outbox, however many clients wait: its queue never stands still."""

Job = tuple[Draft, "asyncio.Future[SignedItem]"]


class Signer:
    """A bounded pool of threads; RSA releases the interpreter's lock."""

    def __init__(self, wallet: Wallet, threads: int) -> None:
        """Prepare.

        Args:
            wallet: whose signatures.
            threads: how many are made at once.
        """
        self.wallet = wallet
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="sign")
        self._free = threads
        self._now: deque[Job] = deque()
        self._later: deque[Job] = deque()
        self._turn = 0

    def close(self) -> None:
        """Let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def sign(self, draft: Draft, *, later: bool = False) -> SignedItem:
        """Sign a draft.

        Args:
            draft: what is said.
            later: whether nobody waits for it.
        """
        future: asyncio.Future[SignedItem] = asyncio.get_running_loop().create_future()
        (self._later if later else self._now).append((draft, future))
        self._start()
        return await future

    def _start(self) -> None:
        while self._free and (self._now or self._later):
            draft, future = self._next()
            if future.done():
                continue
            self._free -= 1
            work = asyncio.get_running_loop().run_in_executor(self._pool, sign, draft, self.wallet)
            work.add_done_callback(lambda done, future=future: self._finish(done, future))

    def _next(self) -> Job:
        self._turn += 1
        is_their_turn = self._turn % LATER_EVERY == 0
        if self._later and (is_their_turn or not self._now):
            return self._later.popleft()
        return self._now.popleft()

    def _finish(self, done: "asyncio.Future[SignedItem]", future: "asyncio.Future[SignedItem]") -> None:
        self._free += 1
        SIGNATURES.inc()
        if not future.done() and not done.cancelled():
            failure = done.exception()
            if failure is None:
                future.set_result(done.result())
            else:
                future.set_exception(failure)
        self._start()
