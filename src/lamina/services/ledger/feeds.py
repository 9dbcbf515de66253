"""The stream of valid transactions (spec/ledger.md 4), from the decisions' positions to every subscriber.

Each process follows the committed decisions by itself and announces each block once; a wake-up may be lost or
doubled without anything being lost or doubled here.
"""

import asyncio

import structlog

from lamina.kernel.errors import DatabaseUnavailable
from lamina.kernel.storage.database import Database
from lamina.kernel.storage.wakeup import Wakeups
from lamina.kernel.web.websocket import Fanout
from lamina.services.ledger import render
from lamina.services.ledger.metrics import SUBSCRIBERS
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import decisions

_log = structlog.get_logger("lamina.ledger.stream")
BLOCKS_PER_READ = 16


class ValidTransactions:
    """Follows decisions while somebody listens."""

    def __init__(
        self, database: Database, wakeups: Wakeups, settings: LedgerSettings, *, queue_events_max: int
    ) -> None:
        self._database = database
        self._wakeups = wakeups
        self._fanout = Fanout(
            subscribers_max=settings.stream_subscribers_max,
            queue_events_max=queue_events_max,
            on_first_subscriber=self._begin,
        )
        self.serve = self._fanout.serve
        self._poll_s = settings.poll_busy_ms / 1000
        self._idle_s = settings.poll_idle_ms / 1000
        self._position = 0

    async def run(self) -> None:
        """Announce until cancelled."""
        while True:
            try:
                moved = await self.step()
            except DatabaseUnavailable as failure:
                _log.warning("stream waits for the database", reason=failure.detail)
                await asyncio.sleep(self._poll_s)
                continue
            if not moved:
                await self._wakeups.wait(
                    decisions.CHANNEL, self._poll_s if self._fanout.subscribers else self._idle_s
                )

    async def step(self) -> bool:
        """Announce what became valid since the last step.

        Returns:
            Whether there was anything to read.
        """
        SUBSCRIBERS.set(self._fanout.subscribers)
        if not self._fanout.subscribers:
            return False
        begun = self._position
        reached, blocks = await decisions.read_valid(self._database, begun, BLOCKS_PER_READ)
        if self._position != begun:
            return True  # the last subscriber left and a new first one began elsewhere
        self._position = reached
        for block in blocks:
            self._fanout.publish(
                [render.event(block.block_id, tx_id, asset_id) for tx_id, asset_id in block.transactions]
            )
        return reached != begun

    async def _begin(self) -> None:
        """Fix where the stream starts, before its first subscriber is told that it is open."""
        self._position = await decisions.read_position(self._database)
