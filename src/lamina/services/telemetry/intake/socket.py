"""A node's websocket: handshake, messages, heartbeat, end (spec/telemetry.md 3)."""

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.batching import Batcher
from lamina.kernel.storage.database import Database
from lamina.kernel.web.body import ClientGone
from lamina.kernel.web.inlet import INLET_EXTENSION, InletSocket, Payload
from lamina.kernel.web.respond import Reply
from lamina.services.telemetry.errors import AddressNotAllowed
from lamina.services.telemetry.intake.buffer import Buffer
from lamina.services.telemetry.intake.received import Received
from lamina.services.telemetry.live.address import host_of
from lamina.services.telemetry.live.blocked_addresses import BlockedAddresses
from lamina.services.telemetry.live.traffic_meter import TrafficMeter
from lamina.services.telemetry.metrics import DROPPED, ENDED, OPENED
from lamina.services.telemetry.model.message import Document, Message
from lamina.services.telemetry.model.peer import Peer
from lamina.services.telemetry.rules import document, sender
from lamina.services.telemetry.rules.address import AddressRule, AllowList
from lamina.services.telemetry.settings import TelemetrySettings
from lamina.services.telemetry.store import connections

_log = structlog.get_logger("lamina.telemetry.intake")

OPEN_PATIENCE_S = 10.0
SWEEP_S = 0.25
TOUCH_S = 50.0
FAULTS_LOGGED = 20
NORMAL, POLICY, SILENT = 1000, 1008, 1011
_TEXT = b"text/plain; charset=utf-8"
_FULL = Reply(
    503, b"This receiver holds as many nodes as it may\n", [(b"retry-after", b"5")], content_type=_TEXT
)
_TOO_MUCH = Reply(403, b"Too much traffic\n", content_type=_TEXT)
_FORBIDDEN = Reply(403, b"Nodes may not connect from this address\n", content_type=_TEXT)


