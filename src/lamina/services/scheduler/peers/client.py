"""HTTP to other servers: bounded answers, and redirects to the same host at most.

Only configured addresses are ever asked, with ids that were checked (distribution-and-reliability 14).
"""

import asyncio
from urllib.parse import urljoin, urlsplit

import httpx

from lamina.services.scheduler.errors import GatewayUnavailable
from lamina.services.scheduler.settings import SchedulerSettings

REDIRECTS_MAX = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Client:
    """One pool of connections to all peers."""

    def __init__(self, settings: SchedulerSettings) -> None:
        """Prepare; nothing is asked yet."""
        self._bytes_max = settings.gateway_body_bytes_max
        self._timeout_s = settings.gateway_timeout_s
        self._http = httpx.AsyncClient(
            timeout=settings.gateway_timeout_s, follow_redirects=False, trust_env=False
        )

    async def close(self) -> None:
        """Let connections go."""
        await self._http.aclose()

    async def ask(self, method: str, url: str, body: bytes | None = None) -> httpx.Response:
        """One request and its answer, whatever its status; redirects are not followed.

        Raises:
            httpx.HTTPError: no answer came.
            GatewayUnavailable: it is too large.
        """
        try:
            async with asyncio.timeout(self._timeout_s):  # the client's own begins anew with every byte
                return await self._bounded(method, url, body)
        except TimeoutError:
            raise httpx.ReadTimeout("the answer does not end") from None

    async def _bounded(self, method: str, url: str, body: bytes | None) -> httpx.Response:
        headers = {} if body is None else {"content-type": "application/json"}
        async with self._http.stream(method, url, content=body, headers=headers) as answer:
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > self._bytes_max:
                    raise GatewayUnavailable(f"The answer of {url} is larger than {self._bytes_max} bytes")
            location = {name: answer.headers[name] for name in ("location",) if name in answer.headers}
        return httpx.Response(answer.status_code, content=bytes(content), headers=location)

    async def follow(self, method: str, url: str) -> httpx.Response:
        """The same, following redirects within the host that was configured and those below it.

        A gateway serves each item from a name of its own below its name; anything else a gateway might name
        is none of ours to ask.
        """
        host = urlsplit(url).hostname or ""
        for _ in range(REDIRECTS_MAX):
            answer = await self.ask(method, url)
            if answer.status_code not in _REDIRECTS or "location" not in answer.headers:
                return answer
            url = urljoin(url, answer.headers["location"])
            if not _is_within(url, host):
                raise GatewayUnavailable(f"{host} redirects to another host")
        raise GatewayUnavailable(f"{host} redirects more than {REDIRECTS_MAX} times")

    async def send(self, url: str, item: bytes) -> httpx.Response:
        """Post a data item; the body of the answer is not read, however long it is.

        Raises:
            httpx.HTTPError: no answer came.
        """
        headers = {"content-type": "application/octet-stream"}
        async with self._http.stream("POST", url, content=item, headers=headers) as answer:
            return httpx.Response(answer.status_code)


def _is_within(url: str, host: str) -> bool:
    parts = urlsplit(url)
    named = parts.hostname or ""
    return parts.scheme in {"http", "https"} and (named == host or named.endswith(f".{host}"))
