"""Whether the disk store and the database say the same, in both directions, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from lamina.formats import base64url
from lamina.kernel.contracts import Advanced, Verdict
from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.copying.listing import place_of
from lamina.services.scheduler.copying.reading import portions, read_values
from lamina.services.scheduler.disk import views
from lamina.services.scheduler.disk.keys import MESSAGES, PENDING, Place, after_prefix, read_key
from lamina.services.scheduler.disk.rocks import Rocks
from lamina.services.scheduler.disk.store import store_of, views_of
from lamina.services.scheduler.errors import DiskStoreFailed
from lamina.services.scheduler.store import audit, heads, messages
from lamina.services.scheduler.store.messages import Window

FLAWS_KEPT = 100
DOUBTS_MAX = 10_000
PAGE_ROWS = 1000
LOOKS = 3
_ALL = (-(2**63), 2**63 - 1)
_MISSING, _ORPHAN = "is not in the disk store", "is in the disk store alone"


class Comparison:
    """One comparison; units may be writing meanwhile, so what differs is looked at again before it counts."""

    def __init__(self, database: Database, place: Path, wait_s: float, advanced: Advanced) -> None:
        """Prepare.

        Args:
            database: decides what there is.
            place: the disk store's directory.
            wait_s: after which a difference that a running unit makes is gone.
            advanced: told how far it is.
        """
        self._database = database
        self._place = place
        self._wait_s = wait_s
        self._advanced = advanced
        self._flaws: list[str] = []
        self._flaw_count = 0
        self._checked = {"messages": 0, "keys": 0}
        self._late: list[Record] = []
        self._early: list[Place] = []

    async def run(self) -> Verdict:
        """Compare.

        Raises:
            DiskStoreFailed: there is no store, or it cannot be read.
            DiskStoreHeld: the process that has it does not answer.
            DatabaseUnavailable: the database went away.
        """
        with ExitStack() as stack:
            view = await self._view(stack)
            total = await audit.count_messages(self._database)
            async for index in self._index():
                for portion in portions(index):
                    await self._compare(view, portion)
                    self._checked["messages"] += len(portion)
                self._advanced("messages", self._checked["messages"], total)
                await self._look_again(DOUBTS_MAX)
            async for keys in _keys(view):
                await self._look_up(keys)
                self._checked["keys"] += len(keys)
                self._advanced("keys", self._checked["keys"], total)
                await self._look_again(DOUBTS_MAX)
        await self._look_again(0)
        return Verdict(dict(self._checked), self._flaw_count, self._flaws)

    async def _view(self, stack: ExitStack) -> Rocks:
        made = views.view(views_of(self._place), store_of(self._place))
        return await asyncio.to_thread(stack.enter_context, made)

    async def _index(self) -> AsyncIterator[Sequence[Record]]:
        async for page in heads.pages(self._database, PAGE_ROWS):
            for head in page:
                window = Window(head["process_id"], "nonce", *_ALL)
                found = messages.index_pages(self._database, window, limit=2**62, page_rows=PAGE_ROWS)
                async for index in found:
                    yield index

    async def _compare(self, view: Rocks, portion: Sequence[Record]) -> None:
        """Every row has its key, with the right value."""
        expected = await read_values(self._database, portion)
        keys = [place_of(row).key for row in portion]
        found = await asyncio.to_thread(_read, view, keys)
        for row, key, value in zip(portion, keys, found, strict=True):
            if isinstance(value, DiskStoreFailed):
                self._flaw(_of_row(row), f"cannot be read there: {value.reason}")
            elif value is None:
                self._late.append(row)
            elif value != expected[key]:
                self._flaw(_of_row(row), "differs there")

    async def _look_up(self, keys: Sequence[bytes]) -> None:
        """Every key has its row."""
        places = [(key, read_key(key)) for key in keys]
        known = await messages.find_known(
            self._database, [place.assignment_id for _, place in places if place is not None]
        )
        for key, place in places:
            if place is None:
                self._flaw(f"key {key.decode('ascii', 'backslashreplace')}", "is none")
            elif place.assignment_id not in known:
                self._early.append(place)

    async def _look_again(self, doubts_max: int) -> None:
        """Decide doubts, once there are more: what a unit was just writing is on both sides soon."""
        looks = 0
        while len(self._late) + len(self._early) > doubts_max and looks < LOOKS:
            looks += 1
            await asyncio.sleep(self._wait_s)
            with ExitStack() as stack:
                await self._compare_again(await self._view(stack))
        if looks:
            for row in self._late:
                self._flaw(_of_row(row), _MISSING)
            for place in self._early:
                self._flaw(_of_place(place), _ORPHAN)
            self._late, self._early = [], []

    async def _compare_again(self, view: Rocks) -> None:
        late, self._late = self._late, []
        for portion in portions(late):
            await self._compare(view, portion)
        # What was written last and never stored is removed by whoever opens the store next.
        pending = set((view.get([PENDING])[0] or b"").split(b"\n"))
        known = await messages.find_known(self._database, [each.assignment_id for each in self._early])
        there = view.get([each.key for each in self._early])
        left = zip(self._early, there, strict=True)
        unknown = [place for place, value in left if value is not None and place.assignment_id not in known]
        self._early = [place for place in unknown if place.key not in pending]

    def _flaw(self, subject: str, text: str) -> None:
        self._flaw_count += 1
        if len(self._flaws) < FLAWS_KEPT:
            self._flaws.append(f"{subject} {text}")


async def _keys(view: Rocks) -> AsyncIterator[Sequence[bytes]]:
    after, until = MESSAGES, after_prefix(MESSAGES)
    while keys := await asyncio.to_thread(view.keys, after, until, PAGE_ROWS):
        yield keys
        after = keys[-1]


def _read(view: Rocks, keys: Sequence[bytes]) -> Sequence[bytes | DiskStoreFailed | None]:
    """The values; where a file is damaged, one by one."""
    try:
        return view.get(keys)
    except DiskStoreFailed:
        return [_read_one(view, key) for key in keys]


def _read_one(view: Rocks, key: bytes) -> bytes | DiskStoreFailed | None:
    try:
        return view.get([key])[0]
    except DiskStoreFailed as failure:
        return failure


def _of_row(row: Record) -> str:
    return f"process {base64url.encode(row['process_id'])} nonce {row['nonce']}"


def _of_place(place: Place) -> str:
    assignment, process = base64url.encode(place.assignment_id), base64url.encode(place.process_id)
    return f"assignment {assignment} of process {process}"