class NodeSockets:
    """Every node connected to this receiver."""

    def __init__(self, database: Database, buffer: Buffer, settings: TelemetrySettings) -> None:
        """Prepare.

        Raises:
            ConfigurationError: the networks of the allow-list or of the proxies are none.
        """
        self._buffer = buffer
        self._settings = settings
        self._database = database
        self._blocked = BlockedAddresses(settings.node_block_s)
        self._addresses = AddressRule.parse(settings.trust_forwarded)
        self._allowed = AllowList(settings.allowed_cidrs)
        self._nodes: set[NodeSocket] = set()
        self._joining = 0
        self._received = Received()
        self._opening: Batcher[Peer, int] = Batcher(
            "telemetry.open",
            lambda sockets: connections.open_rows(database, sockets),
            items_max=1000,
            queue_max=settings.connections_max,
            concurrency=1,
            patience_s=OPEN_PATIENCE_S,
        )
        self.run_opening = self._opening.run

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One node's websocket, from the handshake to its end."""
        await receive()
        ip_addr = self._addresses.address(scope.get("client"), scope["headers"])
        vouched = self._addresses.vouched(scope.get("client"), scope["headers"])
        if not self._allowed.allows(vouched):
            _log.warning("a node was refused", ip_addr=vouched, code=AddressNotAllowed.code)
            await _FORBIDDEN(scope, receive, send)
            return
        if self._blocked.is_blocked(milliseconds(), host_of(ip_addr)):
            await _TOO_MUCH(scope, receive, send)
            return
        if len(self._nodes) + self._joining >= self._settings.connections_max:
            await _FULL(scope, receive, send)
            return
        peer = Peer(ip_addr, audit=scope["path"].strip("/").endswith("audit"))
        self._joining += 1
        try:
            peer.row_id = await self._opening.submit(peer)
        except LaminaError as failure:
            _log.warning("a node's connection could not be recorded", reason=failure.detail)
            await Reply(500, b"The connection could not be recorded\n", content_type=_TEXT)(
                scope, receive, send
            )
            return
        finally:
            self._joining -= 1
        await self._hold(peer, scope, receive, send)

    async def _hold(self, peer: Peer, scope: Scope, receive: Receive, send: Send) -> None:
        node = NodeSocket(peer, self._buffer, self._settings, self._received, self._block)
        node.socket = scope["extensions"][INLET_EXTENSION](node)
        self._nodes.add(node)
        OPENED.inc()
        try:
            await send({"type": "websocket.accept"})
            while (event := await receive())["type"] != "websocket.disconnect":
                # Only what an impatient node sent before it was accepted comes this way.
                node.take([(event.get("bytes") or event.get("text", "").encode(), "text" in event)])
        except (OSError, ClientGone):
            pass
        finally:
            self._nodes.discard(node)
            ENDED.inc()
            self._buffer.end(node.peers(), node.socket)

    def _block(self, address: str) -> None:
        _log.warning("a node sends too much and is blocked", ip_addr=address)
        self._blocked.block(milliseconds(), host_of(address))

    def close_idle(self, row_id: int) -> None:
        """Close the socket of a row whose nodes the live view has given up (spec B.1)."""
        for node in self._nodes:
            if any(peer.row_id == row_id for peer in node.peers()):
                node.socket.close(NORMAL, "no node is left on this connection")

    async def run_heartbeat(self) -> None:
        """Ping every node, and let go of those that are silent (spec 3.3)."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_S)
            now = loop.time()
            for node in list(self._nodes):
                node.beat(now)
            self._buffer.measure()

    async def run_touch(self) -> None:
        """Tell the database about once a minute which sockets are alive, for the purge."""
        while True:
            await asyncio.sleep(TOUCH_S)
            peers = [peer for node in self._nodes for peer in node.peers()]
            if not peers:
                continue
            try:
                await connections.touch(self._database, peers)
            except LaminaError as failure:
                _log.warning("connections could not be touched", reason=failure.detail)
            except Exception:  # noqa: BLE001 - the messages that wait in this process are worth more
                _log.exception("connections could not be touched")


class NodeSocket:
    """One websocket and the nodes that speak on it."""

    socket: InletSocket

    def __init__(
        self,
        peer: Peer,
        buffer: Buffer,
        settings: TelemetrySettings,
        received: Received,
        block: Callable[[str], None],
    ) -> None:
        """Start with nobody known.

        Args:
            peer: the socket's own row.
            buffer: where messages wait.
            settings: limits.
            received: counts what comes.
            block: told the address of a node that sends too much.
        """
        self._block = block
        self._received = received
        rate_max = settings.node_data_per_second_max
        self._meter = TrafficMeter(rate_max) if rate_max else None
        self._own = peer
        self._buffer = buffer
        self._settings = settings
        self._rows = [peer]
        self._peers: dict[bytes | None, Peer] = {}
        self._is_crowded = False
        self._faults = 0
        self._next_ping = asyncio.get_running_loop().time() + settings.heartbeat_interval_s

    def peers(self) -> list[Peer]:
        """Every row of this socket, its own first."""
        return self._rows

    def take(self, messages: Sequence[Payload]) -> None:
        """Take data messages of both kinds (spec 3.4); what cannot be stored is counted, the socket stays."""
        size, json_count = 0, 0
        put, socket, meter = self._buffer.put, self.socket, self._meter
        for payload, _ in messages:
            size += len(payload)
            if meter is not None and meter.add(milliseconds(), len(payload)):
                self._block(self._own.ip_addr)
                socket.close(POLICY, "too much traffic")
                break
            try:
                said = document.read(payload)
            except document.Unstorable as fault:
                json_count += fault.is_json
                DROPPED.labels(fault.reason).inc()
                self._log_fault(fault, payload)
                continue
            json_count += 1
            peer = self._peers.get(said.node)
            if peer is None or sender.tells(peer.identity, said):
                peer = self._identify(said)
            if not peer.since <= said.created_at <= peer.until:
                peer.widen(said.created_at)
            put(Message(peer, said), socket)
        self._received.count(json_count, size)

    def _log_fault(self, fault: document.Unstorable, payload: bytes) -> None:
        """Log the first faults of a socket; a node that sends nothing else must not fill the log."""
        self._faults += 1
        if self._faults > FAULTS_LOGGED:
            return
        begin = payload[:80].decode("utf-8", "replace")
        log = _log.warning if fault.is_json else _log.error
        log("a message was not stored", reason=fault.reason, ip_addr=self._own.ip_addr, begin=begin)
        if self._faults == FAULTS_LOGGED:
            _log.warning("more such messages of this node are only counted", ip_addr=self._own.ip_addr)

    def _identify(self, said: Document) -> Peer:
        """The row that a message belongs to, brought up to date by what it says (spec 3.5, 3.6)."""
        peer = self._peers.get(said.node)
        if peer is None:
            peer = self._place(said)
            if peer is None:
                return self._own
        known = peer.identity
        learned = sender.learn(known, said)
        if learned is known:
            return peer
        if known.peer_id is not None and learned.peer_id != known.peer_id:
            _log.warning("another node speaks under the same id", was=known.peer_id, now=learned.peer_id)
            peer = self._add(said.node)
            if peer is None:
                return self._own
        peer.identity = learned
        peer.is_stale = True
        return peer

    def _place(self, said: Document) -> Peer | None:
        """The row of a node that was not heard on this socket before; None until it says who it is."""
        if not self._peers:
            self._peers[said.node] = self._own
            return self._own
        return self._add(said.node) if said.msg == sender.CONNECTED else None

    def _add(self, node: bytes | None) -> Peer | None:
        """A row for a further node on this socket, while there may be one more."""
        if len(self._rows) >= self._settings.nodes_per_connection_max:
            if not self._is_crowded:
                self._is_crowded = True
                _log.warning(
                    "more nodes on a socket than get records of their own", ip_addr=self._own.ip_addr
                )
            return None
        peer = self._peers[node] = Peer(self._own.ip_addr, self._own.audit)
        self._rows.append(peer)
        return peer

    def beat(self, now: float) -> None:
        """Ping or let go, when it is time to."""
        if now < self._next_ping:
            return
        self._next_ping = now + self._settings.heartbeat_interval_s
        if self._buffer.is_paused(self.socket):
            self.socket.heard_at = now  # what is not read is no silence
            return
        if now - self.socket.heard_at > self._settings.client_timeout_s:
            self.socket.close(SILENT, "no sign of life", wait=False)
        else:
            self.socket.ping()


def milliseconds() -> int:
    """A clock that only goes forward."""
    return time.monotonic_ns() // 1_000_000
