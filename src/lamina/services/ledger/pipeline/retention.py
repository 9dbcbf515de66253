"""Forgets rejected transactions that are past their retention, in slices."""

import asyncio
import contextlib

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable
from lamina.kernel.storage.database import Database
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import rejected

SLICE_ROWS = 1000
PERIOD_S = 600.0


async def run(database: Database, settings: LedgerSettings) -> None:
    """Purge until cancelled; a database that is away is tried again next time."""
    while True:
        with contextlib.suppress(DatabaseUnavailable, CommitUnknown):
            await _purge_all(database, settings.rejected_retention_days)
        await asyncio.sleep(PERIOD_S)


async def _purge_all(database: Database, older_than_days: int) -> None:
    purged = SLICE_ROWS
    while purged == SLICE_ROWS:
        purged = await rejected.purge(database, older_than_days=older_than_days, limit=SLICE_ROWS)
