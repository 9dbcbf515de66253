"""Changes of the membership that this node has found to stand."""

from collections.abc import Sequence

from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.model.membership import Change
from lamina.services.ledger.model.recorded_change import RecordedChange


async def read_cursor(cx: Connection) -> int:
    """The position of the last recorded change that was looked at."""
    return await cx.fetchval("SELECT coalesce(max(position), 0) FROM ledger.membership")


async def insert(cx: Connection, recorded: RecordedChange, change: Change | None) -> None:
    """Keep a change that stands, or that one was looked at and does not."""
    stands = (None, None, None) if change is None else (change.from_seq, change.operation, change.public_key)
    await cx.execute(
        "INSERT INTO ledger.membership (position, recorded_seq, from_seq, operation, public_key, body) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (position) DO NOTHING",
        recorded.position,
        recorded.recorded_seq,
        *stands,
        recorded.body,
    )


async def read(database: Database) -> Sequence[Change]:
    """Every change that stands, in the order they were decided."""
    rows = await database.fetch(
        "ledger.read_membership",
        "SELECT from_seq, operation, public_key FROM ledger.membership "
        "WHERE public_key IS NOT NULL ORDER BY position",
    )
    return [Change(*row.values()) for row in rows]


async def read_recorded(database: Database) -> Sequence[tuple[RecordedChange, Change]]:
    """The same with what was recorded, so that they can be proved again."""
    rows = await database.fetch(
        "ledger.read_recorded_changes",
        "SELECT position, recorded_seq, body, from_seq, operation, public_key FROM ledger.membership "
        "WHERE public_key IS NOT NULL ORDER BY position",
    )
    return [(RecordedChange(*list(row.values())[:3]), Change(*list(row.values())[3:])) for row in rows]
