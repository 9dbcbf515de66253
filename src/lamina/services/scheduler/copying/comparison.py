"""Whether the disk store and the database say the same, in both directions, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from lamina.formats import base64url
from lamina.kernel.contracts import Advanced, Verdict
from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.copying.listing import place_of
from lamina.services.scheduler.copying.reading import portions, read_values
from lamina.services.scheduler.disk.keys import MESSAGES, Place, after_prefix, read_key
from lamina.services.scheduler.disk.rocks import Rocks
from lamina.services.scheduler.disk.store import store_of
from lamina.services.scheduler.store import audit, heads, messages
from lamina.services.scheduler.store.messages import Window

FLAWS_KEPT = 100
DOUBTS_KEPT = 10_000
PAGE_ROWS = 1000
LOOKS = 3
_ALL = (-(2**63), 2**63 - 1)


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
            DatabaseUnavailable: the database went away.
        """
        with Rocks.follow(store_of(self._place)) as store:
            total = await audit.count_messages(self._database)
            async for index in self._index():
                await asyncio.to_thread(store.catch_up)
                for portion in portions(index):
                    await self._compare(store, portion)
                self._advanced("messages", self._checked["messages"], total)
            async for keys in self._keys(store):
                await self._look_up(keys)
                self._advanced("keys", self._checked["keys"], total)
            await self._look_again(store)
        return Verdict(dict(self._checked), self._flaw_count, self._flaws)

    async def _index(self) -> AsyncIterator[Sequence[Record]]:
        async for page in heads.pages(self._database, PAGE_ROWS):
            for head in page:
                window = Window(head["process_id"], "nonce", *_ALL)
                found = messages.index_pages(self._database, window, limit=2**62, page_rows=PAGE_ROWS)
                async for index in found:
                    yield index

    async def _keys(self, store: Rocks) -> AsyncIterator[Sequence[bytes]]:
        await asyncio.to_thread(store.catch_up)
        after, until = MESSAGES, after_prefix(MESSAGES)
        while keys := await asyncio.to_thread(store.keys, after, until, PAGE_ROWS):
            yield keys
            after = keys[-1]

    async def _compare(self, store: Rocks, portion: Sequence[Record]) -> None:
        """Every row has its key, with the right value."""
        expected = await read_values(self._database, portion)
        keys = [place_of(row).key for row in portion]
        found = await asyncio.to_thread(store.get, keys)
        self._checked["messages"] += len(portion)
        for row, key, value in zip(portion, keys, found, strict=True):
            if value is None and len(self._late) < DOUBTS_KEPT:
                self._late.append(row)
            elif value != expected[key]:
                self._flaw(_of_row(row), "is not in the disk store" if value is None else "differs there")

    async def _look_up(self, keys: Sequence[bytes]) -> None:
        """Every key has its row."""
        self._checked["keys"] += len(keys)
        places = [(key, read_key(key)) for key in keys]
        known = await messages.find_known(
            self._database, [place.assignment_id for _, place in places if place is not None]
        )
        for key, place in places:
            if place is None:
                self._flaw(f"key {key.decode('ascii', 'backslashreplace')}", "is none")
            elif place.assignment_id in known:
                continue
            elif len(self._early) < DOUBTS_KEPT:
                self._early.append(place)
            else:
                self._flaw(_of_place(place), _ORPHAN)

    async def _look_again(self, store: Rocks) -> None:
        """What a running unit was just writing is on both sides a little later."""
        for _ in range(LOOKS):
            if not self._late and not self._early:
                return
            await asyncio.sleep(self._wait_s)
            await asyncio.to_thread(store.catch_up)
            late, self._late = self._late, []
            for portion in portions(late):
                await self._compare(store, portion)
                self._checked["messages"] -= len(portion)
            known = await messages.find_known(self._database, [each.assignment_id for each in self._early])
            there = await asyncio.to_thread(store.get, [each.key for each in self._early])
            self._early = [
                place
                for place, value in zip(self._early, there, strict=True)
                if value is not None and place.assignment_id not in known
            ]
        for row in self._late:
            self._flaw(_of_row(row), "is not in the disk store")
        for place in self._early:
            self._flaw(_of_place(place), _ORPHAN)

    def _flaw(self, subject: str, text: str) -> None:
        self._flaw_count += 1
        if len(self._flaws) < FLAWS_KEPT:
            self._flaws.append(f"{subject} {text}")


_ORPHAN = "is in the disk store alone"


def _of_row(row: Record) -> str:
    return f"process {base64url.encode(row['process_id'])} nonce {row['nonce']}"


def _of_place(place: Place) -> str:
    assignment, process = base64url.encode(place.assignment_id), base64url.encode(place.process_id)
    return f"assignment {assignment} of process {process}"
