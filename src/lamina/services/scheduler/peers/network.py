"""The network's height as a gateway told it last, kept over restarts."""

import asyncio
import time

import structlog

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.errors import HeightUnknown
from lamina.services.scheduler.metrics import HEIGHT, HEIGHT_AGE
from lamina.services.scheduler.peers.gateway import Gateway
from lamina.services.scheduler.settings import SchedulerSettings
from lamina.services.scheduler.store import network

_log = structlog.get_logger("lamina.scheduler.gateway")

FIRST_LOOKS_S = 1.0
"""Time between looks until somebody has told a height: nothing can be scheduled so long."""


class Network:
    """Asks the gateways again and again; on failure the last height stays."""

    def __init__(self, database: Database, gateway: Gateway, settings: SchedulerSettings) -> None:
        """Start without a height."""
        self._database = database
        self._gateway = gateway
        self._interval_s = settings.gateway_interval_s
        self._keeps = not settings.read_only
        self._height: int | None = None
        self._seen = time.monotonic()
        self._is_away = False

    def height(self) -> int:
        """The height.

        Raises:
            HeightUnknown: nobody ever told one.
        """
        if self._height is None:
            raise HeightUnknown
        return self._height

    async def run(self) -> None:
        """Follow the network until cancelled."""
        try:
            self._height = await network.read_height(self._database)
        except LaminaError as failure:
            _log.warning("the last height could not be read", reason=failure.detail)
        while True:
            await self._look()
            await asyncio.sleep(FIRST_LOOKS_S if self._height is None else self._interval_s)

    async def _look(self) -> None:
        try:
            height = await self._gateway.height()
            if self._keeps and height != self._height:
                await network.keep_height(self._database, height)
        except LaminaError as failure:
            if not self._is_away:
                _log.warning(
                    "the network's height is not known anew", reason=failure.detail, last=self._height
                )
            self._is_away = True
        else:
            self._height, self._seen, self._is_away = height, time.monotonic(), False
        HEIGHT_AGE.set(time.monotonic() - self._seen)
        if self._height is not None:
            HEIGHT.set(self._height)

    async def check(self) -> str | None:
        """A readiness check: without a height nothing can be scheduled."""
        return None if self._height is not None else "no gateway has told the network's height yet"
