"""The live view of this receiver: fed by the stream, read by feeds, event streams and requests."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson

from lamina import __version__
from lamina.kernel.web.event_stream import EventQueue, event
from lamina.services.telemetry.feeds.outgoing import BYTES_MAX, Outgoing
from lamina.services.telemetry.live.changes import Change, ConnectionIdle
from lamina.services.telemetry.live.feed import Feed
from lamina.services.telemetry.live.feed_client import FeedClient
from lamina.services.telemetry.live.limits import LiveLimits
from lamina.services.telemetry.live.messages import MEANINGS
from lamina.services.telemetry.live.node import Location
from lamina.services.telemetry.live.objects import events
from lamina.services.telemetry.live.view import LiveView
from lamina.services.telemetry.model.report import Report
from lamina.services.telemetry.settings import TelemetrySettings

TYPES = (*MEANINGS, "system.connected")
"""The message types that say something about the present."""

FRAME_S = 0.075
TICK_S = 1.0


def live_limits(telemetry: TelemetrySettings) -> LiveLimits:
    """What the live view takes."""
    return LiveLimits(
        max_nodes_per_connection=telemetry.nodes_per_connection_max,
        max_node_data_bytes_per_second=telemetry.node_data_per_second_max,
        node_block_seconds=telemetry.node_block_s,
        stale_node_timeout_seconds=telemetry.stale_node_timeout_s,
        denylist=frozenset(telemetry.denylist),
        max_third_party_nodes=telemetry.third_party_nodes_max,
        first_party_genesis_hashes=frozenset(each.lower() for each in telemetry.first_party_chains),
        expose_node_details=telemetry.expose_node_details,
    )


def document_of(logs: bytes | str) -> dict[str, Any]:
    """A stored document; empty where a number in it is too large for this view."""
    try:
        return cast("dict[str, Any]", orjson.loads(logs))
    except orjson.JSONDecodeError:
        return {}


def milliseconds() -> int:
    """The server's clock, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True, eq=False)
class Watcher:
    """One client of the feed of version 33."""

    outgoing: Outgoing
    client: FeedClient
    sent_at: float = 0.0


class Live:
    """What there is now, and everybody who watches it; a listener of the stream."""

    def __init__(
        self,
        settings: TelemetrySettings,
        close_idle: Callable[[int], None],
        locate: Callable[[str], Location | None] | None,
    ) -> None:
        """Start with no chain.

        Args:
            settings: limits of the view, and how long a client may take.
            close_idle: closes the socket of a connection, by its row's id, whose nodes all went silent.
            locate: where a host is; None where nobody knows.
        """
        self._limits = live_limits(settings)
        self._locate = locate
        self.view = self.new_view()
        self._feed = Feed(self.view, __version__)
        self._feed_timeout_s = settings.feed_timeout_s
        self._close_idle = close_idle
        self._watchers: set[Watcher] = set()
        self._streams: dict[EventQueue, str | None] = {}

    def new_view(self) -> LiveView:
        """An empty view that takes what this one takes."""
        return LiveView(self._limits, self._locate)

    def wanted(self) -> Iterable[str]:
        """What the view understands."""
        return TYPES

    def hear(self, reports: Sequence[Report]) -> None:
        """Take in messages."""
        now_ms = milliseconds()
        for report in reports:
            if report.msg in TYPES:
                document = document_of(report.logs)
                node = document.get("telemetry_id")
                self._tell(self.view.hear(now_ms, report.connection, node, report.ip_addr, document))

    def leave(self, connections: Sequence[int]) -> None:
        """Let the nodes of these connections go."""
        for connection in connections:
            self._tell(self.view.leave(connection))

    async def run(self) -> None:
        """Send what waits and let time pass, until cancelled."""
        loop = asyncio.get_running_loop()
        next_tick = loop.time()
        while True:
            await asyncio.sleep(FRAME_S)
            if loop.time() >= next_tick:
                next_tick = loop.time() + TICK_S
                self._tell(self.view.tick(milliseconds()))
            for watcher in list(self._watchers):
                self._send(watcher, loop.time())

    def join(self, outgoing: Outgoing) -> Watcher:
        """Let a client watch; its greeting is sent at once."""
        watcher = Watcher(outgoing, FeedClient(self._feed))
        self._watchers.add(watcher)
        return watcher

    def part(self, watcher: Watcher) -> None:
        """Let a client go."""
        self._watchers.discard(watcher)

    def stream(self, queue: EventQueue, chain: str | None) -> None:
        """Put the events of one chain, or of all, into a queue from now on."""
        self._streams[queue] = chain

    def end_stream(self, queue: EventQueue) -> None:
        """Put no more into a queue."""
        self._streams.pop(queue, None)

    def _send(self, watcher: Watcher, now: float) -> None:
        """Give a client what waits for it, once it has taken what it was given before."""
        outgoing, client = watcher.outgoing, watcher.client
        if not outgoing.is_idle:
            if now - watcher.sent_at > self._feed_timeout_s or client.queued_bytes > BYTES_MAX:
                self.part(watcher)
                outgoing.drop()
            return
        frames = client.drain()
        if frames:
            watcher.sent_at = now
            outgoing.put(*frames)

    def _tell(self, changes: Sequence[Change]) -> None:
        if not changes:
            return
        if self._watchers:
            update = self._feed.update(changes)
            for watcher in self._watchers:
                watcher.client.take(update)
        if self._streams:
            self._stream_events(changes)
        for change in changes:
            if isinstance(change, ConnectionIdle):
                self._close_idle(cast("int", change.connection_id))

    def _stream_events(self, changes: Sequence[Change]) -> None:
        found = [
            (each.genesis_hash, event(each.name, orjson.dumps(each.data)))
            for each in events(self.view, changes)
        ]
        for queue, chain in self._streams.items():
            queue.put(data for genesis_hash, data in found if chain in {None, genesis_hash})
