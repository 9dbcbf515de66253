"""The HTTP server: uvicorn in our event loop, on sockets bound beforehand, under bounds of ours.

The only module that names uvicorn. It starts and drains; signals, workers and logging belong to others.
"""

import asyncio
import contextlib
import errno
import http
import logging
import socket
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from email.utils import formatdate
from math import inf
from typing import Any, cast

import httptools
from uvicorn._types import (
    ASGI3Application,
    ASGIReceiveCallable,
    ASGISendEvent,
    HTTPResponseBodyEvent,
    HTTPResponseStartEvent,
    HTTPScope,
)
from uvicorn._types import Scope as UvicornScope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame
from websockets.http11 import Request

from lamina.kernel.contracts import ASGIApp
from lamina.kernel.errors import AlreadyRunning, ConfigurationError
from lamina.kernel.web.connection import BODY, HEAD, IDLE, WEBSOCKET, Connection, ConnectionTable
from lamina.kernel.web.event_stream import DRAINING
from lamina.kernel.web.frame_reader import FrameReader
from lamina.kernel.web.framing import ChunkedOverhead, Refusal, check_head, head_bytes
from lamina.kernel.web.inlet import INLET_EXTENSION, Inlet, InletSocket
from lamina.kernel.web.limits import HttpLimits
from lamina.kernel.web.peer import TrustedProxies
from lamina.kernel.web.port_owner import port_owner
from lamina.kernel.web.websocket import FRAMES_EXTENSION

SWEEP_INTERVAL_S = 0.25
PIPELINE_MAX = 64
WS_FRAGMENTS_MAX = 4096
UNDECLARED = -1
GOING_AWAY = 1001


def bind(host: str, port: int, *, pending_max: int = 2048) -> socket.socket:
    """Open a listening socket, which worker processes get by `pass_fds` and nobody inherits by accident.

    Args:
        host: an address or a name; `localhost` is 127.0.0.1.
        port: the port; 0 lets the system choose.
        pending_max: connections that may wait to be accepted.

    Raises:
        AlreadyRunning: another process listens there.
        ConfigurationError: the address is not one of this machine's, or may not be used.
    """
    sock: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            "127.0.0.1" if host == "localhost" else host,
            port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        # Listening now, not when served: two sockets may be bound to one port, only one may listen.
        sock.listen(pending_max)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise _bind_error(host, port, error) from error
    return sock


def _bind_error(host: str, port: int, error: OSError) -> Exception:
    if error.errno == errno.EADDRINUSE:
        owner = port_owner(port) or "another process"
        return AlreadyRunning(
            f"{host}:{port} is in use by {owner}",
            hint="Stop it, or shift every port of this platform with --port-offset N",
            port=port,
        )
    return ConfigurationError(f"Cannot listen on {host}:{port}: {error.strerror}", port=port)


