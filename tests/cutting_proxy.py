"""A TCP proxy in front of PostgreSQL that breaks connections at a chosen message of the client.

It makes the three outcomes of a commit reproducible: the message is lost on its way, or carried out with its
answer lost, or it hangs.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from enum import Enum
from urllib.parse import parse_qs, urlsplit

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]
SIMPLE_COMMIT = b"COMMIT;"


def is_commit(data: bytes) -> bool:
    """The client's simple query COMMIT."""
    return SIMPLE_COMMIT in data


def is_execution(data: bytes) -> bool:
    """The client's Bind message: a prepared statement is about to be executed."""
    return data.startswith(b"B")


def is_anything(_data: bytes) -> bool:
    """Whatever the client says next."""
    return True


class Fault(Enum):
    """What happens to the chosen message."""

    LOSE = "lose the message and cut the connection"
    LOSE_ANSWER = (
        "pass the message on, wait for its answer, and cut the connection instead of passing that on"
    )
    HANG = "pass nothing on in either direction any more, until the client gives up"


class CuttingProxy:
    """Passes everything on until armed; each arming breaks one connection."""

    def __init__(self, dsn: str) -> None:
        self._server = urlsplit(dsn)
        self._chosen: Callable[[bytes], bool] | None = None
        self._fault = Fault.LOSE
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.broken = 0
        self.dsn = ""

    def arm(self, fault: Fault, chosen: Callable[[bytes], bool] = is_commit) -> None:
        """Break the next connection whose client sends a chosen message."""
        self._chosen, self._fault = chosen, fault

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator["CuttingProxy"]:
        """Listen on a free port; `dsn` leads through it."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        user = self._server.username or "postgres"
        secret = f":{self._server.password}" if self._server.password else ""
        self.dsn = f"postgresql://{user}{secret}@127.0.0.1:{port}{self._server.path}?sslmode=disable"
        try:
            yield self
        finally:
            server.close()
            for writer in self._writers:
                writer.transport.abort()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(asyncio.CancelledError):  # start_server would report it
            await self._serve_until_cut(reader, writer)

    async def _serve_until_cut(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await self._connect()
        self._writers |= {writer, server_writer}
        answers = asyncio.ensure_future(_pass_on(server_reader, writer))
        try:
            message = await self._pass_on_until_chosen(reader, server_writer)
            if message and self._fault is not Fault.LOSE:
                answers.cancel()
                await asyncio.wait([answers])
                await self._withhold(message, (reader, writer), (server_reader, server_writer))
        finally:
            answers.cancel()
            for each in (writer, server_writer):
                each.transport.abort()

    async def _connect(self) -> Opened:
        query = parse_qs(self._server.query)
        host = query["host"][0] if "host" in query else self._server.hostname or "localhost"
        port = int(query["port"][0]) if "port" in query else self._server.port or 5432
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, port)

    async def _pass_on_until_chosen(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        """Pass on what is not chosen; returns the chosen message, or nothing when the client leaves."""
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if self._chosen is not None and self._chosen(data):
                    self._chosen = None
                    self.broken += 1
                    return data
                writer.write(data)
        return b""

    async def _withhold(self, message: bytes, client: Opened, server: Opened) -> None:
        if self._fault is Fault.LOSE_ANSWER:
            server[1].write(message)
        with contextlib.suppress(ConnectionError):
            await (server if self._fault is Fault.LOSE_ANSWER else client)[0].read(1)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
    writer.transport.abort()
