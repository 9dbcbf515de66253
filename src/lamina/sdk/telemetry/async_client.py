"""The async client; what it sends and how answers are read is in `calls`."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lamina.sdk.address import is_local
from lamina.sdk.telemetry import calls
from lamina.sdk.telemetry.calls import Call
from lamina.sdk.telemetry.documents import (
    Aggregate,
    Benchmark,
    BenchmarkEvent,
    Chain,
    HostSystem,
    LiveNode,
    Log,
    LogStat,
    NewHostSystem,
    Node,
    Relation,
    Reputation,
    Reputations,
)
from lamina.sdk.telemetry.errors import NotRead, error_of
from lamina.sdk.telemetry.intake import intake_url, reason_of
from lamina.sdk.telemetry.messages import Identity, message

T = TypeVar("T")


class AsyncTelemetryClient:
    """Telemetry at a URL; close it, or use it in an `async with` block.

    The methods are those of `TelemetryClient`, with the same arguments, results and errors.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        """Open nothing yet.

        Args:
            url: telemetry's address, such as `http://localhost:8080`.
            timeout_s: for connecting, and for each silence while an answer is expected.
        """
        self._url = url
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=not is_local(url))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def nodes(self) -> list[Node]:
        """See `TelemetryClient.nodes`."""
        return await self._ask(calls.nodes())

    async def log_stats(self, peer_id: str) -> list[LogStat]:
        """See `TelemetryClient.log_stats`."""
        return await self._ask(calls.log_stats(peer_id))

    async def logs(
        self,
        peer_id: str,
        *,
        msg: str | None = None,
        target: str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: int | None = None,
    ) -> list[Log]:
        """See `TelemetryClient.logs`."""
        params: dict[str, calls.Parameter] = {
            "msg": msg, "target": target, "start_time": start_time, "end_time": end_time, "limit": limit,
        }  # fmt: skip
        return await self._ask(calls.logs(peer_id, params))

    async def series(
        self,
        peer_id: str,
        field: str,
        *,
        msg: str = "system.interval",
        aggregate: Aggregate = "mean",
        step_s: int = 60,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
    ) -> list[tuple[str, float]]:
        """See `TelemetryClient.series`."""
        params: dict[str, calls.Parameter] = {
            "msg": msg, "step": step_s, "start_time": start_time, "end_time": end_time,
        }  # fmt: skip
        return await self._ask(calls.series(peer_id, field, aggregate, params))

    async def reputations(
        self, *, logged: bool = False, max_age_s: int | None = None, limit: int | None = None
    ) -> list[Reputations]:
        """See `TelemetryClient.reputations`."""
        return await self._ask(calls.reputations({"max_age_s": max_age_s, "limit": limit}, logged=logged))

    async def reputation_of(
        self,
        peer_id: str,
        *,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: int | None = None,
    ) -> list[Reputation]:
        """See `TelemetryClient.reputation_of`."""
        params: dict[str, calls.Parameter] = {
            "start_time": start_time, "end_time": end_time, "limit": limit,
        }  # fmt: skip
        return await self._ask(calls.reputation_of(peer_id, params))

    async def host_systems(self) -> list[HostSystem]:
        """See `TelemetryClient.host_systems`."""
        return await self._ask(calls.host_systems())

    async def add_host_system(self, system: NewHostSystem) -> HostSystem:
        """See `TelemetryClient.add_host_system`."""
        return await self._ask(calls.add_host_system(system))

    async def benchmarks(self) -> list[Benchmark]:
        """See `TelemetryClient.benchmarks`."""
        return await self._ask(calls.benchmarks())

    async def add_benchmark(self, setup: object) -> Benchmark:
        """See `TelemetryClient.add_benchmark`."""
        return await self._ask(calls.add_benchmark(setup))

    async def benchmark_events(self, benchmark_id: int) -> list[BenchmarkEvent]:
        """See `TelemetryClient.benchmark_events`."""
        return await self._ask(calls.benchmark_events(benchmark_id))

    async def add_benchmark_event(
        self, benchmark_id: int, name: str, phase: str, at: datetime
    ) -> BenchmarkEvent:
        """See `TelemetryClient.add_benchmark_event`."""
        return await self._ask(calls.add_benchmark_event(benchmark_id, name, phase, at))

    async def benchmark_targets(self, benchmark_id: int) -> list[str]:
        """See `TelemetryClient.benchmark_targets`."""
        return [each["target"] for each in await self._ask(calls.benchmark_targets(benchmark_id))]

    async def sizes(self) -> list[Relation]:
        """See `TelemetryClient.sizes`."""
        return await self._ask(calls.sizes())

    async def chains(self, *, at: datetime | None = None) -> list[Chain]:
        """See `TelemetryClient.chains`."""
        return await self._ask(calls.chains(at))

    async def chain_nodes(
        self,
        genesis_hash: str,
        *,
        name: str | None = None,
        stale: bool | None = None,
        after: int | None = None,
        limit: int | None = None,
        at: datetime | None = None,
    ) -> list[LiveNode]:
        """See `TelemetryClient.chain_nodes`."""
        params: dict[str, calls.Parameter] = {
            "name": name, "stale": stale, "after": after, "limit": limit, "at": at,
        }  # fmt: skip
        return await self._ask(calls.chain_nodes(genesis_hash, params))

    async def chain_statistics(self, genesis_hash: str, *, at: datetime | None = None) -> dict[str, Any]:
        """See `TelemetryClient.chain_statistics`."""
        return await self._ask(calls.chain_statistics(genesis_hash, at))

    @asynccontextmanager
    async def send(self, identity: Identity, *, audit: bool = False) -> AsyncGenerator["AsyncSender"]:
        """Connect as a node, and say who it is.

        Args:
            identity: who sends.
            audit: on the path whose messages are never purged.

        Yields:
            What sends messages. The block ends when telemetry has read all of them; it stores them within its
            batch window (100 ms unless configured otherwise).

        Raises:
            TelemetryError: telemetry takes no more connections, or none from here.
            NotRead: the connection ended before everything was read.
            OSError, TimeoutError: there is no answer.
        """
        url = intake_url(self._url, audit=audit)
        proxy = None if is_local(url) else True
        try:
            socket = await connect(url, open_timeout=self._timeout_s, proxy=proxy, ping_interval=None)
        except InvalidStatus as refusal:
            raise error_of(refusal.response.status_code, bytes(refusal.response.body)) from None
        async with socket:
            sender = AsyncSender(socket, self._timeout_s)
            await sender.send("system.connected", **identity.hello())
            yield sender
            await sender.flush()

    async def _ask(self, call: Call[T]) -> T:
        answer = await self._http.request(
            call.method, call.path, params=call.query, content=call.content, headers=call.headers
        )
        return call.result(answer.status_code, answer.content)


class AsyncSender:
    """A connection of a node."""

    def __init__(self, socket: ClientConnection, timeout_s: float) -> None:
        """Keep an open connection."""
        self._socket = socket
        self._timeout_s = timeout_s
        self._unread = 0

    async def send(self, msg: str, at: datetime | None = None, **fields: Any) -> None:  # noqa: ANN401 - any JSON
        """Send one message.

        Args:
            msg: its type, such as `block.import`.
            at: when it happened; now when absent.
            fields: what it says; any JSON.

        Raises:
            NotRead: the connection has ended.
            TypeError, ValueError: the fields are not JSON.
        """
        payload = message(msg, fields, at)
        self._unread += 1
        try:
            await self._socket.send(payload)
        except ConnectionClosed as closed:
            raise NotRead(self._unread, reason_of(closed)) from None

    async def flush(self) -> None:
        """Wait until telemetry has read everything that was sent.

        Raises:
            NotRead: the connection ended before that.
            TimeoutError: telemetry does not read; its database may be away.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await (await self._socket.ping())
        except ConnectionClosed as closed:
            raise NotRead(self._unread, reason_of(closed)) from None
        self._unread = 0
