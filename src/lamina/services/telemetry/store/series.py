"""A numeric field of a peer's messages, summed up by time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lamina.kernel.storage.database import Database, Record

SUMS = {
    "mean": "avg(value)",
    "min": "min(value)",
    "max": "max(value)",
    "p90": "percentile_disc(0.9) WITHIN GROUP (ORDER BY value)",
}
"""How the values of a step become one: our own words of SQL, chosen by name."""

_NUMBER = r"^\s*[-+]?\d{1,200}(\.\d{0,200})?([eE][-+]?\d{1,2})?\s*$"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which series.

    Attributes:
        path: names of the members that lead to the field; numbers written as text count too.
        step_s: seconds that one value stands for; steps begin at whole multiples since 1970.
        sum_up: a key of `SUMS`.
    """

    peer_id: str
    msg: str
    path: tuple[str, ...]
    since: datetime
    until: datetime
    step_s: int
    sum_up: str


async def read(database: Database, wanted: Wanted, limit: int, timeout_s: float) -> Sequence[Record]:
    """Times and values, ascending."""
    return await database.fetch(
        "telemetry.read_series",
        f"""
        SELECT date_bin(make_interval(secs => $6), said.created_at, timestamp '1970-01-01') AS ts,
               ({SUMS[wanted.sum_up]})::float8 AS value
          FROM (SELECT l.created_at,
                       CASE WHEN l.logs #>> $3::text[] ~ '{_NUMBER}'
                            THEN (l.logs #>> $3::text[])::numeric END AS value
                  FROM telemetry.peer_connections c
                       JOIN telemetry.tetcore_logs l ON l.peer_connection_id = c.id
                 WHERE c.peer_id = $1 AND l.logs->>'msg' = $2
                   AND l.created_at > $4 AND l.created_at < $5) said
         WHERE value IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT $7
        """,
        wanted.peer_id,
        wanted.msg,
        list(wanted.path),
        wanted.since,
        wanted.until,
        float(min(wanted.step_s, 10**9)),
        limit,
        timeout_s=timeout_s,
    )
