"""A database that goes, comes back, hangs, or forgets its answers: nothing is lost, nothing is stored twice."""

import asyncio
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import pytest
from tests.cutting_proxy import CuttingProxy, Fault
from tests.postgres_server import ExternalServer, execute
from tests.running_platform import open_directory
from tests.telemetry_load import Load, answering, new_node
from tests.telemetry_service import Telemetry, frames, packed, telemetry_running, wait_until
from tests.websocket_frames import BINARY, Refused, plain

ALIVE_WITHIN_S = 10.0
STOPPED_S = float(os.environ.get("LAMINA_STOPPED_S", "30"))
Act = Callable[[ExternalServer], object]
TAKEN = [(ExternalServer.stop, ExternalServer.start), (ExternalServer.freeze, ExternalServer.thaw)]


@pytest.fixture(scope="module")
def server() -> Iterator[ExternalServer]:
    with open_directory() as directory:
        server = ExternalServer(directory, password="only-for-this-test").start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def running(server: ExternalServer) -> Iterator[Telemetry]:
    """With a buffer that a test can fill."""
    with telemetry_running(
        server.dsn, buffer_mb=1, heartbeat_interval_s=1, client_timeout_s=2, query_timeout_s=2
    ) as running:
        yield running


@contextmanager
def without(server: ExternalServer, take: Act, give_back: Act) -> Iterator[None]:
    take(server)
    try:
        yield
    finally:
        give_back(server)


def pids(telemetry: Telemetry) -> list[int]:
    return [process["pid"] for process in telemetry.platform.status()["processes"]]


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("take", "give_back"), TAKEN, ids=["stopped", "hanging"])
def test_a_load_loses_nothing(running: Telemetry, server: ExternalServer, take: Act, give_back: Act) -> None:
    before = pids(running)
    load = Load(running, 6)
    with load.running():
        time.sleep(0.7)
        with without(server, take, give_back):
            time.sleep(3)
        time.sleep(0.7)
    assert load.check() > 500
    assert pids(running) == before


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_half_a_minute_without_a_database_loses_nothing(running: Telemetry, server: ExternalServer) -> None:
    load = Load(running, 40)
    with load.running():
        time.sleep(5)
        with without(server, ExternalServer.stop, ExternalServer.start):
            time.sleep(STOPPED_S)
        time.sleep(5)
    assert load.check() > 10_000


@pytest.mark.timeout(120)
def test_a_full_buffer_is_felt_by_the_sender_and_loses_nothing(
    running: Telemetry, server: ExternalServer
) -> None:
    node, quiet = new_node(), new_node()
    said = itertools.count()
    stored_before = running.metrics()["telemetry_messages_stored_total"]
    with running.node(buffers=65536) as talker, running.node() as listener, answering(listener) as lives:
        listener.send(frames([quiet.hello()]))
        running.wait_stored(quiet.peer_id, 1)
        with without(server, ExternalServer.stop, ExternalServer.start):
            rest = fill(talker.socket, node, said)
            sent = next(said)
            assert sent > 100
            metrics = running.metrics()
            assert metrics["telemetry_buffer_bytes"] >= 2**20
            assert metrics["telemetry_buffer_messages"] <= sent
            # The listener's next message is one too many: it is not read from then on, and not dropped either.
            listener.send(frames([quiet.message("txpool.import")]))
            time.sleep(3)
            assert lives.is_set()
        talker.socket.settimeout(30)
        talker.send(rest)
        running.wait_stored(node.peer_id, sent)
        running.wait_stored(quiet.peer_id, 2)
        time.sleep(3)
        assert lives.is_set(), "that it was not read is not held against a node"
    wait_until(lambda: running.metrics()["telemetry_buffer_messages"] == 0)
    assert running.metrics()["telemetry_messages_stored_total"] - stored_before == sent + 2


