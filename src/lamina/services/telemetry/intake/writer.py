"""Stores batches until the database takes them; only what it refuses for its content is ever given up."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import structlog

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable
from lamina.kernel.storage.database import Database, RowsRefused
from lamina.services.telemetry.intake.buffer import Buffer
from lamina.services.telemetry.intake.lot import Lot, OutOfTurn
from lamina.services.telemetry.metrics import BATCH_ROWS, BATCH_SECONDS, DROPPED, STORED
from lamina.services.telemetry.model.message import Message
from lamina.services.telemetry.model.peer import Peer
from lamina.services.telemetry.store import batches
from lamina.services.telemetry.store.batches import Batch

_log = structlog.get_logger("lamina.telemetry.intake")

RETRY_MIN_S = 0.1
RETRY_MAX_S = 5.0


@dataclass(frozen=True, slots=True)
class Stored:
    """A batch that is in the database: its position in the order of commits."""

    position: int
    batch: Batch


class Writer:
    """Takes from the buffer and writes, one lot after another.

    They are committed in turn, which keeps a connection's messages in order. While PostgreSQL works on one
    the next is sent, what comes after that is read, and who listens is told of the one before.
    """

    def __init__(self, database: Database, buffer: Buffer, *, sync_commit: bool) -> None:
        """Prepare.

        Args:
            database: where.
            buffer: from where.
            sync_commit: whether each commit waits for the disk.
        """
        self.receiver: UUID = uuid4()
        self._database = database
        self._buffer = buffer
        self._sync_commit = sync_commit
        self._listeners: list[Callable[[Stored], None]] = []
        self._untold: list[Stored] = []
        self._next_id = 0
        self._ids_left = 0
        self._is_waiting_for_database = False
        self._under_way: list[Lot] = []

    def tell(self, listener: Callable[[Stored], None]) -> None:
        """Tell somebody of every batch, in order, once it is committed."""
        self._listeners.append(listener)

    async def run(self, flush_timeout_s: float) -> None:
        """Write until cancelled, then flush what is left for a bounded time.

        A write under way is never cut: whether it was committed would be unknown.
        """
        work = asyncio.ensure_future(self._work())
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError:
            self._buffer.stop()
            await asyncio.wait({work}, timeout=flush_timeout_s)
            if not work.done():
                work.cancel()
                self._give_up(flush_timeout_s)
            raise

    async def _work(self) -> None:
        # What a failure cut short comes first.
        for cut in list(self._under_way):
            self._under_way.remove(cut)
            await self._begin(Lot(cut.entries)).written
        before: Lot | None = None
        try:
            while len(self._buffer) or not self._buffer.is_stopped:
                await self._buffer.wait()
                lot = self._begin(Lot(self._buffer.take(), before))
                await lot.is_copied.wait()
                if before is not None:
                    await asyncio.shield(before.written)
                before = lot
            while self._under_way:
                await asyncio.shield(self._under_way[0].written)
        except asyncio.CancelledError:
            for lot in self._under_way:
                lot.written.cancel()
            raise
        finally:
            # Another lot's failure cuts no write either.
            await asyncio.gather(*(lot.written for lot in self._under_way), return_exceptions=True)

    def _begin(self, lot: Lot) -> Lot:
        self._under_way.append(lot)
        lot.written = asyncio.create_task(self._write_lot(lot), name="telemetry.lot")
        return lot

    def _give_up(self, waited_s: float) -> None:
        count = sum(len(lot.messages) for lot in self._under_way) + len(self._buffer)
        DROPPED.labels("stopped").inc(count)
        _log.error("stopped before everything was stored", messages=count, waited_s=waited_s)

    async def _write_lot(self, lot: Lot) -> None:
        """Store a lot, however often it takes; one that a failure cut short stays under way."""
        try:
            if lot.ended:
                # Their rows may be made by the lot before.
                await lot.follow()
            try:
                await self._store(lot, lot.messages, lot.ended)
            except OutOfTurn:
                await lot.follow()
                await self._store(lot, lot.messages, lot.ended)
        finally:
            lot.end()
        self._under_way.remove(lot)
        if not self._buffer.is_due:
            self._announce()
        self._buffer.measure()

    async def _store(self, lot: Lot, messages: Sequence[Message], ended: Sequence[Peer]) -> None:
        """Store messages, halving a refused batch until what is refused stands alone."""
        try:
            await self._insist(lot, messages, ended)
        except RowsRefused as refusal:
            lot.tried(stored=False)
            if len(messages) == 1:
                DROPPED.labels("refused").inc()
                _log.warning("the database refused a message", reason=refusal.detail)
                await self._store(lot, (), ended)
                return
            middle = len(messages) // 2
            await self._store(lot, messages[:middle], ())
            await self._store(lot, messages[middle:], ended)

    async def _insist(self, lot: Lot, messages: Sequence[Message], ended: Sequence[Peer]) -> None:
        """Store messages as one batch, however often it takes.

        Raises:
            OutOfTurn: the lot before was not stored at once; nothing of this one is stored.
            RowsRefused: for a message's content; nothing of these is stored.
        """
        if not messages and not ended:
            return
        delay_s = RETRY_MIN_S
        batch: Batch | None = None
        while True:
            try:
                if batch is None:
                    batch = await self._number(messages, ended)
                with BATCH_SECONDS.time():
                    position = await self._write(lot, batch)
            except DatabaseUnavailable as failure:
                lot.tried(stored=False)
                self._announce()
                self._complain(failure.detail)
            else:
                self._note(Stored(position, batch))
                lot.tried(stored=True)
                return
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, RETRY_MAX_S)

    async def _number(self, messages: Sequence[Message], ended: Sequence[Peer]) -> Batch:
        if self._ids_left < len(messages):
            self._next_id = await batches.take_ids(self._database)
            self._ids_left = batches.ID_BLOCK
        batch = Batch(self.receiver, self._next_id, messages, ended)
        self._next_id += len(messages)
        self._ids_left -= len(messages)
        return batch

    async def _write(self, lot: Lot, batch: Batch) -> int:
        """Write once; an unknown outcome is looked up before anything is sent again."""
        told = {message.peer: message.peer.told for message in batch.messages if message.peer.is_stale}
        try:
            position = await batches.write(
                self._database,
                batch,
                durable=self._sync_commit,
                meanwhile=lambda: self._go_on(lot),
                turn=lot.turn,
            )
        except CommitUnknown:
            found = await self._find(batch)
            if found is None:
                raise DatabaseUnavailable("The commit of a batch did not happen.") from None
            position = found
        for peer, said in told.items():
            peer.is_stale = peer.told != said
        return position

    async def _find(self, batch: Batch) -> int | None:
        while batch.messages:
            try:
                return await batches.find(self._database, batch)
            except (CommitUnknown, DatabaseUnavailable) as failure:
                self._complain(failure.detail)
            await asyncio.sleep(RETRY_MAX_S)
        return None

    def _note(self, stored: Stored) -> None:
        if self._is_waiting_for_database:
            self._is_waiting_for_database = False
            _log.info("the database takes messages again", waiting=len(self._buffer))
        count = len(stored.batch.messages)
        STORED.inc(count)
        if count:
            BATCH_ROWS.observe(count)
        self._untold.append(stored)

    def _go_on(self, lot: Lot) -> None:
        """What there is to do while PostgreSQL works."""
        lot.is_copied.set()
        self._buffer.read_on()
        self._announce()

    def _announce(self) -> None:
        untold, self._untold = self._untold, []
        for stored in untold:
            for listener in self._listeners:
                listener(stored)

    def _complain(self, reason: str) -> None:
        self._buffer.measure()
        if not self._is_waiting_for_database:
            self._is_waiting_for_database = True
            _log.warning("messages wait for the database", reason=reason, waiting=len(self._buffer))
