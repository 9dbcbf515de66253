"""The stand-in's routes: network, transactions, GraphQL, data, uploads (spec/scheduler.md 16, 21)."""

import asyncio
import time
from collections.abc import Mapping
from hashlib import sha256
from itertools import islice
from typing import Any

import orjson

from lamina.devnet.gateway import question
from lamina.devnet.gateway.ledger import Known, PretendedNetwork
from lamina.devnet.gateway.question import BadQuestion, Question
from lamina.devnet.gateway.settings import GatewaySettings, address
from lamina.formats import base64url
from lamina.formats.ans104 import bundle
from lamina.formats.ans104.errors import MalformedBundle, MalformedItem
from lamina.formats.ans104.item import parse
from lamina.formats.ans104.verification import verify as verify_item
from lamina.kernel.contracts import (
    Advanced,
    ASGIApp,
    Endpoint,
    Listener,
    Part,
    Position,
    ProcessSpec,
    Receive,
    RenderedError,
    Scope,
    Send,
    ServicePlan,
    Verdict,
)
from lamina.kernel.errors import ConfigurationError, LaminaError
from lamina.kernel.process import Kernel
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PlatformSettings
from lamina.kernel.storage.database import Connection, Database
from lamina.kernel.web.body import read_body
from lamina.kernel.web.respond import Reply, json_response
from lamina.kernel.web.routing import Router

NAME = "gateway"
MIGRATIONS = "lamina.devnet.gateway.migrations"
KEY_FILES: tuple[str, ...] = ()
HTTP = "gateway.http"
QUERY_BYTES_MAX = 65_536
_TEXT = b"text/plain; charset=utf-8"
_NOT_FOUND = Reply(404, b"Not Found", content_type=_TEXT)
_BAD_ITEM = Reply(400, b"The body is no data item, or its signature is not right", content_type=_TEXT)


def plan(settings: Settings) -> ServicePlan:
    """One process, since everything is in its memory."""
    return ServicePlan(NAME, (Listener(HTTP, *address(settings)),), (ProcessSpec("web", 1, (HTTP,)),))


async def prepare(kernel: Kernel) -> None:
    """Refuse to stand in for a network that people rely on.

    Raises:
        ConfigurationError: the platform is no trial.
    """
    if kernel.settings.get(PlatformSettings).profile == "production":
        raise ConfigurationError(
            "The service gateway invents a network for trials; the profile is production",
            hint="Leave gateway out of platform.services, and name real ones with scheduler.gateway_url",
        )


async def build(kernel: Kernel, role: str) -> Part:
    """The stand-in's objects."""
    del role
    settings = kernel.settings.get(GatewaySettings)
    network = PretendedNetwork(settings.block_s, settings.items_max)
    router = Router(not_found=_NOT_FOUND, method_not_allowed=_NOT_FOUND)
    router.add("/info", {"GET": Info(network)})
    router.add("/tx/{id}/status", {"GET": Status(network)})
    router.add("/graphql", {"POST": GraphQL(network)})
    router.add("/raw/{id}", {"GET": Data(network)})
    router.add("/tx/arweave", {"POST": Upload(network, settings.item_bytes_max)})
    router.add("/{id}", {"GET": Data(network)})
    return Part(endpoints=(Endpoint(HTTP, router, _render_error),))


async def admin(kernel: Kernel) -> Mapping[str, ASGIApp]:
    """Nothing to administer."""
    del kernel
    return {}


async def reporter(kernel: Kernel) -> None:
    """Nothing to report."""
    del kernel


async def position(cx: Connection) -> Position:
    """Nothing is stored."""
    del cx
    return {}


async def verify(database: Database, advanced: Advanced) -> Verdict:
    """Nothing is stored."""
    del database, advanced
    return Verdict({})


class Info:
    """`GET /info`."""

    def __init__(self, network: PretendedNetwork) -> None:
        """Prepare."""
        self._network = network

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer as a gateway does."""
        height = self._network.height
        document = {
            "network": "lamina.devnet",
            "version": 5,
            "release": 1,
            "height": height,
            "current": _block_id(height),
            "blocks": height + 1,
            "peers": 0,
            "queue_length": 0,
            "node_state_latency": 0,
        }
        await json_response(send, 200, orjson.dumps(document))


class Status:
    """`GET /tx/{id}/status`."""

    def __init__(self, network: PretendedNetwork) -> None:
        """Prepare."""
        self._network = network

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the depth."""
        known = self._network.find(scope["path_params"]["id"])
        if known is None:
            await _NOT_FOUND(scope, receive, send)
            return
        document = {
            "block_height": known.height,
            "block_indep_hash": _block_id(known.height),
            "number_of_confirmations": self._network.height - known.height,
        }
        await json_response(send, 200, orjson.dumps(document))


