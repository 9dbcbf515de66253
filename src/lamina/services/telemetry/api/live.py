"""`/live/...`: what there is now, or was at a moment of the past (spec/telemetry.md B.4)."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web import event_stream
from lamina.kernel.web.event_stream import EventQueue, event
from lamina.kernel.web.respond import json_response
from lamina.services.telemetry import render
from lamina.services.telemetry.api.query import Query
from lamina.services.telemetry.api.reading import Reading, answer
from lamina.services.telemetry.errors import NoSuchChain, TooManyStreams
from lamina.services.telemetry.feeds.live import TYPES, Live, document_of
from lamina.services.telemetry.live.chain import Chain
from lamina.services.telemetry.live.objects import chain_object, chain_objects, node_object, node_objects
from lamina.services.telemetry.live.view import LiveView
from lamina.services.telemetry.store import past

STREAM_EVENTS_MAX = 10_000
NODES_LIMIT = 1000
CHUNK = 500
"""Messages of the past between two turns of everybody else."""


class Views:
    """The view that a request asks about: the present one, or one made again for `at`."""

    def __init__(self, reading: Reading, live: Live) -> None:
        """Prepare."""
        self.reading = reading
        self.live = live
        self._one_at_a_time = asyncio.Semaphore(1)

    async def find(self, asked: Query) -> LiveView:
        """The present view, or that of the moment that `at` names."""
        moment = asked.moment("at")
        if moment is None:
            return self.live.view
        async with self._one_at_a_time:
            return await self._past(moment)

    async def _past(self, moment: datetime) -> LiveView:
        """Hear again what was stored before a moment, in the nodes' own time."""
        settings = self.reading.settings
        view = self.live.new_view()
        rows = await past.read_messages(
            self.reading.database,
            moment,
            timedelta(seconds=settings.history_window_s),
            [name for name in TYPES if name != "system.connected"],
            settings.history_messages_max,
        )
        for number, row in enumerate(rows):
            document = document_of(row["logs"])
            created_at = row["created_at"].replace(tzinfo=UTC)
            now_ms = int(created_at.timestamp() * 1000)
            view.hear(now_ms, row["connection"], document.get("telemetry_id"), row["ip_addr"], document)
            if number % CHUNK == 0:
                await asyncio.sleep(0)
        view.tick(int(moment.replace(tzinfo=UTC).timestamp() * 1000))
        return view


class ListChains:
    """All chains, the one with the most nodes first."""

    def __init__(self, views: Views) -> None:
        """Prepare."""
        self._views = views

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        asked = self._views.reading.query(scope)
        await answer(scope, send, chain_objects(await self._views.find(asked)))


class ListChainNodes:
    """The nodes of a chain."""

    def __init__(self, views: Views) -> None:
        """Prepare."""
        self._views = views

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer, by ascending id."""
        asked = self._views.reading.query(scope)
        view = await self._views.find(asked)
        nodes = node_objects(
            view,
            _chain(view, scope),
            name=asked.text("name"),
            stale=asked.truth("stale"),
            after=asked.integer("after", -1),
            limit=asked.limit(NODES_LIMIT, self._views.reading.settings.rows_max),
        )
        await answer(scope, send, nodes)


class GetChainStatistics:
    """The rankings of a chain's nodes."""

    def __init__(self, views: Views) -> None:
        """Prepare."""
        self._views = views

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with the last ones taken."""
        view = await self._views.find(self._views.reading.query(scope))
        await json_response(send, 200, render.dumps(_chain(view, scope).statistics))


class StreamEvents:
    """Server-sent events of one chain or of all, beginning with what there is."""

    def __init__(self, views: Views) -> None:
        """Prepare."""
        self._views = views
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Stream until the reader leaves."""
        reading, live = self._views.reading, self._views.live
        chain = reading.query(scope).text("chain")
        if self._count >= reading.settings.feed_clients_max:
            raise TooManyStreams("This receiver serves as many streams as it may")
        queue = EventQueue(STREAM_EVENTS_MAX)
        self._count += 1
        live.stream(queue, chain)
        try:
            queue.put([_present(live.view, chain)])
            await event_stream.serve(queue, scope, receive, send)
        finally:
            self._count -= 1
            live.end_stream(queue)


def _chain(view: LiveView, scope: Scope) -> Chain:
    chain = view.chains.get(scope["path_params"]["genesis"].lower())
    if chain is None:
        raise NoSuchChain("There is no such chain now; GET /live/chains lists those that are")
    return chain


def _present(view: LiveView, wanted: str | None) -> bytes:
    """Every chain, and every node of the chain that is wanted, as events."""
    parts: list[bytes] = []
    for chain in view.chains.values():
        if wanted in {None, chain.genesis_hash}:
            parts.append(event("chain", orjson.dumps(chain_object(chain))))
        if wanted == chain.genesis_hash:
            parts += [event("node", orjson.dumps(each)) for each in _nodes(view, chain)]
    return b"".join(parts)


def _nodes(view: LiveView, chain: Chain) -> list[Mapping[str, Any]]:
    exposes = view.limits.expose_node_details
    return [
        {"genesis_hash": chain.genesis_hash, **node_object(node, exposes_details=exposes)}
        for node in chain.nodes.values()
    ]