class HttpServer:
    """Serves ASGI applications, each on its own listening socket, until drained."""

    def __init__(
        self,
        endpoints: Sequence[tuple[ASGIApp, socket.socket, HttpLimits]],
        *,
        proxies: TrustedProxies | None = None,
    ) -> None:
        """Prepare; nothing is accepted before `start`.

        Args:
            endpoints: applications, the listening sockets from `bind`, and the bounds on their connections.
            proxies: addresses exempt from the bound on connections per address.
        """
        self._endpoints = [
            (app, sock, ConnectionTable(limits, proxies or TrustedProxies()))
            for app, sock, limits in endpoints
        ]
        self._state = ServerState()
        self._listeners: list[asyncio.Server] = []
        self._refusals: Counter[int] = Counter()
        self._draining = asyncio.Event()
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def connections(self) -> int:
        """Open connections, websockets included."""
        return sum(map(len, self._tables))

    @property
    def _tables(self) -> Sequence[ConnectionTable]:
        return [table for _, _, table in self._endpoints]

    @property
    def refusals(self) -> dict[int, int]:
        """Requests refused before any application saw them, by status."""
        return dict(self._refusals)

    async def start(self) -> None:
        """Accept connections on the running loop."""
        loop = asyncio.get_running_loop()
        self._tick()
        for app, sock, table in self._endpoints:
            factory = _ProtocolFactory(_config(app, table.limits), self._state, table, self._refusals)
            factory.draining = self._draining
            pending_max = table.limits.pending_connections_max
            self._listeners.append(await loop.create_server(factory, sock=sock, backlog=pending_max))

    async def drain(self, timeout_s: float) -> int:
        """Stop accepting, let requests in flight finish, close everything.

        Idle keep-alive connections are closed at once and websockets with 1012; what is left after the time
        is cut off.

        Args:
            timeout_s: how long requests in flight may take.

        Returns:
            How many requests and websockets were cut off.
        """
        self._draining.set()
        for table in self._tables:
            table.draining = True
        for listener in self._listeners:
            listener.close()
        for protocol in list(self._state.connections):
            protocol.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                for table in self._tables:
                    await table.empty.wait()
                while self._state.tasks:
                    await asyncio.wait(self._state.tasks)
        unfinished = await self._cut_off()
        if self._sweep is not None:
            self._sweep.cancel()
        return unfinished

    async def _cut_off(self) -> int:
        tasks = list(self._state.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for table in self._tables:
            table.abort()
            await table.empty.wait()
        return len(tasks)

    def _tick(self) -> None:
        """Walk the deadlines; one timer for all connections costs a request nothing."""
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_INTERVAL_S, self._tick)
        self._state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
        for table in self._tables:
            table.expire()


def _config(app: ASGIApp, limits: HttpLimits) -> Config:
    """Configure uvicorn: nothing but the protocols, and those silent below warnings."""
    config = Config(
        cast("Any", app),
        loop="none",
        http=HttpToolsProtocol,
        ws=_WebSocketProtocol,
        ws_max_size=limits.ws_frame_bytes_max,
        ws_ping_interval=limits.ws_ping_interval_s,
        ws_ping_timeout=limits.ws_ping_interval_s,
        ws_per_message_deflate=False,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=cast("int", limits.keep_alive_s),
    )
    config.load()
    logging.getLogger("uvicorn.error").addFilter(_is_news)
    return config


def _is_news(record: logging.LogRecord) -> bool:
    """Neither a peer's broken text nor a request cut off by draining is a failure of ours."""
    cut_off = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
    return not cut_off and not str(record.msg).startswith("Invalid UTF-8")


class _ProtocolFactory:
    """Makes the protocol of each accepted connection."""

    def __init__(
        self, config: Config, state: ServerState, table: ConnectionTable, refusals: Counter[int]
    ) -> None:
        self.config = config
        self.state = state
        self.table = table
        self.refusals = refusals
        self.draining = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def __call__(self) -> asyncio.Protocol:
        return _HttpProtocol(self)


