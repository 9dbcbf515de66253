"""Arweave gateways: the network's height, and what is known of a transaction (spec/scheduler.md 16).

Only configured addresses are ever asked, redirects are not followed, and answers are bounded.
"""

import asyncio
import re
from collections.abc import Sequence
from typing import Any, cast

import httpx
import orjson
import structlog

from lamina.services.scheduler.errors import GatewayUnavailable
from lamina.services.scheduler.settings import SchedulerSettings

_log = structlog.get_logger("lamina.scheduler.gateway")

_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_LOOKUP = "query ($ids: [ID!]!) { transactions(ids: $ids) { edges { node { id } } } }"


class Gateway:
    """Several gateways, asked in order until one answers."""

    def __init__(self, settings: SchedulerSettings) -> None:
        """Prepare; nothing is asked yet."""
        self._urls: Sequence[str] = [
            url.strip().rstrip("/") for url in settings.gateway_url.split(",") if url.strip()
        ]
        upload = settings.upload_url or (self._urls[0] if self._urls else None)
        self._upload_url = None if upload is None else upload.rstrip("/")
        self._bytes_max = settings.gateway_body_bytes_max
        self._timeout_s = settings.gateway_timeout_s
        self._client = httpx.AsyncClient(
            timeout=settings.gateway_timeout_s, follow_redirects=False, trust_env=False
        )

    async def close(self) -> None:
        """Let connections go."""
        await self._client.aclose()

    async def height(self) -> int:
        """The network's height.

        Raises:
            GatewayUnavailable: nobody tells.
        """
        document = await self._json("GET", "/info")
        height = document.get("height")
        if not isinstance(height, int) or isinstance(height, bool) or not 0 <= height < 10**12:
            raise GatewayUnavailable("The gateway's /info has no usable height")
        return height

    async def confirmations(self, tx_id: str) -> int:
        """How deep a transaction lies.

        Raises:
            GatewayUnavailable: it is unknown or pending, or nobody answers.
        """
        document = await self._json("GET", f"/tx/{_checked(tx_id)}/status")
        found = document.get("number_of_confirmations")
        if not isinstance(found, int) or isinstance(found, bool):
            raise GatewayUnavailable("Transaction not found")
        return found

    async def knows(self, tx_id: str) -> bool:
        """Whether a transaction or data item is indexed."""
        body = orjson.dumps({"query": _LOOKUP, "variables": {"ids": [_checked(tx_id)]}})
        document = await self._json("POST", "/graphql", body)
        found: Any = document
        for name in ("data", "transactions", "edges"):
            found = cast("dict[str, Any]", found).get(name) if isinstance(found, dict) else None
        return bool(found)

    async def has_data(self, tx_id: str) -> bool:
        """Whether `HEAD /<id>` is answered with a 2xx."""
        answer = await self._ask("HEAD", f"/{_checked(tx_id)}")
        return answer.is_success

    async def upload(self, item: bytes) -> None:
        """Hand a data item to the uploader; the body of its answer is not read, however long it is.

        Raises:
            GatewayUnavailable: it did not take it.
        """
        if self._upload_url is None:
            raise GatewayUnavailable("No uploader is configured; set scheduler.upload_url")
        headers = {"content-type": "application/octet-stream"}
        url = f"{self._upload_url}/tx/arweave"
        try:
            async with self._client.stream("POST", url, content=item, headers=headers) as answer:
                pass
        except httpx.HTTPError as failure:
            raise GatewayUnavailable(f"The uploader does not answer: {type(failure).__name__}") from None
        if not answer.is_success:
            raise GatewayUnavailable(f"The uploader answers {answer.status_code}")

    async def _json(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        answer = await self._ask(method, path, body)
        if answer.status_code != 200:
            raise GatewayUnavailable("Transaction not found")
        try:
            document = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise GatewayUnavailable("The gateway's answer is not JSON") from None
        return cast("dict[str, Any]", document) if isinstance(document, dict) else {}

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> httpx.Response:
        reason = "no gateway is configured; set scheduler.gateway_url"
        for url in self._urls:
            try:
                return await self._bounded(method, url + path, body)
            except (httpx.HTTPError, TimeoutError) as failure:
                reason = f"{url}: {type(failure).__name__}"
                _log.debug("a gateway does not answer", url=url, reason=type(failure).__name__)
        raise GatewayUnavailable(f"No gateway answers: {reason}")

    async def _bounded(self, method: str, url: str, body: bytes | None) -> httpx.Response:
        headers = {} if body is None else {"content-type": "application/json"}
        async with (
            asyncio.timeout(self._timeout_s),  # the client's own begins anew with every byte
            self._client.stream(method, url, content=body, headers=headers) as answer,
        ):
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > self._bytes_max:
                    raise GatewayUnavailable(f"The gateway's answer is larger than {self._bytes_max} bytes")
        return httpx.Response(answer.status_code, content=bytes(content))


def _checked(tx_id: str) -> str:
    """Only an id ever becomes part of a URL (distribution-and-reliability section 14).

    Raises:
        GatewayUnavailable: it is none, so nobody can know it.
    """
    if not _ID.fullmatch(tx_id):
        raise GatewayUnavailable("Transaction not found")
    return tx_id
