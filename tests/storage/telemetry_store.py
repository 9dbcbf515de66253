"""Telemetry's tables in a test's database, filled through its own store; no HTTP, no processes."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from lamina.kernel.storage.database import Database
from lamina.services.telemetry.model.message import Message
from lamina.services.telemetry.model.peer import Peer
from lamina.services.telemetry.rules import document
from lamina.services.telemetry.store import batches, connections
from lamina.services.telemetry.store.batches import Batch

RECEIVER = uuid4()
DAY = timedelta(days=1)


def midnight(days: int = 0) -> datetime:
    """The begin of a day in UTC, counted from today."""
    now = datetime.now(UTC)
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + days * DAY


def message(peer: Peer, at: datetime, **fields: Any) -> Message:
    """A message that was said at a moment."""
    payload = {"msg": "x", **fields, "ts": at.isoformat()}
    return Message(peer, document.read(json.dumps(payload).encode()))


async def open_peer(database: Database, *, audit: bool = False, address: str = "127.0.0.1:1") -> Peer:
    """A socket that was just opened."""
    peer = Peer(address, audit)
    (peer.row_id,) = await connections.open_rows(database, [peer])
    return peer


async def batch(database: Database, messages: Iterable[Message], ended: Iterable[Peer] = ()) -> Batch:
    """A batch with ids of its own, not stored yet."""
    return Batch(RECEIVER, await batches.take_ids(database), list(messages), list(ended))


def _nothing() -> None:
    pass


async def at_once() -> None:
    """It is a batch's turn already."""


async def write(database: Database, messages: Iterable[Message], ended: Iterable[Peer] = ()) -> Batch:
    """Store messages in one transaction."""
    stored = await batch(database, messages, ended)
    await batches.write(database, stored, durable=True, meanwhile=_nothing, turn=at_once)
    return stored


async def said(database: Database, peer: Peer, moments: Iterable[datetime]) -> None:
    """Store a message of a peer for each moment."""
    await write(database, [message(peer, at) for at in moments])


async def count(database: Database, table: str = "tetcore_logs") -> int:
    """Rows of a table of ours."""
    return await database.fetchval("test.count", f"SELECT count(*) FROM telemetry.{table}")


async def partition_names(database: Database) -> list[str]:
    """Every leaf below the messages, by name."""
    rows = await database.fetch(
        "test.partitions",
        "SELECT relid::regclass::text AS name FROM pg_partition_tree('telemetry.tetcore_logs') WHERE isleaf ORDER BY 1",
    )
    return [row["name"].removeprefix("telemetry.tetcore_logs_") for row in rows]
