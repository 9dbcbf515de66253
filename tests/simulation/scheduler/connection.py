"""The statements that the scheduler's store sends, carried out on the simulated server."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from tests.simulation.scheduler.server import Message, Server, Transaction

from lamina.services.scheduler.model.head import Head

Row = Mapping[str, Any]
Work = Callable[..., Awaitable[Sequence[Row]]]


class Connection:
    """Stands for a connection within one transaction; what it is sent it knows by table and verb."""

    def __init__(
        self, server: Server, transaction: Transaction, pause: Callable[[], Awaitable[None]]
    ) -> None:
        self._server = server
        self._transaction = transaction
        self._pause = pause

    async def fetch(self, query: str, *values: Any) -> Sequence[Row]:
        """Carry out one statement, after its way to the server."""
        await self._pause()
        text = " ".join(query.split())
        for pattern, work in _STATEMENTS:
            if re.search(pattern, text):
                return await work(self, text, *values)
        raise AssertionError(f"the simulated server does not know this statement: {text}")

    async def execute(self, query: str, *values: Any) -> str:
        """Carry out one statement."""
        await self.fetch(query, *values)
        return ""

    async def fetchrow(self, query: str, *values: Any) -> Row | None:
        """The first row of a statement."""
        rows = await self.fetch(query, *values)
        return rows[0] if rows else None

    async def _lock_heads(self, _text: str, process_ids: Sequence[bytes]) -> Sequence[Row]:
        known = sorted(each for each in process_ids if each in self._server.heads)
        await self._server.lock(self._transaction, known)
        return [self._head(process_id) for process_id in known]

    async def _read_heads(self, _text: str, asked: bytes | Sequence[bytes]) -> Sequence[Row]:
        process_ids = [asked] if isinstance(asked, bytes) else sorted(asked)
        return [self._head(each) for each in process_ids if each in self._server.heads]

    def _head(self, process_id: bytes) -> Row:
        head = self._transaction.heads.get(process_id) or self._server.heads[process_id]
        return {
            "process_id": process_id, "nonce": head.nonce, "assignment_id": head.assignment_id,
            "hash_chain": head.hash_chain, "ts": head.ts,
        }  # fmt: skip

    async def _find_messages(self, _text: str, message_ids: Sequence[bytes]) -> Sequence[Row]:
        return [{"message_id": each} for each in message_ids if each in self._server.by_message]

    async def _find_assignments(self, _text: str, assignment_ids: Sequence[bytes]) -> Sequence[Row]:
        return [{"assignment_id": each} for each in assignment_ids if each in self._server.by_assignment]

    async def _find_hashes(self, _text: str, *columns: Sequence[bytes]) -> Sequence[Row]:
        asked = zip(*columns, strict=True)
        return [
            {"process_id": process_id, "hash": digest}
            for process_id, digest in asked
            if (process_id, digest) in self._server.hashes
        ]

    async def _update_heads(self, _text: str, *columns: Sequence[Any]) -> Sequence[Row]:
        rows = list(zip(*columns, strict=True))
        await self._server.lock(self._transaction, [row[0] for row in rows])
        self._transaction.heads |= {row[0]: Head(*row[1:]) for row in rows}
        return []

    async def _insert_messages(self, text: str, *columns: Sequence[Any]) -> Sequence[Row]:
        for row in zip(*columns, strict=True):
            process_id, nonce, ts, message_id, assignment_id, assignment, item = row
            message = Message(process_id, nonce, ts, message_id, assignment_id, assignment, item)
            await self._server.insert(self._transaction, message.keys)
            self._transaction.messages.append(message)
            if "INSERT INTO scheduler.outbox (process_id, nonce)" in text:
                self._transaction.uploads.append((process_id, nonce))
        return []

    async def _insert_hashes(self, _text: str, *columns: Sequence[bytes]) -> Sequence[Row]:
        for process_id, digest in zip(*columns, strict=True):
            await self._server.insert(self._transaction, {("hash", process_id, digest)})
            self._transaction.hashes.append((process_id, digest))
        return []

    async def _append_chains(self, text: str, *columns: Sequence[Any]) -> Sequence[Row]:
        """The append in one statement, as READ COMMITTED carries it out.

        Rows that match in the snapshot are locked in order and, for whom they were waited for, compared again.
        """
        chains, rows = columns[:7], columns[7:]
        held = [each for each in zip(*chains, strict=True) if self._is_followed(*each[:3])]
        if "FOR UPDATE OF h" in text:
            await self._server.lock(self._transaction, sorted(each[0] for each in held))
            held = [each for each in held if self._is_followed(*each[:3])]
        moved = {each[0] for each in held}
        swapped = [(each[0], *each[3:]) for each in held]
        await self._update_heads(text, *zip(*swapped, strict=True))
        new = [row for row in zip(*rows, strict=True) if row[0] in moved]
        await self._insert_messages(text, *zip(*new, strict=True))
        return [{"process_id": each} for each in sorted(moved)]

    def _is_followed(self, process_id: bytes, after_nonce: int, after_id: bytes | None) -> bool:
        head = self._transaction.heads.get(process_id) or self._server.heads.get(process_id)
        return head is not None and (head.nonce, head.assignment_id) == (after_nonce, after_id)

    async def _nothing(self, _text: str) -> Sequence[Row]:
        return []


_STATEMENTS: Sequence[tuple[str, Work]] = (
    (r"^WITH chain AS ", Connection._append_chains),
    (r"^SELECT .* FROM scheduler\.heads .*FOR UPDATE$", Connection._lock_heads),
    (r"^SELECT .* FROM scheduler\.heads ", Connection._read_heads),
    (r"^SELECT message_id FROM scheduler\.messages .*item IS NOT NULL$", Connection._find_messages),
    (r"^SELECT assignment_id FROM scheduler\.messages ", Connection._find_assignments),
    (r"^SELECT d\.process_id, d\.hash FROM scheduler\.deep_hashes ", Connection._find_hashes),
    (r"^UPDATE scheduler\.heads ", Connection._update_heads),
    (r"^INSERT INTO scheduler\.deep_hashes ", Connection._insert_hashes),
    (r"INSERT INTO scheduler\.messages ", Connection._insert_messages),
    (r"^SELECT pg_logical_emit_message", Connection._nothing),
)