class GraphQL:
    """`POST /graphql`: the items that a query asks for, with every field that clients may want."""

    def __init__(self, network: PretendedNetwork) -> None:
        """Prepare."""
        self._network = network

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the items that are known."""
        body = await read_body(scope, receive, QUERY_BYTES_MAX)
        try:
            asked = question.read(body)
            found = self._find(asked)
        except BadQuestion as fault:
            document: Any = {"errors": [{"message": fault.detail}]}
            await json_response(send, fault.http_status, orjson.dumps(document))
            return
        edges = [{"cursor": each.item.id, "node": self._node(each)} for each in found[: asked.first]]
        page = {"hasNextPage": len(found) > asked.first}
        document = {"data": {"transactions": {"pageInfo": page, "edges": edges}}}
        await json_response(send, 200, orjson.dumps(document))

    def _find(self, asked: Question) -> list[Known]:
        """What is asked for, and one more.

        Raises:
            BadQuestion: the cursor is of no item that is remembered.
        """
        if asked.ids is not None:
            ordered = [known for each in asked.ids if (known := self._network.find(each)) is not None]
            ordered.sort(key=lambda known: known.height, reverse=True)
        else:
            ordered = list(self._network.newest_first())
        if asked.oldest_first:
            ordered.reverse()
        if asked.after is not None:
            last = self._network.find(asked.after)
            places = [place for place, each in enumerate(ordered) if each is last]
            if not places:
                raise BadQuestion("No item has the cursor of after, or it is forgotten; begin without one")
            ordered = ordered[places[0] + 1 :]
        return list(islice((each for each in ordered if asked.admits(each.item)), asked.first + 1))

    def _node(self, known: Known) -> dict[str, Any]:
        item, height = known.item, known.height
        return {
            "id": item.id,
            "anchor": base64url.encode(item.anchor),
            "signature": base64url.encode(item.signature),
            "recipient": base64url.encode(item.target),
            "owner": {"address": item.owner_address, "key": base64url.encode(item.owner)},
            "tags": [{"name": tag.name, "value": tag.value} for tag in item.tags],
            "data": {"size": str(len(item.data)), "type": item.tag("Content-Type") or ""},
            "fee": {"winston": "0", "ar": "0"},
            "quantity": {"winston": "0", "ar": "0"},
            "block": {
                "id": _block_id(height),
                "previous": _block_id(height - 1),
                "height": height,
                "timestamp": self._network.time_s(height),
            },
            "parent": None,
        }


class Data:
    """`GET /{id}` and `GET /raw/{id}`: an item's data."""

    def __init__(self, network: PretendedNetwork) -> None:
        """Prepare."""
        self._network = network

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the bytes."""
        known = self._network.find(scope["path_params"]["id"])
        reply = _NOT_FOUND if known is None else _data_reply(known)
        await reply(scope, receive, send)


class Upload:
    """`POST /tx/arweave`: an item, and those nested in it."""

    def __init__(self, network: PretendedNetwork, bytes_max: int) -> None:
        """Prepare."""
        self._network = network
        self._bytes_max = bytes_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a verified item and answer as a bundler does."""
        body = await read_body(scope, receive, self._bytes_max)
        try:
            item = parse(body)
            nested = bundle.items(item.data) if bundle.is_bundle(item) else []
        except (MalformedItem, MalformedBundle):
            await _BAD_ITEM(scope, receive, send)
            return
        if not await asyncio.to_thread(verify_item, item):
            await _BAD_ITEM(scope, receive, send)
            return
        for each in (item, *nested):
            self._network.add(parse(bytes(each.raw)))  # a copy, which does not keep the whole body
        answer: dict[str, Any] = {"id": item.id, "timestamp": time.time_ns() // 1_000_000, "version": "1.0.0"}
        await json_response(send, 200, orjson.dumps(answer))


def _data_reply(known: Known) -> Reply:
    return Reply(200, bytes(known.item.data), content_type=b"application/octet-stream")


def _block_id(height: int) -> str:
    return sha256(str(height).encode()).hexdigest()


def _render_error(error: LaminaError) -> RenderedError:
    return error.http_status, error.detail.encode(), [(b"content-type", _TEXT)]