class _HttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 with time and size bounds and without tolerance for ambiguous requests.

    What the peer owes is read off after each piece of input rather than followed callback by callback: an
    ordinary request arrives in one piece and then owes nothing.
    """

    def __init__(self, factory: _ProtocolFactory) -> None:
        super().__init__(factory.config, factory.state, {DRAINING: factory.draining}, factory.loop)
        self._table = factory.table
        self._limits = factory.table.limits
        self._refusals = factory.refusals
        self.scope = cast("HTTPScope", {"method": ""})  # as after a whole head: no head is under way
        self._connection: Connection = cast("Connection", None)
        self._piece_size = 0
        self._head_size = 0
        self._overhead: ChunkedOverhead | None = None
        self._parting: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._connection = Connection(transport, self._table)
        super().connection_made(self._connection)
        self._connection.on_read_expiry = self._read_expired
        self._expect_within(self._limits.header_timeout_s)
        if not self._table.add(self._connection, self.client[0] if self.client else ""):
            self._refuse(503)
        elif self._table.draining:
            self.shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connection.lost()

    def data_received(self, data: bytes) -> None:
        connection = self._connection
        if connection.is_closing() or self._parting is not None:
            connection.discard(len(data))
            return
        self._unset_keepalive_if_required()
        self._piece_size = len(data)
        untaken = len(self.cycle.body) if self._overhead else 0
        try:
            cast("httptools.HttpRequestParser", self.parser).feed_data(data)
        except httptools.HttpParserUpgrade:
            if self._should_upgrade():
                self._upgrade()
            else:
                self._account(untaken)
        except httptools.HttpParserError as error:
            refusal = error.__context__
            self._refuse(refusal.status if isinstance(refusal, Refusal) else 400)
        else:
            self._account(untaken)

    def _account(self, untaken: int) -> None:
        """Find out what the peer owes now, and until when.

        Args:
            untaken: body bytes the application had not taken before this piece of input.
        """
        newest = self._newest()
        if "method" not in self.scope:
            self._account_head()
        elif newest is None or newest.response_complete:
            self._account_nothing()
        elif newest.more_body:
            self._connection.phase = BODY
            self._expect_within(self._limits.body_timeout_s)
            if self._overhead and self._overhead.charge(self._piece_size, len(newest.body) - untaken):
                self._refuse(400)
        else:
            self._connection.phase = IDLE
            self._connection.read_by = inf

    def _account_head(self) -> None:
        """The head's time runs from its first byte, whatever arrives between."""
        self._connection.phase = HEAD
        if self._head_size == 0:
            self._expect_within(self._limits.header_timeout_s)
        self._head_size += self._piece_size
        if self._head_size > self._limits.header_bytes_max:
            self._refuse(431)

    def _account_nothing(self) -> None:
        """Empty lines before a request are legal (RFC 9112 section 2.2) but buy no time."""
        if self._connection.read_by == inf:
            self._expect_within(self._limits.header_timeout_s)

    def on_headers_complete(self) -> None:
        parser = cast("httptools.HttpRequestParser", self.parser)
        chunked = check_head(parser.get_http_version(), self.headers)
        if self._head_size + self._piece_size > self._limits.header_bytes_max:
            self._check_head_size()
        self._head_size = 0
        self._overhead = ChunkedOverhead(self._limits.header_bytes_max) if chunked else None
        if len(self.pipeline) >= PIPELINE_MAX:
            raise Refusal(400)
        super().on_headers_complete()
        # Trailers are not headers of the request (RFC 9110 section 6.5.1): they go where nobody looks. Only a
        # chunked body has them, and uvicorn still has to find the upgrade of a websocket among the headers.
        if chunked:
            self.headers = []
        if self._table.draining and self._newest() is not None:
            self.cycle.keep_alive = False

    def _check_head_size(self) -> None:
        if head_bytes(self.url, self.headers) > self._limits.header_bytes_max:
            raise Refusal(431)

    def on_response_complete(self) -> None:
        last = not self.pipeline
        super().on_response_complete()
        if last and self._parting is not None:
            self._part(self._parting)
        elif last and self.cycle.more_body:
            self._connection.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._connection.writing_paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._connection.writing_resumed()

    def shutdown(self) -> None:
        newest = self._newest()
        if newest is not None and not newest.response_complete:
            newest.keep_alive = False
        elif self._connection.phase == IDLE and not (
            self._connection.is_closing() or self._connection.unread()
        ):
            self._connection.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        super()._start_asgi_task(cycle, _Responder(cycle, app))

    def _newest(self) -> RequestResponseCycle | None:
        """The request whose head was read last; uvicorn's annotation forgets that there may be none."""
        return cast("RequestResponseCycle | None", self.cycle)

    def _expect_within(self, seconds: float) -> None:
        self._connection.read_by = self._table.now() + seconds

    def _read_expired(self) -> None:
        if self.flow.read_paused:
            self._expect_within(self._limits.body_timeout_s)
        elif self._connection.phase == IDLE:
            self._connection.close()
        else:
            self._refuse(408)

    def _upgrade(self) -> None:
        """Hand the connection to the websocket protocol, unless answers are still owed on it."""
        newest = self._newest()
        if newest is not None and not newest.response_complete:
            self._refuse(400)
        elif self._table.draining:
            self._refuse(503)
        else:
            self.handle_websocket_upgrade()

    def _refuse(self, status: int) -> None:
        """Answer a request that will not be read to its end, after the answers owed before it, and close."""
        self._refusals[status] += 1
        if self._piece_size and self._connection.phase == IDLE:
            self._connection.phase = HEAD
        answer = _refusal_response(status, self.server_state.default_headers)
        newest = self._newest()
        unfinished = newest is not None and not newest.response_complete
        broken = newest if unfinished and newest is not None and newest.more_body else None
        owed = bool(self.pipeline) or (unfinished and broken is None)
        if broken is not None and self.pipeline:
            self.pipeline.popleft()
        if owed:
            self._connection.read_by = inf
            self._parting = answer
        else:
            self._part(answer, broken)

    def _part(self, answer: bytes, broken: RequestResponseCycle | None = None) -> None:
        """Send the connection's last answer, unless one to the broken request is under way."""
        if not self._connection.is_closing() and (broken is None or not broken.response_started):
            self.transport.write(answer)
        if broken is not None:
            broken.disconnected = True
            broken.message_event.set()
        self._connection.close()


