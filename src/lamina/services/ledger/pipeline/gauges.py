"""Counts what waits and what is kept, for the metrics."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from lamina.kernel.errors import DatabaseUnavailable
from lamina.services.ledger.metrics import BACKLOG, REJECTED_KEPT

PERIOD_S = 10.0
_log = structlog.get_logger("lamina.ledger.gauges")


Count = Callable[[], Awaitable[int]]


async def run(waiting: Count, rejected: Count) -> None:
    """Refresh the gauges until cancelled; while the database is away they keep their last value.

    Args:
        waiting: counts the transactions that wait for a block.
        rejected: counts the rejected ones that are kept.
    """
    while True:
        try:
            BACKLOG.set(await waiting())
            REJECTED_KEPT.set(await rejected())
        except DatabaseUnavailable as failure:
            _log.debug("gauges not refreshed", reason=failure.detail)
        await asyncio.sleep(PERIOD_S)
