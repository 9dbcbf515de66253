"""Counts what waits and what is kept, for the metrics."""

import asyncio

import structlog

from lamina.kernel.errors import DatabaseUnavailable
from lamina.kernel.storage.database import Database
from lamina.services.ledger.metrics import BACKLOG, REJECTED_KEPT
from lamina.services.ledger.store import backlog, rejected

PERIOD_S = 10.0
_log = structlog.get_logger("lamina.ledger.gauges")


async def run(database: Database) -> None:
    """Refresh the gauges until cancelled; while the database is away they keep their last value."""
    while True:
        try:
            BACKLOG.set(await backlog.count(database))
            REJECTED_KEPT.set(await rejected.count(database))
        except DatabaseUnavailable as failure:
            _log.debug("gauges not refreshed", reason=failure.detail)
        await asyncio.sleep(PERIOD_S)
