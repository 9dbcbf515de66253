"""Databases as the original scheduler leaves them, after each of its migrations (spec/scheduler.md 18.1).

Written from the specification alone: bundles are put together here from bare items.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from tests.postgres_server import in_thread, new_database

from lamina.formats import base64url
from lamina.formats.ans104.bundle import BUNDLE_TAGS, bundle_parts
from lamina.formats.ans104.item import DataItem, parse
from lamina.formats.ans104.signed_item import Draft, SignedItem, sign
from lamina.formats.ans104.signers import Signer
from lamina.formats.avro_tags import Tag

HEIGHT = 1_500_000
EARLY_HEIGHT = 1_330_000

# What each migration adds, by its version; earlier ones come first.
MIGRATIONS = {
    "20231213213153": """
        CREATE TABLE processes (row_id serial PRIMARY KEY, process_id varchar(255) NOT NULL UNIQUE,
            process_data jsonb NOT NULL, bundle bytea NOT NULL);
        CREATE INDEX idx_process_id ON processes (process_id);
        CREATE TABLE messages (row_id serial PRIMARY KEY,
            process_id varchar(255) NOT NULL REFERENCES processes (process_id),
            message_id varchar(255) NOT NULL UNIQUE, message_data jsonb NOT NULL, epoch int NOT NULL,
            nonce int NOT NULL, "timestamp" bigint NOT NULL, bundle bytea NOT NULL, hash_chain text NOT NULL);
        CREATE INDEX idx_messages_process_id ON messages (process_id);
        CREATE INDEX idx_messages_message_id ON messages (message_id);
        CREATE TABLE schedulers (row_id serial PRIMARY KEY, url varchar NOT NULL UNIQUE,
            process_count int NOT NULL);
        CREATE TABLE process_schedulers (row_id serial PRIMARY KEY, process_id varchar NOT NULL UNIQUE,
            scheduler_row_id int NOT NULL REFERENCES schedulers (row_id));
        CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY,
            run_on timestamp NOT NULL DEFAULT now());
    """,
    "20240327163751": """
        ALTER TABLE messages ADD COLUMN assignment_id varchar(255) UNIQUE;
        CREATE INDEX idx_assignments_assignment_id ON messages (assignment_id);
        ALTER TABLE messages DROP CONSTRAINT messages_message_id_key;
    """,
    "20240529143054": """
        DROP INDEX idx_messages_process_id;
        CREATE INDEX idx_messages_process_id_timestamp ON messages (process_id, "timestamp");
    """,
    "20240805190651": "ALTER TABLE schedulers ADD COLUMN no_route boolean DEFAULT false;",
    "20240904145702": """
        ALTER TABLE processes ADD COLUMN epoch int, ADD COLUMN nonce int, ADD COLUMN hash_chain text,
            ADD COLUMN "timestamp" bigint;
    """,
    "20241126200327": """
        ALTER TABLE schedulers ADD COLUMN wallets_to_route text, ADD COLUMN wallets_only boolean;
    """,
    "20250318144400": "CREATE INDEX idx_messages_process_id_nonce ON messages (process_id, nonce);",
}
LATEST = "20250318144400"
ASSIGNMENT_IDS_SINCE = "20240327163751"
PROCESS_ASSIGNMENTS_SINCE = "20240904145702"


@dataclass
class OriginalRow:
    """A message as the original stored it."""

    message_id: str
    assignment_id: str | None
    nonce: int
    ts: int
    hash_chain: str
    bundle: bytes
    assignment: DataItem
    message: DataItem | None
    epoch: int = 0


@dataclass
class OriginalProcess:
    """A process and how the original went on scheduling it."""

    by: Signer
    spawn: SignedItem
    bundle: bytes
    ts: int
    own: DataItem | None = None
    rows: list[OriginalRow] = field(default_factory=list)
    links_by_message: bool = False
    height: int = HEIGHT

    @property
    def id(self) -> str:
        return self.spawn.id

    @property
    def base(self) -> int:
        """The nonce before the first message's."""
        return -1 if self.own is None else 0

    def next_link(self) -> str:
        if not self.rows and self.own is None:
            return chained(self.spawn.id_bytes)
        if not self.rows:
            assert self.own is not None
            return chained(self.own.id_bytes, base64url.decode(self.own.tag("Hash-Chain") or ""))
        last = self.rows[-1]
        by = base64url.decode(last.message_id) if self.links_by_message else last.assignment.id_bytes
        return chained(by, base64url.decode(last.hash_chain))

    def schedule(self, message: SignedItem, *, old_shape: bool = False) -> OriginalRow:
        """Assign a message, in the shape before March 2024 or in today's."""
        tags = self._tags(message.id, [] if old_shape else [Tag("Message", message.id)])
        if old_shape:
            draft = Draft((*BUNDLE_TAGS, *tags), anchor=os.urandom(32), data=tuple(bundle_parts([message])))
            outer = sign(draft, self.by)
            return self._add(
                outer.to_bytes(), message.id, parse(outer.to_bytes()), parse(message.to_bytes()), known=False
            )
        assignment = sign(Draft(tuple(tags), anchor=os.urandom(32)), self.by)
        raw = outer_item(self.by, [assignment, message])
        return self._add(raw, message.id, parse(assignment.to_bytes()), parse(message.to_bytes()))

    def assign(self, transaction_id: str) -> OriginalRow:
        """Assign what is elsewhere."""
        tags = self._tags(transaction_id, [Tag("Message", transaction_id)])
        assignment = sign(Draft(tuple(tags), anchor=os.urandom(32)), self.by)
        return self._add(
            outer_item(self.by, [assignment]), transaction_id, parse(assignment.to_bytes()), None
        )

    def _tags(self, message_id: str, more: list[Tag]) -> list[Tag]:
        nonce = self.base + 1 + len(self.rows)
        return assignment_tags(self.id, nonce, self.next_link(), self._next_ts(), self.height) + more

    def _next_ts(self) -> int:
        return (self.rows[-1].ts if self.rows else self.ts) + 7

    def _add(
        self,
        raw: bytes,
        message_id: str,
        assignment: DataItem,
        message: DataItem | None,
        *,
        known: bool = True,
    ) -> OriginalRow:
        row = OriginalRow(
            message_id,
            assignment.id if known else None,
            int(assignment.tag("Nonce") or ""),
            int(assignment.tag("Timestamp") or ""),
            assignment.tag("Hash-Chain") or "",
            raw,
            assignment,
            message,
        )
        self.rows.append(row)
        return row


