"""Every committed message, whoever received it: our own at once, other receivers' by position.

A batch is announced to a listener once: ours when its commit is known, others when their row is read. Nothing
is taken from messages that are not stored.
"""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Database, Record
from lamina.services.telemetry.intake.writer import Stored
from lamina.services.telemetry.model.report import Report
from lamina.services.telemetry.rules.timestamp import moment
from lamina.services.telemetry.store import history, past

_log = structlog.get_logger("lamina.telemetry.feed")

BATCHES_PER_READ = 64
ENDED_S = 5.0
ADOPT_AFTER_S = 60.0
"""After so long every receiver that is alive has touched its connections."""

CONNECTED = "system.connected"


class Listener(Protocol):
    """Somebody who follows the stream."""

    def wanted(self) -> Iterable[str]:
        """The message types it wants to hear now."""
        ...

    def hear(self, reports: Sequence[Report]) -> None:
        """Messages of one batch, of wanted types and perhaps others."""
        ...

    def leave(self, connections: Sequence[int]) -> None:
        """These connections are over."""
        ...


class Stream:
    """Hands committed messages to listeners."""

    def __init__(self, database: Database, receiver: UUID, interval_s: float) -> None:
        """Start without listeners.

        Args:
            database: where other receivers store.
            receiver: whose batches are our own.
            interval_s: time between looks at what others stored.
        """
        self._database = database
        self._receiver = receiver
        self._interval_s = interval_s
        self._listeners: list[Listener] = []
        self._wanted: dict[bytes, str] = {}
        self._own: set[int] = set()
        self._others: set[int] = set()

    def add(self, listener: Listener) -> None:
        """Tell somebody of everything from now on."""
        self._listeners.append(listener)
        self.refresh()

    def refresh(self) -> None:
        """Ask every listener again what it wants."""
        names = {name for listener in self._listeners for name in listener.wanted()}
        self._wanted = {msgspec.json.encode(name): name for name in names}

    def stored(self, stored: Stored) -> None:
        """Announce a batch of our own."""
        reports: list[Report] = []
        for message in stored.batch.messages:
            document, peer = message.document, message.peer
            self._own.add(peer.row_id or 0)
            msg = self._wanted.get(document.msg)
            if msg is not None and peer.row_id is not None:
                reports.append(
                    Report(
                        stored.position,
                        peer.row_id,
                        peer.ip_addr,
                        peer.identity.peer_id,
                        msg,
                        moment(document.created_at),
                        document.logs,
                        is_own=True,
                    )
                )
        ended = [peer.row_id for peer in stored.batch.ended if peer.row_id is not None]
        self._own.difference_update(ended)
        self._announce(reports, ended)

    async def run(self) -> None:
        """Follow other receivers until cancelled."""
        position: int | None = None
        loop = asyncio.get_running_loop()
        asked, begun, is_complete = loop.time(), loop.time(), False
        since = datetime.now(UTC).replace(tzinfo=None)
        while True:
            try:
                if position is None:
                    position = await history.read_position(self._database)
                position = await self._follow(position)
                if loop.time() - asked > ENDED_S:
                    asked = loop.time()
                    await self._let_go()
                if not is_complete and loop.time() - begun > ADOPT_AFTER_S:
                    await self._adopt(since)
                    is_complete = True
            except LaminaError as failure:
                _log.debug("other receivers cannot be followed now", reason=failure.detail)
            await asyncio.sleep(self._interval_s)

    async def _follow(self, position: int) -> int:
        while batches := await history.list_batches(self._database, position, BATCHES_PER_READ):
            for batch in batches:
                if batch["receiver"] != self._receiver:
                    await self._read(batch)
                position = batch["position"]
            if len(batches) < BATCHES_PER_READ:
                break
        return position

    async def _read(self, batch: Record) -> None:
        rows = await history.read_batch(self._database, batch, list(self._wanted.values()))
        reports = [_report(batch["position"], row) for row in rows]
        self._others.update(report.connection for report in reports)
        self._announce(reports, ())

    async def _let_go(self) -> None:
        """Find out which nodes of others are gone."""
        if self._others:
            ended = await history.list_ended(self._database, list(self._others))
            self._others.difference_update(ended)
            self._announce((), ended)

    async def _adopt(self, since: datetime) -> None:
        """Learn of nodes that other receivers hold since before this one began."""
        wanted = self._wanted.values()
        types = [CONNECTED, *(name for name in wanted if name != CONNECTED)] if CONNECTED in wanted else []
        rows = await past.list_alive(self._database, since, types)
        found = [_adopted(row) for row in rows if row["connection"] not in self._own | self._others]
        self._others.update(report.connection for report in found)
        self._announce(found, ())

    def _announce(self, reports: Sequence[Report], ended: Sequence[int]) -> None:
        for listener in self._listeners:
            if reports:
                listener.hear(reports)
            if ended:
                listener.leave(ended)


def _adopted(row: Record) -> Report:
    """A message from before; at position 0 it is news to nobody who keeps a history."""
    return Report(
        0,
        row["connection"],
        row["ip_addr"],
        row["peer_id"],
        row["msg"],
        row["created_at"],
        row["logs"].encode(),
        is_own=False,
    )


def _report(position: int, row: Record) -> Report:
    return Report(
        position,
        row["peer_connection_id"],
        row["ip_addr"],
        row["peer_id"],
        row["msg"],
        row["created_at"],
        row["logs"].encode(),
        is_own=False,
    )
