"""HTTP to the units of the scheduler list: their health, and what is forwarded to them.

Only addresses of the list are ever asked, redirects are not followed, and answers are bounded.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from lamina.services.scheduler.errors import UnitDown, UnitUnclear
from lamina.services.scheduler.settings import SchedulerSettings

_RELAYED = ("content-type", "content-encoding", "location")
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


@dataclass(frozen=True, slots=True)
class UnitAnswer:
    """What a unit answered, as it is passed on."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class UnitClient:
    """Connections to units, those of each apart: one that hangs takes none from the others."""

    def __init__(self, settings: SchedulerSettings) -> None:
        """Prepare; nothing is asked yet."""
        self._timeout_s = settings.unit_timeout_s
        self._connect_timeout_s = settings.unit_connect_timeout_s
        self._connections_max = settings.unit_connections_max
        self._bytes_max = settings.gateway_body_bytes_max
        self._tls = httpx.create_ssl_context(trust_env=False)
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def close(self) -> None:
        """Let connections go."""
        for client in self._clients.values():
            await client.aclose()

    async def check(self, url: str) -> None:
        """Ask a unit for its health.

        Raises:
            UnitDown: it does not answer, or not with a success.
        """
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                async with self._client(url).stream("GET", f"{url}/health") as answer:
                    status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as failure:
            raise UnitDown(f"no answer: {type(failure).__name__}") from None
        if not 200 <= status < 300:
            raise UnitDown(f"GET /health is answered {status}")

    async def forward(self, url: str, target: str, body: bytes, headers: Mapping[str, str]) -> UnitAnswer:
        """POST to a unit.

        Args:
            url: of the unit.
            target: path and query, as they go on the wire.
            body: what is posted.
            headers: more headers.

        Raises:
            UnitDown: it could not be reached; nothing was sent.
            UnitUnclear: it broke off, took too long or said too much; it may have done what was asked.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(url, target, body, headers)
        except _NOT_SENT as failure:
            raise UnitDown(
                f"The unit of this process, {url}, cannot be reached ({type(failure).__name__}); "
                "nothing was sent. Try again later"
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as failure:
            raise UnitUnclear(
                f"The unit of this process, {url}, did not answer to the end ({type(failure).__name__}). "
                "It may have taken what was sent: post the same again to learn"
            ) from None

    async def _exchange(self, url: str, target: str, body: bytes, headers: Mapping[str, str]) -> UnitAnswer:
        content = bytearray()
        async with self._client(url).stream("POST", url + target, content=body, headers=headers) as answer:
            async for chunk in answer.aiter_raw():
                content += chunk
                if len(content) > self._bytes_max:
                    raise UnitUnclear(f"The answer of the unit {url} is larger than {self._bytes_max} bytes")
        relayed = {name: answer.headers[name] for name in _RELAYED if name in answer.headers}
        return UnitAnswer(answer.status_code, bytes(content), relayed)

    def _client(self, url: str) -> httpx.AsyncClient:
        client = self._clients.get(url)
        if client is None:
            limits = httpx.Limits(max_connections=self._connections_max)
            timeout = httpx.Timeout(self._timeout_s, connect=self._connect_timeout_s)
            headers = {"accept-encoding": "identity"}
            client = self._clients[url] = httpx.AsyncClient(
                verify=self._tls, limits=limits, timeout=timeout, headers=headers,
                follow_redirects=False, trust_env=False,
            )  # fmt: skip
        return client
