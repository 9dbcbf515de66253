"""An HTTP server in this process for tests, and a client that may misbehave."""

import asyncio
import contextlib
import functools
import inspect
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import uvloop

from lamina.kernel.contracts import ASGIApp
from lamina.kernel.settings.platform import HttpSettings
from lamina.kernel.web.limits import HttpLimits
from lamina.kernel.web.peer import TrustedProxies
from lamina.kernel.web.server import HttpServer, bind

LIMITS = HttpLimits.from_settings(HttpSettings())
READ_TIMEOUT_S = 10.0


def on_uvloop(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run a test on the loop that production runs on."""

    @functools.wraps(test)
    def run(*args, **kwargs) -> None:
        uvloop.run(test(*args, **kwargs))

    del run.__wrapped__
    run.__signature__ = inspect.signature(test)
    return run


@dataclass
class Response:
    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Serving:
    server: HttpServer
    port: int

    @contextlib.asynccontextmanager
    async def peer(self, *, receive_buffer: int | None = None) -> AsyncIterator["Peer"]:
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        except OSError:
            sock.close()
            raise
        reader, writer = await asyncio.open_connection(sock=sock, limit=2**16)
        try:
            yield Peer(reader, writer)
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def ask(self, request: bytes) -> Response:
        """One request on a connection of its own."""
        async with self.peer() as peer:
            return await peer.ask(request)

    async def until_connections(self, count: int) -> None:
        async with asyncio.timeout(READ_TIMEOUT_S):
            while self.server.connections != count:
                await asyncio.sleep(0.01)


class Peer:
    """The other end of one connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def write(self, data: bytes) -> None:
        self.writer.write(data)

    async def ask(self, request: bytes) -> Response:
        self.write(request)
        return await self.response(head_only=request.startswith(b"HEAD "))

    async def response(self, *, head_only: bool = False) -> Response:
        async with asyncio.timeout(READ_TIMEOUT_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip("\r\n").split("\r\n")
            assert first.startswith("HTTP/1.1 ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = b"" if head_only else await self._body(headers)
            return Response(int(first.split(" ")[1]), headers, body)

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers.get("content-length", "0")))
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return body

    async def rest(self) -> bytes:
        """Everything until the server closes; a reset counts as closing."""
        data = b""
        async with asyncio.timeout(READ_TIMEOUT_S):
            with contextlib.suppress(ConnectionResetError):
                while piece := await self.reader.read(2**16):
                    data += piece
        return data


class _Complaints(logging.Handler):
    """What the HTTP library logs: no client's doing is worth a line."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: tuple[str, ...] = ()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines = (*self.lines, record.getMessage())


@contextlib.asynccontextmanager
async def serving(
    app: ASGIApp,
    *,
    trusted: tuple[str, ...] = (),
    drain_s: float = 1.0,
    send_buffer: int | None = None,
    expected_complaints: Sequence[str] = (),
    **limits: float,
) -> AsyncIterator[Serving]:
    """Serve on a free port of 127.0.0.1 with the default limits, some replaced."""
    sock = bind("127.0.0.1", 0)
    if send_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    port = sock.getsockname()[1]
    proxies = TrustedProxies(trusted)
    server = HttpServer([(app, sock, replace(LIMITS, **limits))], proxies=proxies)
    await server.start()
    complaints = _Complaints()
    logging.getLogger("uvicorn.error").addHandler(complaints)
    try:
        yield Serving(server, port)
    finally:
        await server.drain(drain_s)
        logging.getLogger("uvicorn.error").removeHandler(complaints)
    assert server.connections == 0
    assert complaints.lines == expected_complaints


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: test", *headers, "", ""]).encode("latin-1")


def post(path: str, body: bytes, *headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: test", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


CHUNKED_POST = b"POST /echo HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"