def fill(socket, node, said: Iterator[int]) -> bytes:
    """Send until the socket takes no more; returns what it did not take."""
    socket.settimeout(1.5)
    for message in itertools.chain(
        [node.hello()], (node.message("slots.err_with_block_built_on") for _ in range(100_000))
    ):
        data = plain(BINARY, packed(message))
        next(said)
        while data:
            try:
                data = data[socket.send(data) :]
            except TimeoutError:
                return data
    raise AssertionError("never blocked")


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("take", "give_back"), TAKEN, ids=["stopped", "hanging"])
def test_what_is_answered_without_a_database(
    running: Telemetry, server: ExternalServer, take: Act, give_back: Act
) -> None:
    with running.node() as node:
        node.echo()
        with without(server, take, give_back):
            for path in (
                ("/nodes", "/reputation")
                if take is ExternalServer.freeze
                else (
                    "/nodes",
                    "/nodes/logs?peer_id=x",
                    "/nodes/log_stats?peer_id=x",
                    "/reputation",
                    "/stats/db",
                    "/benchmarks",
                )
            ):
                answer = timed(running, "GET", path)
                assert (answer.status_code, answer.json()) == (500, "Error while processing query"), path
            posted = timed(running, "POST", "/benchmarks", json={"setup": {}})
            assert posted.status_code == 500
            assert posted.json() == "Error while processing query" or posted.json().keys() == {"error"}
            for path in (
                "/metrics",
                "/health",
                "/stats/version",
                "/host_systems/example",
                "/reputation/mock/1",
            ):
                started = time.monotonic()
                assert running.http.get(path).status_code == 200
                assert time.monotonic() - started < 1
            started = time.monotonic()
            with pytest.raises(Refused) as refused:
                running.node()
            assert refused.value.status in {500, 503}
            assert refused.value.body
            assert time.monotonic() - started < 11
            assert (
                httpx.get(f"{running.platform.admin_url}/livez", timeout=5, trust_env=False).status_code
                == 200
            )
        wait_until(lambda: running.http.get("/nodes").status_code == 200)
        wait_until(lambda: can_connect(running))


def timed(telemetry: Telemetry, method: str, path: str, **body: object) -> httpx.Response:
    started = time.monotonic()
    answer = telemetry.http.request(method, path, **body)  # type: ignore[arg-type]
    assert time.monotonic() - started < ALIVE_WITHIN_S
    return answer


def can_connect(telemetry: Telemetry) -> bool:
    try:
        telemetry.node().abort()
    except Refused:
        return False
    return True


@pytest.mark.timeout(120)
def test_a_table_that_is_away_is_waited_for(running: Telemetry) -> None:
    """Whatever the database says that is not about a message's content: the receiver keeps what it has."""
    node = new_node()
    before = pids(running)
    sent = list(node.talk(50))
    # What an earlier test left may have to be tried again first: longer than an unanswered ping is borne.
    with running.node() as socket, answering(socket):
        socket.send(frames(sent[:10]))
        running.wait_stored(node.peer_id, 10)
        execute(running.platform.dsn or "", "ALTER TABLE telemetry.tetcore_logs RENAME TO away")
        try:
            warnings = len(running.events("messages wait for the database"))
            socket.send(frames(sent[10:]))
            wait_until(lambda: len(running.events("messages wait for the database")) > warnings)
        finally:
            execute(running.platform.dsn or "", "ALTER TABLE telemetry.away RENAME TO tetcore_logs")
        running.wait_stored(node.peer_id, 50)
    assert running.documents(node.peer_id) == sent
    assert pids(running) == before


# --- commits without an answer ---


@pytest.fixture(scope="module")
def proxy(server: ExternalServer) -> Iterator[CuttingProxy]:
    """A proxy whose event loop has a thread of its own."""
    loop = asyncio.new_event_loop()
    proxy = CuttingProxy(server.dsn)
    started, stop = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with proxy.running():
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="proxy")
    thread.start()
    started.wait()
    yield proxy
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("fault", [Fault.LOSE, Fault.LOSE_ANSWER])
def test_a_commit_of_unknown_outcome_stores_once(
    server: ExternalServer, proxy: CuttingProxy, fault: Fault
) -> None:
    with telemetry_running(proxy.dsn) as running:
        node = new_node()
        sent = list(node.talk(60))
        with running.node("/audit") as socket:
            for start in range(0, 60, 20):
                broken = proxy.broken
                proxy.arm(fault)
                socket.send(frames(sent[start : start + 20]))
                wait_until(lambda broken=broken: proxy.broken > broken)
                running.wait_stored(node.peer_id, start + 20)
        assert running.documents(node.peer_id) == sent
        stored = running.metrics()["telemetry_messages_stored_total"]
        assert stored == 60
        ids = [row["id"] for row in running.query("SELECT id FROM tetcore_logs ORDER BY id")]
        assert len(ids) == len(set(ids)) == 60
