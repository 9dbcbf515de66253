"""`Database` on the simulated server: the three outcomes of a commit, and whatever a network does to them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from tests.simulation.scheduler.connection import Connection, Row
from tests.simulation.scheduler.misfortune import Misfortune
from tests.simulation.scheduler.server import Server, Transaction, UniqueViolation

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable
from lamina.kernel.storage.database import RowsRefused

T = TypeVar("T")
STATEMENT_TIMEOUT_S = 30.0
NOTICE_S = 3.0
"""Longest until the server notices that a client is gone."""


class SimulatedDatabase:
    """What one unit sees of the database."""

    connect = Connection

    def __init__(self, server: Server, misfortune: Misfortune) -> None:
        self._server = server
        self._misfortune = misfortune
        self._loop = misfortune.loop

    async def fetchrow(self, _name: str, query: str, *values: object) -> Row | None:
        """Read one row."""
        await self._pause()
        transaction = self._server.begin()
        try:
            return await Connection(self._server, transaction, self._pause).fetchrow(query, *values)
        finally:
            self._server.end(transaction)

    async def confirm(self, name: str, query: str, *values: object) -> Sequence[Row]:
        """Read in a transaction that commits."""
        return await self.run(name, lambda cx: cx.fetch(query, *values))

    async def run(self, name: str, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Work in one transaction; one more try where it was rolled back, as a patient one makes several."""
        try:
            async with self.transaction(name) as cx:
                return await work(cx)
        except DatabaseUnavailable:
            async with self.transaction(name) as cx:
                return await work(cx)

    @contextlib.asynccontextmanager
    async def transaction(self, name: str) -> AsyncGenerator[Any]:
        """A transaction of one of three outcomes."""
        await self._pause()
        transaction = self._server.begin()
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT_S):
                yield self.connect(self._server, transaction, self._pause)
            await self._commit(name, transaction)
        except UniqueViolation:
            self._server.end(transaction)
            raise RowsRefused(name) from None
        except TimeoutError:
            self._server.end(transaction)
            raise DatabaseUnavailable from None
        except CommitUnknown:
            raise
        except BaseException:
            # The server notices sooner or later; until then it holds the locks.
            self._loop.call_later(self._loop.chance.random() * NOTICE_S, self._server.end, transaction)
            raise

    async def _pause(self) -> None:
        await self._misfortune.delay()
        if self._misfortune.strikes("refused", self._misfortune.profile.refused):
            raise DatabaseUnavailable

    async def _commit(self, name: str, transaction: Transaction) -> None:
        """From here on the server goes on by itself, whether or not anybody still waits for its answer."""
        profile, chance = self._misfortune.profile, self._loop.chance
        if self._misfortune.strikes("commit_unknown", profile.unknown):
            is_done, delay_s = chance.random() < 0.5, 0.0
            if self._misfortune.strikes("commit_late", profile.late):
                delay_s = chance.random() * NOTICE_S
            self._loop.note(f"{name} {transaction.number} ends unknown, {'done' if is_done else 'lost'}")
            self._loop.call_later(delay_s, self._server.commit if is_done else self._server.end, transaction)
            await asyncio.sleep(chance.random() * profile.delay_s)
            raise CommitUnknown
        self._loop.call_later(self._misfortune.delay_s(), self._server.commit, transaction)
        await asyncio.wait([transaction.ended])
        await asyncio.sleep(chance.random() * profile.delay_s)
