"""Votes by which nodes contradict themselves; each pair is a proof that can be handed on."""

from datetime import datetime
from typing import Any

import orjson

from lamina.kernel.storage.database import Database


async def page(
    database: Database, *, limit: int
) -> list[tuple[str, datetime, dict[str, Any], dict[str, Any]]]:
    """The newest proofs first: voter, when found, the vote that counts, the one that contradicts it."""
    rows = await database.fetch(
        "ledger.page_evidence",
        "SELECT voter, found_at, first, second FROM ledger.evidence ORDER BY found_at DESC LIMIT $1",
        limit,
    )
    return [
        (row["voter"], row["found_at"], orjson.loads(row["first"]), orjson.loads(row["second"]))
        for row in rows
    ]
