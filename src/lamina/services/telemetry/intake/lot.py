"""What is written together, and what it owes the lot before it."""

import asyncio
from collections.abc import Sequence

from lamina.services.telemetry.intake.buffer import Entry
from lamina.services.telemetry.model.message import Message
from lamina.services.telemetry.model.peer import Peer


class OutOfTurn(Exception):
    """The lot before this one was not stored at once: this one is written again after it."""


class Lot:
    """Messages and ended sockets that the buffer gave together.

    While PostgreSQL stores one lot the next is sent to it already, on another connection; it is committed
    after the one before it, or not at all.

    Attributes:
        is_copied: set when PostgreSQL has its rows; the next lot may begin then.
        written: the task that writes it, done when it is stored but for what was refused.
    """

    written: asyncio.Task[None]

    def __init__(self, entries: Sequence[Entry], before: "Lot | None" = None) -> None:
        """Sort the entries.

        Args:
            entries: as the buffer gave them.
            before: the lot before it, if that may still be under way.
        """
        self.entries = entries
        self.messages = [entry for entry in entries if isinstance(entry, Message)]
        self.ended = [entry for entry in entries if isinstance(entry, Peer)]
        self.is_copied = asyncio.Event()
        self._before = before
        self._at_once: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def turn(self) -> None:
        """Until the lot before it is committed.

        Raises:
            OutOfTurn: its first try did not do that.
        """
        if self._before is not None and not await self._before.is_stored_at_once():
            raise OutOfTurn

    async def is_stored_at_once(self) -> bool:
        """Whether its first try stores it, once that is known."""
        return await asyncio.shield(self._at_once)

    async def follow(self) -> None:
        """Until the lot before it is written, however many tries that takes."""
        before, self._before = self._before, None
        if before is not None:
            await asyncio.shield(before.written)

    def tried(self, *, stored: bool) -> None:
        """Note how the first try ended; later ones change nothing."""
        if not self._at_once.done():
            self._at_once.set_result(stored)

    def end(self) -> None:
        """Note that nothing more is done for it."""
        self.tried(stored=False)
        self.is_copied.set()
        self._before = None
