"""Receivers that are stopped, killed, or many; batches of any size; purges under load."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from tests.postgres_server import execute
from tests.running_platform import RunningPlatform, open_directory
from tests.telemetry_load import Load, check_totals, new_node, talk_all
from tests.telemetry_messages import Node, Payload
from tests.telemetry_service import Telemetry, connected, frames, telemetry_running, wait_until
from tests.websocket_frames import WebSocket

GOING_AWAY = 1001
PER_SECOND = 2000
SOAK_MESSAGES, SOAK_SOCKETS = 500_000, 200


def receiver_pid(telemetry: Telemetry) -> int:
    (process,) = telemetry.platform.status()["processes"]
    return process["pid"]


# --- stopping and killing ---


def test_a_stop_says_goodbye_and_stores_what_waits(postgres: str) -> None:
    with telemetry_running(postgres, batch_latency_ms=60_000, batch_messages_max=100_000) as running:
        nodes = [new_node(number % 2 or None) for number in range(6)]
        sockets = [running.node(("/", "/audit")[number % 2]) for number in range(6)]
        for node, socket in zip(nodes, sockets, strict=True):
            socket.send(frames(node.talk(200)))
            socket.echo()
        assert running.query("SELECT count(*) AS count FROM tetcore_logs")[0]["count"] == 0
        started = time.monotonic()
        with ThreadPoolExecutor(1) as thread:
            stopping = thread.submit(running.platform.stop)
            assert [socket.close_code() for socket in sockets] == [GOING_AWAY] * 6
            assert all(socket.is_ended() for socket in sockets)
            assert stopping.result() == 0
        assert time.monotonic() - started < 10
        for socket in sockets:
            socket.abort()
        running.platform.start()
        for node in nodes:
            running.wait_stored(node.peer_id, 200)
        assert (
            running.query("SELECT count(*) AS count FROM peer_connections WHERE closed_at IS NULL")[0][
                "count"
            ]
            == 0
        )


def test_a_kill_loses_no_more_than_the_batch_that_waits_and_says_how_much(postgres: str) -> None:
    with telemetry_running(postgres, batch_latency_ms=100) as running:
        node = new_node()
        before = receiver_pid(running)
        with running.node() as socket, ThreadPoolExecutor(1) as thread:
            talking = thread.submit(talk_until_cut, socket, node)
            wait_until(lambda: sum(running.stats(node.peer_id).values()) > 300)
            os.kill(before, signal.SIGKILL)
            sent = talking.result()
        wait_until(lambda: running.platform.status()["processes"][0]["pid"] != before)
        running.platform.wait_ready()
        metrics = running.metrics()
        stored = sum(running.stats(node.peer_id).values())
        assert running.documents(node.peer_id) == sent[:stored], (
            "what is stored is the begin, whole and in order"
        )
        lost = metrics["tetcore_message_count"] - stored
        # A batch that was committed may not have been counted any more; no other difference is possible.
        uncounted = stored - metrics["telemetry_messages_stored_total"]
        assert 0 <= uncounted <= 1024
        assert 0 <= lost <= PER_SECOND * 0.5, (
            "at most what came in while one batch filled and one was written"
        )
        load = Load(running, 2)
        with load.running():
            time.sleep(0.5)
        load.check()


def talk_until_cut(socket: WebSocket, node: Node) -> list[Payload]:
    """Say about `PER_SECOND` messages a second until the connection breaks; returns all that may have arrived."""
    sent = [node.hello()]
    try:
        socket.send(frames(sent))
        while True:
            some = [node.message("block.import") for _ in range(PER_SECOND // 100)]
            sent += some
            socket.send(frames(some))
            time.sleep(0.01)
    except OSError:
        return sent


# --- batches ---

LOT_BATCHES = 4  # so many that wait are written together


@pytest.mark.parametrize("settings", [
    {"batch_messages_max": 1, "batch_latency_ms": 0}, {"batch_messages_max": 100_000, "batch_latency_ms": 300},
    {"batch_bytes_max": 1, "batch_latency_ms": 60_000}, {"batch_messages_max": 7, "batch_latency_ms": 60_000, "sync_commit": "false"},
], ids=["one", "100 000", "one byte", "seven"])  # fmt: skip
def test_batches_of_any_size_keep_the_order(postgres: str, settings: dict[str, object]) -> None:
    with telemetry_running(postgres, **settings) as running:
        node = new_node()
        sent = list(node.talk(700))
        running.send(sent)
        running.wait_stored(node.peer_id, 700)
        rows = running.query("SELECT logs->>'ts' AS ts FROM tetcore_logs ORDER BY id")
        assert [row["ts"] for row in rows] == [message["ts"] for message in sent]
        metrics = running.metrics()
        batches = metrics["telemetry_batch_rows_count"]
        assert metrics["telemetry_batch_rows_sum"] == 700
        largest = settings.get("batch_messages_max", 1)
        assert batches >= 700 / LOT_BATCHES / int(str(largest)) if largest != 100_000 else batches < 50


def test_a_lonely_message_waits_no_longer_than_the_latency(telemetry: Telemetry) -> None:
    node = new_node()
    with telemetry.node() as socket:
        socket.echo()
        started = time.monotonic()
        socket.send(frames([node.hello()]))
        telemetry.wait_stored(node.peer_id, 1)
        assert time.monotonic() - started < 2


# --- purge ---


@pytest.fixture(scope="module")
def purging(postgres: str) -> Iterator[Telemetry]:
    with telemetry_running(postgres, log_expiry_h=0, purge_interval_s=1, client_timeout_s=60) as running:
        yield running


def test_a_purge_of_everything_spares_the_audit_and_live_connections(purging: Telemetry) -> None:
    node, audit, silent = new_node(), new_node(), new_node()
    with purging.node() as open_one, purging.node("/audit") as open_audit, purging.node() as nameless:
        open_one.send(frames(node.talk(100)))
        open_audit.send(frames(audit.talk(100)))
        purging.wait_stored(audit.peer_id, 100)
        wait_until(lambda: purging.stats(node.peer_id) == {})
        rounds = len(purging.events("purged"))
        for number in range(3):
            open_one.send(frames([node.message("block.import")]))
            wait_until(lambda rounds=rounds: len(purging.events("purged")) > rounds)
            rounds = len(purging.events("purged"))
            assert purging.nodes()[node.peer_id]["ip_addr"] == open_one.address, number
        for socket in (open_one, open_audit, nameless):
            socket.echo()
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        nameless.send(frames([connected(silent.peer_id, later)]))
        purging.wait_stored(silent.peer_id, 1)
        assert purging.nodes()[silent.peer_id]["ip_addr"] == nameless.address
    assert sum(purging.stats(audit.peer_id).values()) == 100
    assert purging.metrics()["telemetry_purged_rows_total"] > 0


def test_a_load_under_purges_stores_all_of_its_audit(purging: Telemetry) -> None:
    before = receiver_pid(purging)
    load = Load(purging, 4)
    with load.running():
        time.sleep(3.5)
    for node in load.nodes[1::2]:
        purging.wait_stored(node.peer_id, load.said[node.peer_id])
    assert receiver_pid(purging) == before
    wait_until(lambda: all(purging.stats(node.peer_id) == {} for node in load.nodes[::2]))
    assert purging.metrics()["telemetry_messages_stored_total"] >= load.said.total()


def test_a_purge_that_fails_ends_nothing(purging: Telemetry) -> None:
    before = receiver_pid(purging)
    text = "purge failed; the next one tries again"
    failures = len(purging.events(text))
    execute(purging.platform.dsn or "", "ALTER TABLE telemetry.batches RENAME COLUMN stored_at TO away")
    try:
        wait_until(lambda: len(purging.events(text)) > failures + 1)
    finally:
        execute(purging.platform.dsn or "", "ALTER TABLE telemetry.batches RENAME COLUMN away TO stored_at")
    node = new_node()
    purging.send(node.talk(20), "/audit")
    purging.wait_stored(node.peer_id, 20)
    assert receiver_pid(purging) == before


# --- several receivers ---


@pytest.fixture(scope="module")
def pair(postgres: str) -> Iterator[list[Telemetry]]:
    """Two platforms, one of them with two receivers, on one database."""
    with telemetry_running(postgres, workers=2) as first, open_directory() as directory:
        platform = RunningPlatform(directory / "data", args=("--services", "telemetry"))
        platform.dsn = first.platform.dsn
        second = Telemetry(platform)
        platform.start()
        yield [first, second]
        assert platform.stop() == 0
        second.http.close()


def test_receivers_on_one_database(pair: list[Telemetry]) -> None:
    said = talk_all(pair, 40, 250)
    for telemetry in pair:
        check_totals(telemetry, said)
    stored = [telemetry.metrics()["telemetry_messages_stored_total"] for telemetry in pair]
    assert sum(stored) == 10_000
    assert min(stored) > 0
    positions = pair[0].query("SELECT position, first_id, last_id FROM telemetry.batches ORDER BY position")
    assert [row["position"] for row in positions] == list(range(1, len(positions) + 1))
    assert sum(row["last_id"] - row["first_id"] + 1 for row in positions) == 10_000
    assert {
        row["count"] for row in pair[0].query("SELECT count(*) AS count FROM tetcore_logs GROUP BY id")
    } == {1}


def test_a_benchmark_posted_to_one_is_read_from_the_other(pair: list[Telemetry]) -> None:
    made = pair[0].http.post("/benchmarks", json={"setup": {"a": 1}}).json()
    assert pair[1].get("/benchmarks")[0] == made


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_half_a_million_messages_on_two_hundred_sockets(pair: list[Telemetry]) -> None:
    said = talk_all(pair, SOAK_SOCKETS, SOAK_MESSAGES // SOAK_SOCKETS)
    for telemetry in pair:
        check_totals(telemetry, said)
    assert sum(said.values()) == SOAK_MESSAGES
