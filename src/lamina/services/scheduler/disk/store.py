"""The disk store in one unit: opened when it is free, written before each commit, read by key.

Everything in it is in PostgreSQL too, and PostgreSQL decides: a key whose row is missing is never read, a
row whose key is missing is read from its row. Until the store is open, the unit works without it (spec 18.3).
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import structlog

from lamina.services.scheduler.disk import incoming, views
from lamina.services.scheduler.disk.keys import (
    PENDING,
    Place,
    after_prefix,
    mark_key,
    process_prefix,
    read_key,
)
from lamina.services.scheduler.disk.mark import Mark, Step
from lamina.services.scheduler.disk.nested import Nested, pack
from lamina.services.scheduler.disk.rocks import Rocks
from lamina.services.scheduler.errors import DiskStoreFailed, DiskStoreHeld
from lamina.services.scheduler.model.head import NONE
from lamina.services.scheduler.model.scheduled import Scheduled

_log = structlog.get_logger("lamina.scheduler.disk")

T = TypeVar("T")
Known = Callable[[Sequence[bytes]], Awaitable[set[bytes]]]
"""Which of these assignments the database has, by their ids."""

THREADS = 4


class DiskStore:
    """What this unit has open of the directory, if anything."""

    def __init__(self, place: Path, known: Known) -> None:
        """Open nothing yet.

        Args:
            place: the directory.
            known: asks the database.
        """
        self._place = place
        self._known = known
        self._rocks: Rocks | None = None
        self._written: Rocks | None = None
        self._failure: DiskStoreFailed | None = None
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="disk")
        self._steps: dict[bytes, Step] = {}
        self._marking = threading.Lock()

    @property
    def is_ready(self) -> bool:
        """Whether it can be read."""
        return self._rocks is not None

    async def check(self) -> str | None:
        """A readiness check: a store that another process has is well, one that fails is not."""
        return None if self._failure is None else self._failure.detail

    async def open(self) -> bool:
        """Open the store, unless it is open; False while another process has it.

        What was written last and never stored is removed first.

        Raises:
            DiskStoreFailed: it cannot be opened.
            DatabaseUnavailable: nobody can say what was stored.
        """
        if self._rocks is not None:
            return True
        try:
            opened = await self._run(Rocks.open, store_of(self._place))
        except DiskStoreHeld:
            return False
        except DiskStoreFailed as failure:
            self._failure = failure
            raise
        try:
            await self._settle_pending(opened)
        except BaseException:
            opened.close()
            raise
        self._rocks, self._failure = opened, None
        _log.info("the disk store is open", place=str(self._place))
        return True

    async def close(self) -> None:
        """Let it go, after what is under way."""
        await asyncio.to_thread(self._pool.shutdown)
        if self._rocks is not None:
            self._keep_steps(self._rocks)
            self._rocks.close()

    async def read(self, places: Sequence[Place]) -> list[bytes | None]:
        """The values of messages, None for those that are not here, or cannot be read.

        A place that cannot be read is no reason to stop writing: its rows answer.
        """
        rocks = self._rocks
        if rocks is None:
            return [None] * len(places)
        try:
            return await self._run(rocks.get, [place.key for place in places])
        except DiskStoreFailed as failure:
            _log.error("the disk store cannot be read; PostgreSQL answers", reason=failure.reason)
            return [None] * len(places)

    async def put(self, scheduled: Sequence[Scheduled]) -> None:
        """Write messages that are about to be stored; nothing where the store is not open.

        Raises:
            DiskStoreFailed: they are not written, and must not be stored.
        """
        if self._failure is not None:
            raise self._failure
        self._written = rocks = self._rocks
        if rocks is None:
            return
        values = {place.key: value for place, value in map(_entry, scheduled)}
        values[PENDING] = b"\n".join(values)
        steps, self._steps = self._steps, {}

        def work() -> None:
            self._keep(rocks, steps)
            rocks.write(values)

        await self._guarded(rocks, work)

    async def settle(self, stored: Sequence[Scheduled], refused: Sequence[Scheduled]) -> None:
        """Say what became of what was put last: what was not stored is removed again.

        A store that was opened meanwhile has removed it already, and its marks may not count it.
        """
        rocks = self._rocks
        if rocks is None or rocks is not self._written:
            return
        for each in stored:
            self._steps[each.process_id] = _following(self._steps.get(each.process_id), each)
        if refused:
            keys = [_entry(each)[0].key for each in refused]
            try:
                await self._guarded(rocks, lambda: rocks.write({}, keys))
            except DiskStoreFailed as failure:
                # They are still listed as pending: looked up when the store is opened again.
                _log.error("what was not stored stays in the disk store for now", reason=failure.detail)

    async def copy(self, values: Mapping[bytes, bytes]) -> None:
        """Write what is in the database already.

        Raises:
            DiskStoreFailed: nothing is written.
        """
        rocks = self._opened()
        await self._guarded(rocks, lambda: rocks.write(values))

    async def marks(self, process_ids: Sequence[bytes]) -> list[Mark | None]:
        """How far processes were copied.

        Raises:
            DiskStoreFailed: it cannot be read.
        """
        rocks = self._opened()
        steps, self._steps = self._steps, {}

        def work() -> list[Mark | None]:
            self._keep(rocks, steps)
            return [Mark.of(raw) for raw in rocks.get([mark_key(each) for each in process_ids])]

        return await self._guarded(rocks, work)

    async def mark(self, process_id: bytes, step: Step) -> None:
        """Remember how far a process was copied, unless somebody remembered something else meanwhile.

        Raises:
            DiskStoreFailed: nothing is remembered.
        """
        rocks = self._opened()
        await self._guarded(rocks, lambda: self._keep(rocks, {process_id: step}))

    async def forget(self, process_id: bytes) -> None:
        """Remove a process: the database has another past of it.

        Raises:
            DiskStoreFailed: nothing is removed.
        """
        rocks = self._opened()
        prefix = process_prefix(process_id)

        def work() -> None:
            with self._marking:
                rocks.write({}, [mark_key(process_id)])
                rocks.remove_range(prefix, after_prefix(prefix))

        await self._guarded(rocks, work)

    async def serve(self) -> None:
        """Take in what migrations wrote, and make the views that were asked for.

        Raises:
            DiskStoreFailed: both wait.
        """
        rocks = self._opened()

        def work() -> None:
            incoming.take(incoming_of(self._place), rocks)
            views.give(views_of(self._place), rocks)

        await self._guarded(rocks, work)

    async def _settle_pending(self, rocks: Rocks) -> None:
        """Remove what the last process wrote and did not live to store."""
        raw = (await self._run(rocks.get, [PENDING]))[0]
        places = [place for key in (raw or b"").split(b"\n") if (place := read_key(key)) is not None]
        if not places:
            return
        known = await self._known([place.assignment_id for place in places])
        orphans = [place.key for place in places if place.assignment_id not in known]
        await self._run(rocks.write, {}, [*orphans, PENDING])

    def _keep(self, rocks: Rocks, steps: Mapping[bytes, Step]) -> None:
        """Move marks on, each from where it must be: a message may have been stored elsewhere in between."""
        if not steps:
            return
        with self._marking:
            found = rocks.get([mark_key(process_id) for process_id in steps])
            rocks.write(
                {
                    mark_key(process_id): step.after.to_bytes()
                    for (process_id, step), raw in zip(steps.items(), found, strict=True)
                    if Mark.of(raw) == step.before
                }
            )

    def _keep_steps(self, rocks: Rocks) -> None:
        try:
            self._keep(rocks, self._steps)
        except DiskStoreFailed as failure:
            _log.warning("what was copied last is copied again", reason=failure.detail)

    async def _guarded(self, rocks: Rocks, work: Callable[[], T]) -> T:
        try:
            return await self._run(work)
        except DiskStoreFailed as failure:
            self._fail(rocks, failure)
            raise

    def _fail(self, rocks: Rocks, failure: DiskStoreFailed) -> None:
        """Let a failing store go; it is opened anew, and until then nothing is stored (spec 18.3)."""
        if self._rocks is rocks:
            _log.error("the disk store fails", reason=failure.reason, place=str(self._place))
            self._rocks, self._failure = None, failure
            self._steps = {}
            rocks.close()

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def _opened(self) -> Rocks:
        if self._rocks is None:
            raise self._failure or DiskStoreFailed(self._place, "it is not open")
        return self._rocks


def store_of(place: Path) -> Path:
    """RocksDB's own directory."""
    return place / "store"


def incoming_of(place: Path) -> Path:
    """Where migrations hand over."""
    return place / "incoming"


def views_of(place: Path) -> Path:
    """Where comparisons look."""
    return place / "views"


def _entry(scheduled: Scheduled) -> tuple[Place, bytes]:
    assignment_id = scheduled.head.assignment_id
    assert assignment_id is not None, "an assignment has an id"
    place = Place(scheduled.process_id, scheduled.head.ts, scheduled.message_id, assignment_id)
    return place, pack(assignment_id, scheduled.message_id, Nested(scheduled.assignment, scheduled.item))


def _following(step: Step | None, stored: Scheduled) -> Step:
    """The step that a stored message makes, together with the one before it where they meet."""
    nonce, follows, assignment_id = stored.head.nonce, stored.follows, stored.head.assignment_id
    assert assignment_id is not None, "an assignment has an id"
    after = Mark(nonce, assignment_id)
    before = None if follows is None or nonce - 1 == NONE else Mark(nonce - 1, follows)
    if step is not None and step.after == before:
        return Step(step.before, after)
    return Step(before, after)
