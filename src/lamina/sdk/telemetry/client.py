"""The blocking client; what it sends and how answers are read is in `calls`."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

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


class TelemetryClient:
    """Telemetry at a URL; close it, or use it in a `with` block.

    Besides what they say themselves, all methods that ask telemetry raise `TelemetryError` for an answer that
    is an error (`Refused` for 400 and 413, `NotFound` for 404), and `httpx.TransportError` when there is no
    answer. Times may have a zone; those without are UTC.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        """Open nothing yet.

        Args:
            url: telemetry's address, such as `http://localhost:8080`.
            timeout_s: for connecting, and for each silence while an answer is expected.
        """
        self._url = url
        self._timeout_s = timeout_s
        self._http = httpx.Client(base_url=url, timeout=timeout_s, trust_env=not is_local(url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def nodes(self) -> list[Node]:
        """The newest connection of every peer; one without an id stands for all that never said theirs."""
        return self._ask(calls.nodes())

    def log_stats(self, peer_id: str) -> list[LogStat]:
        """How many messages of each type a peer has stored, the most frequent first."""
        return self._ask(calls.log_stats(peer_id))

    def logs(
        self,
        peer_id: str,
        *,
        msg: str | None = None,
        target: str | None = None,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: int | None = None,
    ) -> list[Log]:
        """A peer's messages, the newest first.

        Args:
            peer_id: whose.
            msg: only of this type.
            target: only of this target.
            start_time: only later ones.
            end_time: only earlier ones; now when absent.
            limit: at most so many; 100 when absent.
        """
        params: dict[str, calls.Parameter] = {
            "msg": msg, "target": target, "start_time": start_time, "end_time": end_time, "limit": limit,
        }  # fmt: skip
        return self._ask(calls.logs(peer_id, params))

    def series(
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
        """A numeric field of a peer's messages over time.

        Args:
            peer_id: whose.
            field: the member; dots lead to inner ones.
            msg: of messages of this type.
            aggregate: how the values of a step become one.
            step_s: seconds that one value stands for.
            start_time: only later ones.
            end_time: only earlier ones; now when absent.

        Returns:
            Pairs of a step's begin and its value, ascending; steps without a value are left out.
        """
        params: dict[str, calls.Parameter] = {
            "msg": msg, "step": step_s, "start_time": start_time, "end_time": end_time,
        }  # fmt: skip
        return self._ask(calls.series(peer_id, field, aggregate, params))

    def reputations(
        self, *, logged: bool = False, max_age_s: int | None = None, limit: int | None = None
    ) -> list[Reputations]:
        """What each peer thinks of the others now.

        Args:
            logged: only of peers that ever connected here.
            max_age_s: reports not older than this; 60 when absent.
            limit: at most so many reporters; 100 when absent.
        """
        return self._ask(calls.reputations({"max_age_s": max_age_s, "limit": limit}, logged=logged))

    def reputation_of(
        self,
        peer_id: str,
        *,
        start_time: datetime | None = None,
        end_time: datetime | None = None,
        limit: int | None = None,
    ) -> list[Reputation]:
        """What others reported of one peer, by reporter and time; 1000 elements when no limit is given."""
        params: dict[str, calls.Parameter] = {
            "start_time": start_time, "end_time": end_time, "limit": limit,
        }  # fmt: skip
        return self._ask(calls.reputation_of(peer_id, params))

    def host_systems(self) -> list[HostSystem]:
        """The machines that benchmarks run on."""
        return self._ask(calls.host_systems())

    def add_host_system(self, system: NewHostSystem) -> HostSystem:
        """Add a machine; returns it with its number."""
        return self._ask(calls.add_host_system(system))

    def benchmarks(self) -> list[Benchmark]:
        """All benchmarks, the newest first."""
        return self._ask(calls.benchmarks())

    def add_benchmark(self, setup: object) -> Benchmark:
        """Add a benchmark; `setup` is any JSON, with the node under `tetcore.peerId`."""
        return self._ask(calls.add_benchmark(setup))

    def benchmark_events(self, benchmark_id: int) -> list[BenchmarkEvent]:
        """A benchmark's events, by name."""
        return self._ask(calls.benchmark_events(benchmark_id))

    def add_benchmark_event(self, benchmark_id: int, name: str, phase: str, at: datetime) -> BenchmarkEvent:
        """Say that something began (`start`), ended (`end`) or else happened during a benchmark."""
        return self._ask(calls.add_benchmark_event(benchmark_id, name, phase, at))

    def benchmark_targets(self, benchmark_id: int) -> list[str]:
        """The targets that a benchmark's node logged, in order."""
        return [each["target"] for each in self._ask(calls.benchmark_targets(benchmark_id))]

    def sizes(self) -> list[Relation]:
        """How large tables and indexes are, the largest first."""
        return self._ask(calls.sizes())

    def chains(self, *, at: datetime | None = None) -> list[Chain]:
        """The chains whose nodes are connected, now or as of a moment of the past."""
        return self._ask(calls.chains(at))

    def chain_nodes(
        self,
        genesis_hash: str,
        *,
        name: str | None = None,
        stale: bool | None = None,
        after: int | None = None,
        limit: int | None = None,
        at: datetime | None = None,
    ) -> list[LiveNode]:
        """The connected nodes of a chain, by id.

        Args:
            genesis_hash: which chain.
            name: only nodes whose name contains this.
            stale: only stale nodes, or only others.
            after: only ids above this one, to go on from a page.
            limit: at most so many; 1000 when absent.
            at: as of this moment; now when absent.

        Raises:
            NotFound: no node of this chain is connected.
        """
        params: dict[str, calls.Parameter] = {
            "name": name, "stale": stale, "after": after, "limit": limit, "at": at,
        }  # fmt: skip
        return self._ask(calls.chain_nodes(genesis_hash, params))

    def chain_statistics(self, genesis_hash: str, *, at: datetime | None = None) -> dict[str, Any]:
        """What the nodes of a chain run on: rankings by property.

        Raises:
            NotFound: no node of this chain is connected.
        """
        return self._ask(calls.chain_statistics(genesis_hash, at))

    @contextmanager
    def send(self, identity: Identity, *, audit: bool = False) -> Generator["Sender"]:
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
            socket = connect(url, open_timeout=self._timeout_s, proxy=proxy, ping_interval=None)
        except InvalidStatus as refusal:
            raise error_of(refusal.response.status_code, bytes(refusal.response.body)) from None
        with socket:
            sender = Sender(socket, self._timeout_s)
            sender.send("system.connected", **identity.hello())
            yield sender
            sender.flush()

    def _ask(self, call: Call[T]) -> T:
        answer = self._http.request(
            call.method, call.path, params=call.query, content=call.content, headers=call.headers
        )
        return call.result(answer.status_code, answer.content)


class Sender:
    """A connection of a node."""

    def __init__(self, socket: ClientConnection, timeout_s: float) -> None:
        """Keep an open connection."""
        self._socket = socket
        self._timeout_s = timeout_s
        self._unread = 0

    def send(self, msg: str, at: datetime | None = None, **fields: Any) -> None:  # noqa: ANN401 - any JSON
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
            self._socket.send(payload)
        except ConnectionClosed as closed:
            raise NotRead(self._unread, reason_of(closed)) from None

    def flush(self) -> None:
        """Wait until telemetry has read everything that was sent.

        Raises:
            NotRead: the connection ended before that.
            TimeoutError: telemetry does not read; its database may be away.
        """
        try:
            if not self._socket.ping(ack_on_close=True).wait(self._timeout_s):
                raise TimeoutError(f"telemetry has not read all messages after {self._timeout_s:.0f} s")
            # An ended connection lets go of whoever waits, without an answer.
            self._socket.ping()
        except ConnectionClosed as closed:
            raise NotRead(self._unread, reason_of(closed)) from None
        self._unread = 0
