"""`Database` on the simulated server: the three outcomes of a commit, and whatever a network does to them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextvars import Context
from typing import Any, TypeVar

from tests.simulation.scheduler.connection import Connection, Row
from tests.simulation.scheduler.misfortune import Misfortune
from tests.simulation.scheduler.server import Server, Transaction, UniqueViolation

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable
from lamina.kernel.storage.database import RowsRefused
from lamina.kernel.storage.patience import ANSWER_S

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

    async def store(self, name: str, query: str, *values: object) -> Sequence[Row]:
        """One statement that is a transaction of its own; one more try, as `run`."""
        try:
            return await self._store(name, query, values)
        except DatabaseUnavailable:
            return await self._store(name, query, values)

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

    async def _store(self, name: str, query: str, values: Sequence[object]) -> Sequence[Row]:
        """Send it and wait; whoever hears nothing in time does not know, and it may arrive all the same."""
        await self._pause()
        misfortune, chance = self._misfortune, self._loop.chance
        is_heard = not misfortune.strikes("commit_unknown", misfortune.profile.unknown)
        arrives_s = misfortune.delay_s()
        if not is_heard and misfortune.strikes("commit_late", misfortune.profile.late):
            arrives_s += chance.random() * NOTICE_S
        if is_heard or chance.random() < 0.5:
            # The server owes its client nothing: what has been sent outlives the unit.
            sent = Context().run(self._loop.create_task, self._carry_out(arrives_s, name, query, values))
            waiting_s = ANSWER_S if is_heard else chance.random() * misfortune.profile.delay_s
            done, _ = await asyncio.wait([sent], timeout=waiting_s)
            if done and is_heard:
                await asyncio.sleep(chance.random() * misfortune.profile.delay_s)
                return sent.result()
        self._loop.note(f"{name} ends unknown")
        raise CommitUnknown

    async def _carry_out(
        self, arrives_s: float, name: str, query: str, values: Sequence[object]
    ) -> Sequence[Row]:
        """The server's side of one statement that commits itself."""
        await asyncio.sleep(arrives_s)
        transaction = self._server.begin()
        try:
            async with asyncio.timeout(STATEMENT_TIMEOUT_S):
                rows = await self.connect(self._server, transaction, _at_once).fetch(query, *values)
        except UniqueViolation:
            self._server.end(transaction)
            self._loop.note(f"{name} {transaction.number} is refused")
            raise RowsRefused(name) from None
        except TimeoutError:
            self._server.end(transaction)
            raise DatabaseUnavailable from None
        await self._misfortune.delay()
        self._server.commit(transaction)
        return rows

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


async def _at_once() -> None:
    """On the server a statement has no way to go."""
