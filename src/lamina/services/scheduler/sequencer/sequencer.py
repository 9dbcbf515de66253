"""Gives every message its place: a line for each process, one commit for many lines."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from lamina.kernel.clock import Clock
from lamina.kernel.errors import CommitUnknown, LaminaError, Overloaded
from lamina.kernel.storage.batching import Batcher
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.disk.store import DiskStore
from lamina.services.scheduler.errors import MessageExists
from lamina.services.scheduler.model.scheduled import Scheduled
from lamina.services.scheduler.sequencer.line import Line, Means, Submission
from lamina.services.scheduler.sequencer.signer import Signer
from lamina.services.scheduler.settings import SchedulerSettings
from lamina.services.scheduler.store import heads, writes
from lamina.services.scheduler.store.writes import Outcome

_log = structlog.get_logger("lamina.scheduler")


class Sequencer:
    """Every line of this unit."""

    def __init__(
        self,
        database: Database,
        signer: Signer,
        settings: SchedulerSettings,
        block_height: Callable[[], int],
        clock: Clock,
        *,
        disk: DiskStore | None = None,
    ) -> None:
        """Prepare.

        Args:
            database: where heads and messages are.
            signer: of the wallet.
            settings: limits.
            block_height: the network's height; raises `HeightUnknown`.
            clock: for the times of assignments.
            disk: where bundles are kept besides.
        """
        self._disk = disk
        self._database = database
        self._settings = settings
        self._lines: dict[bytes, Line] = {}
        self._under_way: dict[bytes, Submission] = {}
        self._waiting = 0
        self._commits: Batcher[Scheduled, Outcome] = Batcher(
            "scheduler.append",
            self._append,
            items_max=settings.batch_max,
            delay_s=settings.commit_delay_s,
            is_worth_delay=lambda: signer.is_saturated,
            queue_max=settings.queue_max,
            concurrency=1,
        )
        self.run = self._commits.run
        self._means = Means(
            signer,
            lambda process_id: heads.find(database, process_id),
            self._store,
            block_height,
            clock,
            round(settings.clock_lag_s * 1000),
        )

    async def schedule(self, process_id: bytes, submission: Submission) -> bytes:
        """Give a message its place; returns the assignment's id once it is durable.

        Raises:
            MessageExists, ProcessNotFound: see there.
            Overloaded: too many wait, or it waited too long; it may be scheduled all the same.
            CommitUnknown: it may be scheduled, now or later.
            DatabaseUnavailable: it is not scheduled; except where this hid what became of a commit without
                known outcome, then it may be. Posting the same item again is safe either way.
        """
        if self._waiting >= self._settings.queue_max:
            raise Overloaded
        self._waiting += 1
        late = asyncio.get_running_loop().call_later(self._settings.patience_s, _end_patience, submission)
        try:
            with self._means.signer.clients:
                return await self._schedule(process_id, submission)
        finally:
            late.cancel()
            self._waiting -= 1

    async def _schedule(self, process_id: bytes, submission: Submission) -> bytes:
        """Wait for the same message's fate where it is under way already, then for one's own."""
        if submission.item is None:
            self._line(process_id).add(submission)
            return await submission.done
        while (same := self._under_way.get(submission.message_id)) is not None:
            await asyncio.wait({same.done, submission.done}, return_when=asyncio.FIRST_COMPLETED)
            if submission.done.done():
                return await submission.done
            if not same.done.cancelled() and same.done.exception() is None:
                raise MessageExists
        self._under_way[submission.message_id] = submission
        try:
            self._line(process_id).add(submission)
            return await submission.done
        finally:
            del self._under_way[submission.message_id]

    def _line(self, process_id: bytes) -> Line:
        line = self._lines.pop(process_id, None) or Line(process_id, self._means)
        self._lines[process_id] = line  # the least recently used is the first
        kept = self._settings.processes_remembered
        if len(self._lines) > kept:
            for oldest in list(self._lines)[: max(1, kept // 10)]:
                if self._lines[oldest].is_idle:
                    del self._lines[oldest]
        return line

    def _store(self, scheduled: Scheduled) -> "asyncio.Future[Outcome]":
        return self._commits.offer(scheduled)

    async def _append(self, scheduled: Sequence[Scheduled]) -> Sequence[Outcome]:
        """Store a batch; on the disk first, and there only what the database took (spec 18.3)."""
        if self._disk is None:
            return await self._commit(scheduled)
        await self._disk.put(scheduled)
        try:
            outcomes = await self._commit(scheduled)
        except LaminaError:
            await self._disk.settle((), scheduled)
            raise
        stored = [each for each, outcome in zip(scheduled, outcomes, strict=True) if outcome == "stored"]
        refused = [each for each, outcome in zip(scheduled, outcomes, strict=True) if outcome != "stored"]
        await self._disk.settle(stored, refused)
        return outcomes

    async def _commit(self, scheduled: Sequence[Scheduled]) -> Sequence[Outcome]:
        try:
            return await writes.append(self._database, scheduled)
        except CommitUnknown:
            return await self._settle(scheduled)

    async def _settle(self, scheduled: Sequence[Scheduled]) -> Sequence[Outcome]:
        """What became of a commit whose outcome is unknown, and which may still be on its way to the server.

        Sent again as it is, it happens once: of the two the second finds its head moved on, now or later.
        """
        outcomes = await writes.append(self._database, scheduled)
        others = [each for each, outcome in zip(scheduled, outcomes, strict=True) if outcome != "stored"]
        earlier = await writes.find_stored(self._database, others) if others else set[bytes]()
        _log.warning("a commit of unknown outcome was sent again", earlier=len(earlier), of=len(scheduled))
        return [
            "stored" if each.head.assignment_id in earlier else outcome
            for each, outcome in zip(scheduled, outcomes, strict=True)
        ]


def _end_patience(submission: Submission) -> None:
    if not submission.done.done():
        submission.done.set_exception(Overloaded())