class _Responder:
    """Sends a response of known length in one write, and leaves every other kind to uvicorn.

    A response head waits for its body only when the length is declared, so the head of a stream never waits.
    """

    __slots__ = ("_app", "_cycle", "_length", "_start")

    def __init__(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._cycle = cycle
        self._app = app
        self._start: HTTPResponseStartEvent | None = None
        self._length = UNDECLARED

    def __call__(self, scope: UvicornScope, receive: ASGIReceiveCallable, _: object) -> Awaitable[None]:
        return self._app(scope, receive, self.send)

    async def send(self, message: ASGISendEvent) -> None:
        start = self._start
        if start is not None:
            self._start = None
            if message["type"] == "http.response.body" and self._send_whole(start, message):
                return
            await self._cycle.send(start)
        elif message["type"] == "http.response.start":
            if self._cycle.more_body:
                # What is left of the body is never read: the client must hear that the connection ends here,
                # or it sends its next request to a closed one.
                self._cycle.keep_alive = False
            self._length = _declared_length(message)
            if self._length != UNDECLARED:
                self._start = message
                return
        await self._cycle.send(message)

    def _send_whole(self, start: HTTPResponseStartEvent, message: HTTPResponseBodyEvent) -> bool:
        """Send everything if nothing is unusual about it; False to have uvicorn do it, or refuse it."""
        cycle = self._cycle
        body = message.get("body", b"")
        if len(body) != self._length or message.get("more_body", False) or cycle.scope["method"] == "HEAD":
            return False
        head = _head_lines((*cycle.default_headers, *start.get("headers", ())), keep_alive=cycle.keep_alive)
        if head is None or cycle.response_started or cycle.flow.write_paused:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        if not cycle.disconnected:
            cycle.transport.write(b"%b%b\r\n%b" % (STATUS_LINE[start["status"]], head, body))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()
        return True


def _head_lines(headers: Sequence[tuple[bytes, bytes]], *, keep_alive: bool) -> bytes | None:
    """The header lines; None if one of them would become two."""
    lines = [b"%b: %b\r\n" % header for header in headers]
    if not keep_alive:
        lines.append(b"connection: close\r\n")
    head = b"".join(lines)
    return head if head.count(b"\r") == head.count(b"\n") == len(lines) else None


def _declared_length(start: HTTPResponseStartEvent) -> int:
    length = UNDECLARED
    for name, value in start.get("headers", ()):
        if name == b"content-length":
            length = int(value)
        elif name in {b"connection", b"transfer-encoding"}:
            return UNDECLARED
    return length


class _WebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's websocket with bounded fragments, bounded pongs, and an inlet for those who want one."""

    heard_at = inf

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._connection = cast("Connection", transport)
        self._connection.phase = WEBSOCKET
        self._connection.read_by = inf
        self._pong: list[bytes] = []
        self._inlet: Inlet | None = None
        self._frames: FrameReader | None = None
        self._has_begun = False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._connection.lost()

    def data_received(self, data: bytes) -> None:
        if self._connection.is_closing():
            return
        if self._inlet is not None:
            if self._frames is not None:
                data = self._take_messages(self._inlet, self._frames, data)
            if not data:
                return
        self._has_begun = self.handshake_initiated
        super().data_received(data)
        if not self.handshake_initiated:
            self.transport.write(_refusal_response(400, self.default_headers))
            self.transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._connection.writing_paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._connection.writing_resumed()
        self.transport.write(b"".join(self._pong))
        self._pong = []

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.handshake_complete:
            extensions: dict[str, object] = cast("Any", self.scope.setdefault("extensions", {}))
            extensions[FRAMES_EXTENSION] = {}
            extensions[INLET_EXTENSION] = self._open_inlet

    def _open_inlet(self, inlet: Inlet) -> InletSocket:
        self._inlet = inlet
        self.heard_at = self.loop.time()
        if not self._has_begun:
            self._frames = FrameReader(self.config.ws_max_size)
        return self

    def _take_messages(self, inlet: Inlet, frames: FrameReader, data: bytes) -> bytes:
        """Hand over whole messages; returns what is left for the protocol to read."""
        messages = frames.read(data)
        if messages:
            self.heard_at = self.loop.time()
            if not self.close_sent:
                inlet.take(messages)
        others, frames.others = frames.others, b""
        if frames.is_done:
            self._frames = None
        return others

    def handle_events(self) -> None:
        if self._inlet is not None and self.conn.events:
            self.heard_at = self.loop.time()
        super().handle_events()

    def handle_parser_exception(self) -> None:
        if self._inlet is not None:
            # Whole messages before the broken frame, in the same piece of input, were read and count.
            self.handle_events()
        super().handle_parser_exception()

    def send_receive_event_to_app(self) -> None:
        if self._inlet is None:
            super().send_receive_event_to_app()
            return
        payload = self.frames[0] if len(self.frames) == 1 else b"".join(self.frames)
        self.frames = []
        if not self.close_sent:
            self._inlet.take([(bytes(payload), self.curr_msg_data_type == "text")])

    def ping(self) -> None:
        if not self.close_sent and not self.transport.is_closing() and self.writable.is_set():
            self.conn.send_ping(b"")
            self.transport.write(b"".join(self.conn.data_to_send()))

    def pause(self) -> None:
        if not self.transport.is_closing():
            self.transport.pause_reading()

    def resume(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def close(self, code: int, reason: str, *, wait: bool = True) -> None:
        if self.close_sent or self.transport.is_closing():
            return
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.conn.send_close(code, reason)
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if wait:
            self.transport.resume_reading()
            self.close_timer = self.loop.call_later(self.close_timeout, self.transport.close)
        else:
            self.transport.close()

    def shutdown(self) -> None:
        if self._inlet is not None and self.handshake_complete:
            self.close(GOING_AWAY, "the receiver stops", wait=False)
        super().shutdown()

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) >= WS_FRAGMENTS_MAX:
            self.conn.fail(1009, "too many fragments")
            self.handle_parser_exception()
            return
        super().handle_cont(event)

    def handle_ping(self) -> None:
        """Answer a ping; a peer that does not read gets the answer to its last ping only (RFC 6455 5.5.3)."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self._pong = self.conn.data_to_send()

    async def send(self, message: ASGISendEvent) -> None:
        if self.close_sent:
            raise ClientDisconnected
        if "frames" in message:
            await self._send_frames(cast("bytes", message["frames"]))
            return
        await super().send(message)
        if message["type"] == "websocket.http.response.body":
            # Refusing is an answer too; uvicorn would report an application that gave none.
            self.handshake_complete = True

    async def _send_frames(self, frames: bytes) -> None:
        """Write frames that the application made once for many connections."""
        await self.writable.wait()
        if self.disconnected or self.close_sent:
            raise ClientDisconnected
        self.transport.write(frames)


def _refusal_response(status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A whole response for a request no application sees."""
    phrase = http.HTTPStatus(status).phrase
    body = b'{"message": "%b", "status": %d}' % (phrase.encode(), status)
    lines = [f"HTTP/1.1 {status} {phrase}".encode(), *(b"%b: %b" % header for header in headers)]
    lines += [b"content-type: application/json", b"content-length: %d" % len(body), b"connection: close"]
    return b"\r\n".join([*lines, b"", body])
