"""Arweave gateways: the network's height, and what is known of a transaction (spec/scheduler.md 16)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import httpx
import orjson
import structlog

from lamina.formats import base64url
from lamina.formats.avro_tags import Tag
from lamina.formats.errors import FormatError
from lamina.services.scheduler.errors import GatewayUnavailable
from lamina.services.scheduler.peers.client import Client
from lamina.services.scheduler.settings import SchedulerSettings

_log = structlog.get_logger("lamina.scheduler.gateway")

_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_FIELDS = "id signature anchor owner { address key } tags { name value } recipient"
_UNKNOWN = "Transaction not found"


@dataclass(frozen=True, slots=True)
class Described:
    """What a gateway's index says of a transaction or data item, its data apart.

    Attributes:
        owner_address: 43 characters, or none where the index does not say.
        target: 32 bytes, or none.
    """

    owner_address: str
    target: bytes
    anchor: bytes
    tags: tuple[Tag, ...]


class Gateway:
    """Several gateways, asked in order until one answers."""

    def __init__(self, settings: SchedulerSettings, client: Client) -> None:
        """Prepare; nothing is asked yet."""
        gateways = _urls(settings.gateway_url.split(","))
        self._urls = _urls([settings.arweave_url]) or gateways
        self._graphql_urls = _urls([settings.graphql_url]) or gateways
        self._data_urls = _urls(settings.data_urls) or gateways
        self._upload_url = next(iter(_urls([settings.upload_url or ""]) or gateways), None)
        self._cache_url = next(iter(_urls([settings.cache_url])), None)
        self._client = client

    async def height(self) -> int:
        """The network's height.

        Raises:
            GatewayUnavailable: nobody tells.
        """
        document = _json(await self._ask(self._urls, "GET", "/info"))
        height = document.get("height")
        if not isinstance(height, int) or isinstance(height, bool) or not 0 <= height < 10**12:
            raise GatewayUnavailable("The gateway's /info has no usable height")
        return height

    async def confirmations(self, tx_id: str) -> int:
        """How deep a transaction lies.

        Raises:
            GatewayUnavailable: it is unknown or pending, or nobody answers.
        """
        document = _json(await self._ask(self._urls, "GET", f"/tx/{_checked(tx_id)}/status"))
        found = document.get("number_of_confirmations")
        if not isinstance(found, int) or isinstance(found, bool):
            raise GatewayUnavailable(_UNKNOWN)
        return found

    async def find(self, tx_id: str) -> Described | None:
        """What is indexed of a transaction or data item; None when it is not.

        Raises:
            GatewayUnavailable: nobody answers.
        """
        query = f'query {{ transactions(ids: ["{_checked(tx_id)}"]) {{ edges {{ node {{ {_FIELDS} }} }} }} }}'
        body = orjson.dumps({"query": query, "variables": {}})
        document = _json(await self._ask(self._graphql_urls, "POST", "/graphql", body))
        edges = _at(document, "data", "transactions", "edges")
        node = _at(cast("list[object]", edges)[0], "node") if isinstance(edges, list) and edges else None
        return None if node is None else _described(node)

    async def data(self, tx_id: str) -> bytes:
        """The data of a transaction or data item.

        Raises:
            GatewayUnavailable: it is unknown, or nobody answers.
        """
        answer = await self._ask(self._urls, "GET", f"/raw/{_checked(tx_id)}")
        if not answer.is_success:
            raise GatewayUnavailable(_UNKNOWN)
        return answer.content

    async def has_data(self, tx_id: str) -> bool:
        """Whether one of the gateways answers `HEAD /<id>` with a 2xx."""
        path = f"/{_checked(tx_id)}"
        for url in self._data_urls:
            try:
                if (await self._client.follow("HEAD", url + path)).is_success:
                    return True
            except (httpx.HTTPError, GatewayUnavailable) as failure:
                _log.debug("a gateway does not answer", url=url, reason=str(failure))
        return False

    async def upload(self, item: bytes) -> None:
        """Hand a data item to the uploader, and to the cache, which is asked once whatever it says.

        Raises:
            GatewayUnavailable: the uploader did not take it.
        """
        if self._upload_url is None:
            raise GatewayUnavailable("No uploader is configured; set scheduler.upload_url")
        try:
            answer = await self._client.send(f"{self._upload_url}/tx/arweave", item)
        except httpx.HTTPError as failure:
            raise GatewayUnavailable(f"The uploader does not answer: {type(failure).__name__}") from None
        if not answer.is_success:
            raise GatewayUnavailable(f"The uploader answers {answer.status_code}")
        if self._cache_url is not None:
            await self._fill_cache(f"{self._cache_url}/id?codec-device=ans104@1.0", item)

    async def _fill_cache(self, url: str, item: bytes) -> None:
        try:
            answer = await self._client.send(url, item)
            reason = None if answer.is_success else str(answer.status_code)
        except httpx.HTTPError as failure:
            reason = type(failure).__name__
        if reason is not None:
            _log.warning("the cache did not take an item", url=url, reason=reason)

    async def _ask(
        self, urls: Sequence[str], method: str, path: str, body: bytes | None = None
    ) -> httpx.Response:
        """The first answer that is not a server's failure; the last one of those otherwise."""
        reason, answer = "no gateway is configured; set scheduler.gateway_url", None
        for url in urls:
            try:
                if method == "GET":
                    answer = await self._client.follow(method, url + path)
                else:
                    answer = await self._client.ask(method, url + path, body)
            except httpx.HTTPError as failure:
                reason = f"{url}: {type(failure).__name__}"
                _log.debug("a gateway does not answer", url=url, reason=type(failure).__name__)
            else:
                if not answer.is_server_error:
                    return answer
        if answer is not None:
            return answer
        raise GatewayUnavailable(f"No gateway answers: {reason}")


def _urls(texts: Sequence[str]) -> Sequence[str]:
    return [text.strip().rstrip("/") for text in texts if text.strip()]


def _json(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code != 200:
        raise GatewayUnavailable(_UNKNOWN)
    try:
        document = orjson.loads(answer.content)
    except orjson.JSONDecodeError:
        raise GatewayUnavailable("The gateway's answer is not JSON") from None
    return cast("dict[str, Any]", document) if isinstance(document, dict) else {}


def _at(document: object, *names: str) -> Any:  # noqa: ANN401 - any JSON value
    for name in names:
        document = cast("dict[str, Any]", document).get(name) if isinstance(document, dict) else None
    return document


def _described(node: object) -> Described:
    """A node of the index.

    Raises:
        GatewayUnavailable: its fields are not what they should be.
    """
    tags: Any = _at(node, "tags") or []
    try:
        return Described(
            str(_at(node, "owner", "address") or ""),
            base64url.decode(_at(node, "recipient") or ""),
            base64url.decode(_at(node, "anchor") or ""),
            tuple(Tag(str(tag["name"]), str(tag["value"])) for tag in tags),
        )
    except (FormatError, AttributeError, KeyError, TypeError):
        raise GatewayUnavailable("The gateway describes the transaction in a way that is not known") from None


def _checked(tx_id: str) -> str:
    """Only an id ever becomes part of a URL (distribution-and-reliability section 14).

    Raises:
        GatewayUnavailable: it is none, so nobody can know it.
    """
    if not _ID.fullmatch(tx_id):
        raise GatewayUnavailable(_UNKNOWN)
    return tx_id
