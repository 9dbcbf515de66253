"""What happened in this database lately: how much was written, how much waits, how high the network is."""

from dataclasses import dataclass

from lamina.kernel.storage.database import Database

WAITING_MAX = 100_000
"""Counted no further: a telemetry node need not know more, and counting takes time."""


@dataclass(frozen=True, slots=True)
class News:
    """How things stand.

    Attributes:
        written: spawns and assignments ever queued for upload, in the transaction that made them; after a
            crash it may have jumped ahead a little, since it is a sequence.
        waiting: those that were not uploaded yet.
        height: of the network; None while no gateway ever told it.
    """

    written: int
    waiting: int
    height: int | None


async def read(database: Database) -> News:
    """How things stand at this moment, without looking at every message."""
    row = await database.fetchrow(
        "scheduler.read_news",
        """
        SELECT (SELECT CASE WHEN is_called THEN last_value ELSE 0 END
                  FROM scheduler.outbox_id_seq) AS written,
               (SELECT count(*) FROM (SELECT 1 FROM scheduler.outbox LIMIT $1) counted) AS waiting,
               (SELECT height FROM scheduler.network) AS height
        """,
        WAITING_MAX,
    )
    assert row is not None, "a SELECT without FROM has one row"
    return News(row["written"], row["waiting"], row["height"])
