"""All pairs that are read, filled from the store and kept up to date by the stream."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import structlog

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Database
from lamina.services.telemetry.feeds.pair import ELEMENTS_MAX, Pair, Reader, element
from lamina.services.telemetry.feeds.stream import Stream
from lamina.services.telemetry.model.element import Element
from lamina.services.telemetry.model.interest import Pair as Key
from lamina.services.telemetry.model.report import Report
from lamina.services.telemetry.settings import TelemetrySettings
from lamina.services.telemetry.store import history

_log = structlog.get_logger("lamina.telemetry.feed")

GIVE_UP_AFTER = 4
"""Times the update timeout, after which a query is abandoned (spec 7.3)."""

SWEEP_S = 1.0


class Pairs:
    """The cache behind `/feed`; a listener of the stream."""

    def __init__(self, database: Database, stream: Stream, settings: TelemetrySettings) -> None:
        """Start empty."""
        self._database = database
        self._stream = stream
        self._settings = settings
        self._pairs: dict[Key, Pair] = {}
        self._filling: set[asyncio.Task[None]] = set()
        stream.add(self)

    def wanted(self) -> Iterable[str]:
        """The types of all pairs."""
        return {msg for _, msg in self._pairs}

    def hear(self, reports: Sequence[Report]) -> None:
        """Sort a batch into pairs."""
        found: dict[Key, list[Element]] = {}
        for report in reports:
            key = (report.peer_id or "", report.msg)
            if key in self._pairs:
                shown = element(report.created_at, report.logs)
                if shown is not None:
                    found.setdefault(key, []).append(shown)
        for key, elements in found.items():
            self._pairs[key].add(reports[0].position, elements)

    def leave(self, connections: Sequence[int]) -> None:
        """A pair outlives its node's connection."""

    def join(self, key: Key, name: object, reader: Reader) -> None:
        """Tell a reader of a pair: what there is, then what is committed."""
        pair = self._pairs.get(key)
        if pair is None:
            pair = self._pairs[key] = Pair(asyncio.get_running_loop().time())
            self._stream.refresh()
            task = asyncio.ensure_future(self._fill(key, pair))
            self._filling.add(task)
            task.add_done_callback(self._filling.discard)
        pair.join(name, reader)

    def part(self, key: Key, name: object) -> None:
        """Tell a reader no more of a pair."""
        pair = self._pairs.get(key)
        if pair is not None:
            pair.leave(name, asyncio.get_running_loop().time())

    async def _fill(self, key: Key, pair: Pair) -> None:
        """Read the history, however often it takes while somebody waits for it."""
        loop = asyncio.get_running_loop()
        while self._pairs.get(key) is pair:
            begun = loop.time()
            try:
                position, rows = await history.read_pair(
                    self._database,
                    key,
                    since=self._horizon(),
                    limit=ELEMENTS_MAX,
                    timeout_s=GIVE_UP_AFTER * self._settings.cache_update_timeout_s,
                )
            except LaminaError as failure:
                _log.warning(
                    "a feed waits for the database", peer_id=key[0], msg=key[1], reason=failure.detail
                )
                await asyncio.sleep(SWEEP_S)
                continue
            if loop.time() - begun > self._settings.cache_update_timeout_s:
                _log.warning("a feed's query is slow", peer_id=key[0], msg=key[1], took_s=loop.time() - begun)
            shown = (element(row["created_at"], row["logs"]) for row in rows)
            pair.fill(position, [each for each in shown if each is not None])
            return

    async def run(self) -> None:
        """Forget what is too old and what nobody reads, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            for key, pair in list(self._pairs.items()):
                idle_s = loop.time() - pair.unread_since_s
                if not pair.is_read and idle_s > self._settings.cache_timeout_s:
                    del self._pairs[key]
                    self._stream.refresh()
                else:
                    pair.forget(self._horizon())

    def _horizon(self) -> datetime:
        return datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=self._settings.cache_expiry_s)
