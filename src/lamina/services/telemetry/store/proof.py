"""What must hold of telemetry's tables, read from the tables alone."""

from lamina.kernel.contracts import Advanced, Verdict
from lamina.kernel.storage.database import Database

FLAWS_KEPT = 100


async def verify(database: Database, advanced: Advanced) -> Verdict:
    """Every message belongs to a connection and lies where its time and its connection's kind put it."""
    orphans = await database.fetch(
        "telemetry.verify_logs",
        """
        SELECT l.peer_connection_id AS id, count(*) AS count
          FROM telemetry.tetcore_logs l LEFT JOIN telemetry.peer_connections c ON c.id = l.peer_connection_id
         WHERE c.id IS NULL GROUP BY 1 ORDER BY 1
        """,
    )
    count = await database.fetchval("telemetry.count_all", "SELECT count(*) FROM telemetry.tetcore_logs")
    advanced("messages", count, count)
    flaws = [
        f"{row['count']} messages belong to connection {row['id']}, which is not there" for row in orphans
    ]
    return Verdict({"messages": count}, len(flaws), flaws[:FLAWS_KEPT])
