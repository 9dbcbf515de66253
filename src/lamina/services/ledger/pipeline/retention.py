"""Forgets rejected transactions that are past their retention, in slices."""

import asyncio
import contextlib

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store.rejected import Rejections

SLICE_ROWS = 1000
PERIOD_S = 600.0


async def run(rejections: Rejections, settings: LedgerSettings) -> None:
    """Purge until cancelled; a database that is away is tried again next time."""
    while True:
        with contextlib.suppress(DatabaseUnavailable, CommitUnknown):
            await _purge_all(rejections, settings.rejected_retention_days)
        await asyncio.sleep(PERIOD_S)


async def _purge_all(rejections: Rejections, older_than_days: int) -> None:
    purged = SLICE_ROWS
    while purged == SLICE_ROWS:
        purged = await rejections.purge(older_than_days=older_than_days, limit=SLICE_ROWS)
