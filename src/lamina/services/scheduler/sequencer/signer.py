"""Signatures by the wallet, by a process for every core; what a client waits for comes first."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from math import inf
from types import TracebackType
from typing import cast

import msgspec

from lamina.formats.ans104.signed_item import Draft, SignedItem, prepare
from lamina.formats.ans104.wallet import Wallet
from lamina.kernel.observability.tally import Count
from lamina.services.scheduler.metrics import SIGNATURES
from lamina.services.scheduler.rules.assignment import Assigned, Stretch
from lamina.services.scheduler.sequencer.hashing import hashed
from lamina.services.scheduler.sequencer.signing_process import Answer, Asked, Job, SigningProcess

AHEAD = 2
"""So many lots of clients a process has at once: it never waits for the event loop to give it the next."""
LOT_SIGNATURES = 4
"""So many signatures are asked for and answered together where many wait: each time the event loop is woken
it takes a core from a signature that is being made."""
CALM_S = 0.02
"""So long after a client's message the next one may be about to come: what nobody waits for waits on."""
CORES_OF_CLIENTS = 2
"""While clients are here, these are theirs: one signs, on one the event loop reads and answers."""
AWAY_S = 1.0
"""So long after the last of them one process still waits for the next one."""


class Clients:
    """How many clients' messages are under way; entered for each, what nobody waits for leaves them cores."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._count = 0
        self._last_at = -inf

    def __enter__(self) -> None:
        """One came."""
        self._count += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """One left."""
        self._count -= 1
        self._last_at = asyncio.get_running_loop().time()

    def away_s(self, now_s: float) -> float:
        """Seconds since the last one left, by the loop's clock."""
        return 0.0 if self._count else now_s - self._last_at


class Signer:
    """Decides what is signed next.

    Attributes:
        clients: to be entered while a client's message is under way.
    """

    def __init__(self, wallet: Wallet, processes: int) -> None:
        """Prepare; each of `processes` signs while its `run` does.

        Args:
            wallet: whose signatures.
            processes: how many are made at once.
        """
        self.wallet = wallet
        self.clients = Clients()
        self.processes = [SigningProcess(wallet.jwk(), self._feed) for _ in range(processes)]
        self._count = Count(SIGNATURES)
        self._now: deque[Job] = deque()
        self._later: deque[Job] = deque()
        self._wanted = 0
        self._owed = 0
        self._look_again: asyncio.TimerHandle | None = None

    @property
    def is_saturated(self) -> bool:
        """Whether clients wait for more signatures than keep every process busy for a while."""
        return self._wanted > AHEAD * len(self.processes)

    async def room(self, within_s: float) -> bool:
        """Wait until clients leave room for what nobody waits for, at most so many seconds.

        Returns:
            Whether they do.
        """
        loop = asyncio.get_running_loop()
        due = loop.time() + within_s
        # Nothing happens when clients have been away for long enough, so there is no event to wait for.
        while not (has_room := self._has_room(loop.time())) and loop.time() < due:  # noqa: ASYNC110
            await asyncio.sleep(CALM_S)
        return has_room

    async def assign(self, stretch: Stretch) -> Sequence[Assigned]:
        """Make the assignments that clients wait for."""
        signatures = len(stretch.orders)
        self._wanted += signatures
        try:
            return cast("list[Assigned]", await self._ask(self._now, stretch, signatures, None))
        finally:
            self._wanted -= signatures

    async def sign_later(self, draft: Draft, within_s: float) -> SignedItem:
        """Sign when clients leave room for it; after that time, as often as clients get signatures.

        Args:
            draft: what is said.
            within_s: seconds; negative where it is late already.

        Raises:
            FormatError: a field of the draft cannot be written.
        """
        due = asyncio.get_running_loop().time() + within_s
        unsigned = await hashed(sum(map(len, draft.data)), prepare, draft, self.wallet)
        return unsigned.signed(cast("bytes", await self._ask(self._later, unsigned.message, 1, due)))

    async def _ask(self, jobs: deque[Job], asked: Asked, signatures: int, due: float | None) -> Answer:
        request = msgspec.msgpack.encode(asked)
        job = Job(request, signatures, due, asyncio.get_running_loop().create_future())
        jobs.append(job)
        self._feed()
        try:
            answer = await job.answer
        except asyncio.CancelledError:
            with contextlib.suppress(ValueError):  # then a process has it
                jobs.remove(job)
            raise
        self._count.add(signatures)
        return answer

    def _feed(self) -> None:
        """Give every process what it can take."""
        self._take_back()
        now_s = asyncio.get_running_loop().time()
        while (process := self._free()) is not None and (lot := self._next(process, now_s)):
            process.ask(lot)
        if self._later and self._look_again is None:
            self._look_again = asyncio.get_running_loop().call_later(CALM_S, self._feed_again)

    def _feed_again(self) -> None:
        self._look_again = None
        self._feed()

    def _take_back(self) -> None:
        """What processes that are gone have not signed comes first."""
        for process in self.processes:
            while process.under_way and not process.is_up:
                for job in reversed(process.under_way.pop()):
                    if not job.answer.done():
                        (self._now if job.due is None else self._later).appendleft(job)

    def _free(self) -> SigningProcess | None:
        """The process with the least to do that can take more."""
        up = [process for process in self.processes if process.is_up and len(process.under_way) < AHEAD]
        return min(up, key=lambda process: len(process.under_way), default=None)

    def _next(self, process: SigningProcess, now_s: float) -> Sequence[Job]:
        """The next lot: clients', and after each as many of what is overdue; empty where all must wait."""
        due = self._later[0].due if self._later else None
        is_overdue = due is not None and due <= now_s
        if self._now and not (is_overdue and self._owed):
            lot = _lot(self._now, len(self._now) // len(self.processes))
            self._owed = sum(job.signatures for job in lot)
            return lot
        # What may wait is never ahead of a client who is about to come.
        if not self._later or process.under_way or not (is_overdue or self._may_sign_later(now_s)):
            return ()
        lot = _lot(self._later, self._owed if is_overdue else 1)
        self._owed = 0
        return lot

    def _has_room(self, now_s: float) -> bool:
        """Whether clients are away, or there are more cores than they need."""
        return self.clients.away_s(now_s) >= CALM_S or self._has_spare(CORES_OF_CLIENTS)

    def _may_sign_later(self, now_s: float) -> bool:
        """Whether a process may be taken from clients, who may come back while it signs."""
        since_s = self.clients.away_s(now_s)
        if since_s >= AWAY_S or len(self.processes) == 1:
            return since_s >= CALM_S
        return self._has_spare(1 if since_s >= CALM_S else CORES_OF_CLIENTS)

    def _has_spare(self, kept: int) -> bool:
        busy = sum(bool(process.under_way) for process in self.processes)
        return busy + kept < len(self.processes)


def _lot(jobs: deque[Job], signatures: int) -> Sequence[Job]:
    """Take the first job, and with it what is asked for together."""
    room = min(signatures, LOT_SIGNATURES)
    lot: list[Job] = []
    while jobs and (not lot or jobs[0].signatures <= room):
        lot.append(jobs.popleft())
        room -= lot[-1].signatures
    return lot
