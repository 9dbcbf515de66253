"""A JSON document of another server, read again and again; the last good copy stays."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

import httpx
import orjson
import structlog

from lamina.services.scheduler.errors import GatewayUnavailable
from lamina.services.scheduler.peers.client import Client

T = TypeVar("T")

_log = structlog.get_logger("lamina.scheduler")


class Followed(Generic[T]):
    """What the document said last.

    Attributes:
        value: None until a first good copy was read.
    """

    def __init__(self, client: Client, url: str, interval_s: float, read: Callable[[object], T]) -> None:
        """Start without a copy.

        Args:
            client: asks.
            url: of the document.
            interval_s: time between readings.
            read: takes the JSON value apart; raises ValueError where it has another form.
        """
        self.value: T | None = None
        self._client = client
        self._url = url
        self._interval_s = interval_s
        self._read = read

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._interval_s)

    async def look(self) -> None:
        """Read it once; what fails is logged."""
        try:
            answer = await self._client.follow("GET", self._url)
            if not answer.is_success:
                raise ValueError(f"status {answer.status_code}")
            self.value = self._read(orjson.loads(answer.content))
        except (httpx.HTTPError, GatewayUnavailable, ValueError) as failure:
            _log.warning(
                "a list could not be read; the last good copy stays",
                url=self._url,
                reason=str(failure) or type(failure).__name__,
                has_copy=self.value is not None,
            )