def chained(*parts: bytes) -> str:
    return base64url.encode(hashlib.sha256(b"".join(parts)).digest())


def assignment_tags(process_id: str, nonce: int, link: str, ts: int, height: int = HEIGHT) -> list[Tag]:
    return [
        Tag("Process", process_id),
        Tag("Epoch", "0"),
        Tag("Nonce", str(nonce)),
        Tag("Hash-Chain", link),
        Tag("Block-Height", str(height).zfill(12)),
        Tag("Timestamp", str(ts)),
        Tag("Data-Protocol", "ao"),
        Tag("Type", "Assignment"),
        Tag("Variant", "ao.TN.1"),
    ]


def outer_item(by: Signer, nested: Sequence[SignedItem], *more: Tag) -> bytes:
    """A signed bundle."""
    draft = Draft((*BUNDLE_TAGS, *more), anchor=os.urandom(32), data=tuple(bundle_parts(nested)))
    return sign(draft, by).to_bytes()


def spawned(
    by: Signer,
    spawn: SignedItem,
    *,
    with_assignment: bool = False,
    ts: int = 1_700_000_000_000,
    height: int = HEIGHT,
) -> OriginalProcess:
    """A process that the original just stored."""
    if not with_assignment:
        more = (Tag("Block-Height", str(height).zfill(12)), Tag("Timestamp", str(ts)))
        return OriginalProcess(by, spawn, outer_item(by, [spawn], *more), ts, height=height)
    tags = assignment_tags(spawn.id, 0, chained(spawn.id_bytes), ts, height)
    own = sign(Draft(tuple(tags), anchor=os.urandom(32)), by)
    return OriginalProcess(by, spawn, outer_item(by, [own, spawn]), ts, parse(own.to_bytes()), height=height)


class OriginalDatabase:
    """A source, at one of its versions."""

    def __init__(self, server: str, version: str = LATEST) -> None:
        self.dsn = new_database(server)
        self.version = version
        done = [each for each in MIGRATIONS if each <= version]
        self._run(*(MIGRATIONS[each] for each in done))
        self._run(*(f"INSERT INTO __diesel_schema_migrations VALUES ('{each}')" for each in done))

    def _run(self, *statements: str) -> None:
        async def work(cx: asyncpg.Connection) -> None:
            for statement in statements:
                await cx.execute(statement)

        self.connected(work)

    def connected(self, work: Any) -> Any:
        async def run() -> Any:
            cx = await asyncpg.connect(self.dsn)
            try:
                return await work(cx)
            finally:
                await cx.close()

        return in_thread(run())

    def store(self, *processes: OriginalProcess) -> None:
        """Store processes with all they have; what is there already stays."""

        async def work(cx: asyncpg.Connection) -> None:
            for process in processes:
                await self._store_process(cx, process)
                there = {
                    row[0]
                    for row in await cx.fetch("SELECT bundle FROM messages WHERE process_id = $1", process.id)
                }
                await self._store_rows(
                    cx, process.id, [row for row in process.rows if row.bundle not in there]
                )

        self.connected(work)

    async def _store_process(self, cx: asyncpg.Connection, process: OriginalProcess) -> None:
        columns: dict[str, Any] = {"process_id": process.id, "process_data": "{}", "bundle": process.bundle}
        if process.own is not None and self.version >= PROCESS_ASSIGNMENTS_SINCE:
            columns |= {
                "epoch": 0, "nonce": 0, "hash_chain": process.own.tag("Hash-Chain"), "timestamp": process.ts,
            }  # fmt: skip
        await insert(cx, "processes", columns)

    async def _store_rows(self, cx: asyncpg.Connection, process_id: str, rows: list[OriginalRow]) -> None:
        for row in rows:
            columns = {
                "process_id": process_id, "message_id": row.message_id, "message_data": "{}", "epoch": row.epoch,
                "nonce": row.nonce, "timestamp": row.ts, "bundle": row.bundle, "hash_chain": row.hash_chain,
            }  # fmt: skip
            if self.version >= ASSIGNMENT_IDS_SINCE:
                columns["assignment_id"] = row.assignment_id
            await insert(cx, "messages", columns)


async def insert(cx: asyncpg.Connection, table: str, columns: dict[str, Any]) -> None:
    names = ", ".join(f'"{name}"' for name in columns)
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
    await cx.execute(
        f"INSERT INTO {table} ({names}) VALUES ({places}) ON CONFLICT DO NOTHING", *columns.values()
    )
