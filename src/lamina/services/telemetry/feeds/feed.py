"""`/feed`: one client's subscriptions to messages of chosen nodes (spec/telemetry.md 7)."""

from collections.abc import Sequence

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.respond import Reply
from lamina.services.telemetry import render
from lamina.services.telemetry.feeds.live import Live, Watcher, milliseconds
from lamina.services.telemetry.feeds.outgoing import Outgoing
from lamina.services.telemetry.feeds.pair import Reader
from lamina.services.telemetry.feeds.pairs import Pairs
from lamina.services.telemetry.metrics import FEEDS_ENDED, FEEDS_OPENED
from lamina.services.telemetry.model.element import Element
from lamina.services.telemetry.model.interest import Aggregate, Pair, Subscribe, Unsubscribe
from lamina.services.telemetry.rules.aggregate import Buckets
from lamina.services.telemetry.rules.interest import BadInterest, parse

SUBSCRIPTIONS_MAX = 10_000
"""Pairs one client may read: the reputation page reads one of every node."""

_LIVE_COMMANDS = (b"subscribe:", b"ping:")
_FULL = Reply(503, b"This receiver serves as many feeds as it may\n", [(b"retry-after", b"5")])


class Feeds:
    """Every client of `/feed`."""

    def __init__(self, pairs: Pairs, live: Live, clients_max: int) -> None:
        """Start without clients.

        Args:
            pairs: what they read.
            live: what a client watches that speaks the protocol of version 33 here.
            clients_max: handshakes beyond it are answered 503.
        """
        self._pairs = pairs
        self._live = live
        self._clients_max = clients_max
        self._count = 0

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One client's websocket."""
        await receive()
        if self._count >= self._clients_max:
            await _FULL(scope, receive, send)
            return
        client = FeedClient(self._pairs, self._live)
        self._count += 1
        FEEDS_OPENED.inc()
        try:
            await client.outgoing.serve(scope, receive, send)
        finally:
            self._count -= 1
            FEEDS_ENDED.inc()
            client.end()


class FeedClient:
    """One client and what it reads."""

    def __init__(self, pairs: Pairs, live: Live) -> None:
        """Start without subscriptions."""
        self.outgoing = Outgoing(self.command)
        self._pairs = pairs
        self._live = live
        self._watcher: Watcher | None = None
        self._reading: dict[Pair, Aggregate | None] = {}

    def command(self, payload: bytes, is_text: bool) -> None:
        """Follow a command; what is wrong with it is answered, what is none is ignored."""
        if payload.startswith(_LIVE_COMMANDS) or self._watcher is not None:
            self._watch(payload)
            return
        if not is_text:
            return
        try:
            interest = parse(payload)
            if isinstance(interest, Subscribe):
                self._subscribe(interest)
            elif isinstance(interest, Unsubscribe):
                self._leave(interest.pair)
        except BadInterest as fault:
            self.outgoing.put(render.failure(str(fault)).decode())

    def end(self) -> None:
        """Leave everything."""
        for pair in list(self._reading):
            self._leave(pair)
        if self._watcher is not None:
            self._live.part(self._watcher)

    def _watch(self, payload: bytes) -> None:
        """Speak the other protocol of this path from the first of its commands on (spec B.3)."""
        if self._watcher is None:
            self._watcher = self._live.join(self.outgoing)
        self._watcher.client.command(milliseconds(), payload)

    def _subscribe(self, wanted: Subscribe) -> None:
        """Begin to read; a pair that is read already goes on, unless it is to be summed up differently."""
        pair = wanted.pair
        if pair in self._reading and self._reading[pair] == wanted.aggregate:
            return
        if pair not in self._reading and len(self._reading) >= SUBSCRIPTIONS_MAX:
            raise BadInterest(f"No more than {SUBSCRIPTIONS_MAX} subscriptions of one client")
        self._reading[pair] = wanted.aggregate
        buckets = None if wanted.aggregate is None else Buckets(wanted.aggregate)

        def deliver(elements: Sequence[Element]) -> None:
            shown = elements if buckets is None else buckets.add(elements)
            if shown:
                self.outgoing.put(render.peer_message(pair, shown))

        self._pairs.join(pair, self, Reader(deliver, wanted.since))

    def _leave(self, pair: Pair) -> None:
        if self._reading.pop(pair, self) is not self:
            self._pairs.part(pair, self)
