"""The database of the scheduler in memory: rows, unique indexes, row locks held to the commit, READ COMMITTED."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from lamina.services.scheduler.model.head import Head


class Message(NamedTuple):
    """A row of `scheduler.messages`."""

    process_id: bytes
    nonce: int
    ts: int
    message_id: bytes
    assignment_id: bytes
    assignment: bytes
    item: bytes | None

    @property
    def keys(self) -> set[tuple[object, ...]]:
        """Its entries in the unique indexes."""
        keys: set[tuple[object, ...]] = {
            ("place", self.process_id, self.nonce),
            ("ts", self.process_id, self.ts),
            ("assignment", self.assignment_id),
        }
        return keys if self.item is None else keys | {("message", self.message_id)}


class UniqueViolation(Exception):
    """A unique index has this already."""


@dataclass(slots=True, eq=False)
class Transaction:
    """What one connection has done since BEGIN; nobody else sees it."""

    number: int
    ended: "asyncio.Future[None]"
    locks: set[bytes] = field(default_factory=set)
    heads: dict[bytes, Head] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    uploads: list[tuple[bytes, int]] = field(default_factory=list)
    hashes: list[tuple[bytes, bytes]] = field(default_factory=list)
    keys: set[tuple[object, ...]] = field(default_factory=set)


class Server:
    """Committed rows, and the transactions that are open.

    Args:
        committing: sees a transaction before its rows become visible.
    """

    def __init__(self, committing: Callable[[Transaction], None]) -> None:
        self.heads: dict[bytes, Head] = {}
        self.messages: list[Message] = []
        self.by_assignment: dict[bytes, Message] = {}
        self.by_message: dict[bytes, Message] = {}
        self.uploads: list[tuple[bytes, int]] = []
        self.hashes: set[tuple[bytes, bytes]] = set()
        self.keys: set[tuple[object, ...]] = set()
        self._committing = committing
        self._open: dict[Transaction, None] = {}
        self._locks: dict[bytes, Transaction] = {}
        self._begun = 0

    def begin(self) -> Transaction:
        """BEGIN."""
        self._begun += 1
        transaction = Transaction(self._begun, asyncio.get_running_loop().create_future())
        self._open[transaction] = None
        return transaction

    async def lock(self, transaction: Transaction, process_ids: Iterable[bytes]) -> None:
        """Lock heads one after another, each until the end of the transaction."""
        for process_id in process_ids:
            while (holder := self._locks.get(process_id)) not in {None, transaction}:
                assert holder is not None
                await asyncio.wait([holder.ended])
            self._locks[process_id] = transaction
            transaction.locks.add(process_id)

    async def insert(self, transaction: Transaction, keys: set[tuple[object, ...]]) -> None:
        """Enter keys into the unique indexes; who finds one that is not committed yet waits for its end.

        Raises:
            UniqueViolation: one is there.
        """
        while rivals := [each for each in self._open if each is not transaction and each.keys & keys]:
            await asyncio.wait([rivals[0].ended])
        if (self.keys | transaction.keys) & keys:
            raise UniqueViolation
        transaction.keys |= keys

    def commit(self, transaction: Transaction) -> None:
        """Make everything visible at once."""
        if transaction not in self._open:
            return
        self._committing(transaction)
        self.heads |= transaction.heads
        self.messages += transaction.messages
        self.by_assignment |= {each.assignment_id: each for each in transaction.messages}
        self.by_message |= {each.message_id: each for each in transaction.messages if each.item is not None}
        self.uploads += transaction.uploads
        self.hashes |= set(transaction.hashes)
        self.keys |= transaction.keys
        self.end(transaction)

    def end(self, transaction: Transaction) -> None:
        """Let its locks go; without `commit` nothing of it remains."""
        if transaction not in self._open:
            return
        del self._open[transaction]
        for process_id in transaction.locks:
            del self._locks[process_id]
        transaction.ended.set_result(None)
