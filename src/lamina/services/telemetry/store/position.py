"""Where telemetry ends: what a copy of its tables must have again."""

from lamina.kernel.contracts import Position
from lamina.kernel.storage.database import Connection


async def position(cx: Connection) -> Position:
    """The stream's position and how much is stored, as this transaction sees it."""
    row = await cx.fetchrow(
        """
        SELECT s.position, (SELECT count(*) FROM telemetry.tetcore_logs) AS messages,
               (SELECT count(*) FROM telemetry.peer_connections) AS connections,
               (SELECT count(*) FROM telemetry.benchmarks) AS benchmarks
          FROM telemetry.stream s
        """
    )
    assert row is not None, "the migration inserts the stream's row"
    return dict(row.items())
