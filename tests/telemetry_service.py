"""A running telemetry service as its users see it: sockets for nodes, JSON for readers, metrics for operators."""

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import asyncpg
from tests import plain_http
from tests.postgres_server import drop_database, in_thread, new_database
from tests.running_platform import RunningPlatform, open_directory
from tests.telemetry_messages import CONNECTED, Payload
from tests.websocket_frames import BINARY, WebSocket, plain

VISIBLE_WITHIN_S = 20.0
Row = dict[str, Any]


def packed(message: Payload) -> bytes:
    """A message as nodes write it: no spaces, nothing escaped that need not be."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()


def frames(messages: Iterable[Payload], opcode: int = BINARY) -> bytes:
    """Many messages in one piece."""
    return b"".join(plain(opcode, packed(message)) for message in messages)


class Telemetry:
    """The doors of one platform's telemetry."""

    def __init__(self, platform: RunningPlatform) -> None:
        self.platform = platform
        self.http = plain_http.Client(base_url=platform.telemetry_url, timeout=40)

    def node(self, path: str = "/", *headers: str, **options: Any) -> WebSocket:
        """A node's websocket."""
        return WebSocket(self.platform.telemetry_port, path, *headers, **options)

    def send(self, messages: Iterable[Payload], path: str = "/", opcode: int = BINARY) -> None:
        """Send messages on one socket, and close it in order."""
        with self.node(path) as node:
            node.send(frames(messages, opcode))
            node.close()

    def get(self, path: str, **params: Any) -> Any:
        """A JSON answer."""
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        assert answer.headers["content-type"].startswith("application/json")
        return answer.json()

    def nodes(self) -> dict[str | None, Row]:
        """`/nodes` by peer id, each of which must be there once."""
        rows = self.get("/nodes")
        by_peer = {row["peer_id"]: row for row in rows}
        assert len(by_peer) == len(rows)
        return by_peer

    def stats(self, peer_id: str) -> dict[str, int]:
        """`/nodes/log_stats` by type."""
        return {row["log_type"]: row["qty"] for row in self.get("/nodes/log_stats", peer_id=peer_id)}

    def logs(self, peer_id: str, **params: Any) -> list[Row]:
        """`/nodes/logs`, the oldest first."""
        return self.get("/nodes/logs", **{"peer_id": peer_id, "limit": 1_000_000, **params})[::-1]

    def documents(self, peer_id: str, **params: Any) -> list[Payload]:
        """The stored documents, the oldest first."""
        return [row["logs"] for row in self.logs(peer_id, **params)]

    def wait_stored(self, peer_id: str, count: int) -> dict[str, int]:
        """Until so many messages of a peer are stored; returns how many of which type."""
        stats: dict[str, int] = {}

        def is_there() -> bool:
            nonlocal stats
            stats = self.stats(peer_id)
            return sum(stats.values()) >= count

        wait_until(is_there, lambda: f"{count} of {peer_id} expected: {stats}\n{self.platform.log_tail(8)}")
        assert sum(stats.values()) == count
        return stats

    def metrics(self) -> dict[str, float]:
        """Every sample of `/metrics`, by its name with labels."""
        answer = self.http.get("/metrics")
        assert answer.status_code == 200
        lines = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    def dropped(self, reason: str) -> float:
        """How many messages were dropped for a reason."""
        return self.metrics().get(f'telemetry_messages_dropped_total{{reason="{reason}"}}', 0.0)

    def query(self, sql: str, *values: object) -> list[Row]:
        """Ask the database itself."""

        async def ask() -> list[Row]:
            connection = await asyncpg.connect(database_dsn(self.platform))
            try:
                return [dict(row.items()) for row in await connection.fetch(sql, *values)]
            finally:
                await connection.close()

        return in_thread(ask())

    def events(self, text: str) -> list[Row]:
        """The log's events of one kind."""
        return [event for event in self.platform.log_events() if event.get("event") == text]


def database_dsn(platform: RunningPlatform) -> str:
    """Where a platform's database is."""
    if platform.dsn is not None:
        return platform.dsn
    lines = (platform.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
    return f"postgresql://lamina@/lamina?host={lines[4]}&port={lines[3]}"


def wait_until(
    condition: Callable[[], object], describe: Callable[[], str] = str, within_s: float = VISIBLE_WITHIN_S
) -> None:
    """Wait for something that must come."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, describe()
        time.sleep(0.02)


def connected(peer_id: str, ts: str = "2021-03-01T12:00:00Z") -> Payload:
    """The shortest greeting in the flat shape."""
    return {"msg": CONNECTED, "network_id": peer_id, "ts": ts}


@contextlib.contextmanager
def telemetry_running(
    dsn: str | None = None, services: str = "telemetry", **settings: object
) -> Iterator[Telemetry]:
    """`lamina up --services telemetry`, until the end of the block.

    Args:
        dsn: a server on which it gets a database of its own; the embedded one when absent.
        services: what runs, between commas.
        settings: of the section telemetry.
    """
    environment = {f"LAMINA_TELEMETRY__{name.upper()}": str(value) for name, value in settings.items()}
    with open_directory() as directory:
        platform = RunningPlatform(directory / "data", environment=environment, args=("--services", services))
        own = None if dsn is None else new_database(dsn)
        if own is not None:
            platform.dsn = own
        telemetry = Telemetry(platform)
        try:
            platform.start()
            yield telemetry
            assert platform.stop() == 0, platform.log_tail()
        finally:
            telemetry.http.close()
            if platform.process is not None and platform.process.poll() is None:
                platform.kill()
            if dsn is not None and own is not None:
                drop_database(dsn, own)
