"""`/feed` as dashboards use it (spec/telemetry.md 7): history, increments, sums, errors, and what is let go."""

import contextlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.telemetry_service import Telemetry, connected, frames, telemetry_running, wait_until
from tests.websocket_frames import CLOSE, PING, TEXT
from websockets.sync.client import ClientConnection, connect

PROFILING = "tracing.profiling"


@pytest.fixture(scope="module")
def telemetry() -> Iterator[Telemetry]:
    with telemetry_running(cache_expiry_s=3600, cache_update_interval_ms=200, workers=2) as running:
        yield running


def open_feed(telemetry: Telemetry, path: str = "/feed") -> ClientConnection:
    url = f"ws://127.0.0.1:{telemetry.platform.telemetry_port}{path}"
    return connect(url, compression=None, proxy=None)


def at(seconds: float) -> str:
    """A node's time, so many seconds from now."""
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def ago(seconds: float) -> str:
    """A reader's time, zone-less UTC."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()


def profile(time: object, ts: str, **more: Any) -> dict[str, Any]:
    span = {"target": "pallet", "name": "execute", "time": time, "line": 7, "level": "INFO", "id": 3}
    return {"msg": PROFILING, **span, "ts": ts, **more}


def subscribe(peer_id: str, since: str, msg: str = PROFILING, **more: Any) -> str:
    command = {"peer_id": peer_id, "msg": msg, "interest": "subscribe", "start_time": since, **more}
    return json.dumps(command)


def receive(feed: ClientConnection, count: int) -> list[dict[str, Any]]:
    """So many elements, over however many updates they come."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        update = json.loads(feed.recv(timeout=10))
        assert update["data"], "only non-empty arrays are sent"
        found += update["data"]
    return found


def silent(feed: ClientConnection, seconds: float = 0.5) -> bool:
    with contextlib.suppress(TimeoutError):
        feed.recv(timeout=seconds)
        return False
    return True


def test_history_then_increments(telemetry: Telemetry) -> None:
    with telemetry.node() as node, open_feed(telemetry) as feed:
        node.send(frames([connected("QmHistory"), profile("5", at(-90)), profile("6", at(-30), values="v")]))
        telemetry.wait_stored("QmHistory", 3)
        feed.send(subscribe("QmHistory", ago(60)))
        update = json.loads(feed.recv(timeout=10))
        assert update["peer_message"] == {"peer_id": "QmHistory", "msg": PROFILING}
        (first,) = update["data"]
        assert first.pop("created_at")
        assert first == {"target": "pallet", "name": "execute", "time": "6", "values": "v"}
        node.send(frames([profile("7", at(0)), {"msg": "block.import", "ts": at(0)}, profile("8", at(0))]))
        assert [each["time"] for each in receive(feed, 2)] == ["7", "8"]
        assert silent(feed)


def test_what_another_receiver_stores_and_what_comes_late(telemetry: Telemetry) -> None:
    """Two receivers: some of these sockets are held by the one that does not hold the feed."""
    with open_feed(telemetry) as feed, contextlib.ExitStack() as stack:
        feed.send(subscribe("QmShared", ago(3000)))
        nodes = [stack.enter_context(telemetry.node()) for _ in range(8)]
        for number, node in enumerate(nodes):
            node.send(frames([connected("QmShared"), profile(number, at(-number))]))
        assert sorted(each["time"] for each in receive(feed, 8)) == list(range(8))
        nodes[0].send(frames([profile(99, at(-2000))]))
        assert [each["time"] for each in receive(feed, 1)] == [99]


def test_a_second_subscription_changes_only_the_sums(telemetry: Telemetry) -> None:
    with telemetry.node() as node, open_feed(telemetry) as feed:
        node.send(
            frames([connected("QmAgain"), profile(4, at(-40)), profile(9, at(-39)), profile(1, at(-5))])
        )
        telemetry.wait_stored("QmAgain", 4)
        feed.send(subscribe("QmAgain", ago(60)))
        assert [each["time"] for each in receive(feed, 3)] == [4, 9, 1]
        feed.send(subscribe("QmAgain", ago(3000)))
        assert silent(feed)
        feed.send(
            subscribe("QmAgain", ago(60), aggregate_type="MAX", aggregate_interval=10, aggregate_key="time")
        )
        (summed,) = receive(feed, 1)
        assert (summed["time"], summed["target"], summed["name"], summed["values"]) == (
            9,
            "pallet",
            "execute",
            "",
        )
        feed.send(
            json.dumps({"peer_id": "QmAgain", "msg": PROFILING, "interest": "unsubscribe", "start_time": ""})
        )
        node.send(frames([profile(2, at(0)), profile(3, at(20))]))
        telemetry.wait_stored("QmAgain", 6)
        assert silent(feed)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("mean", 5), ("median", 6), ("min", 1), ("max", 9), ("percentile90", 9)],
)
def test_sums(telemetry: Telemetry, kind: str, expected: int) -> None:
    peer_id = f"QmSums-{kind}"
    times = [1, 9, "6", 2, 8]
    other = [profile(7, at(-30), name="other"), profile("x", at(-30)), profile(None, at(-30))]
    with telemetry.node() as node, open_feed(telemetry) as feed:
        said = [profile(each, at(-30 + number / 100)) for number, each in enumerate(times)]
        node.send(frames([connected(peer_id), *said, *other, profile(0, at(-1))]))
        telemetry.wait_stored(peer_id, 10)
        feed.send(subscribe(peer_id, ago(60), aggregate_type=kind, aggregate_interval=5))
        summed = {each["name"]: each["time"] for each in receive(feed, 2)}
        assert summed == {"execute": expected, "other": 7}


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ({}, "`peer_id` not found"),
        ({"peer_id": 5}, "`peer_id` not found"),
        ({"peer_id": "a"}, "`msg` not found"),
        ({"peer_id": "a", "msg": "b"}, "`interest` not found"),
        ({"peer_id": "a", "msg": "b", "interest": "x"}, "`interest` must be either `subscribe` or `unsubscribe`"),
        ({"peer_id": "a", "msg": "b", "interest": "subscribe"}, "`start_time` not found"),
        (
            {"peer_id": "a", "msg": "b", "interest": "subscribe", "start_time": "soon"},
            "unable to parse `start_time`",
        ),
        (
            {"peer_id": "a", "msg": "b", "interest": "subscribe", "start_time": "2020-01-01T00:00:00",
             "aggregate_type": "mode", "aggregate_interval": 5},
            "Unable to parse AggregateType",
        ),
        (
            {"peer_id": "a", "msg": "b", "interest": "subscribe", "start_time": "2020-01-01T00:00:00",
             "aggregate_type": "mean", "aggregate_interval": -5},
            "Unable to parse `aggregate_type` or `aggregate_interval`",
        ),
    ],
)  # fmt: skip
def test_errors_are_answered_and_the_connection_stays(
    telemetry: Telemetry, command: dict[str, Any], text: str
) -> None:
    with open_feed(telemetry) as feed:
        for ignored in ("no json", "[1]", "5", b'{"peer_id": 1}'):
            feed.send(ignored)
        feed.send(json.dumps(command))
        assert json.loads(feed.recv(timeout=5)) == {"error": text}
        feed.send(json.dumps(command))
        assert json.loads(feed.recv(timeout=5)) == {"error": text}


def test_quotes_in_names_are_data(telemetry: Telemetry) -> None:
    hostile = """Qm'"]}--; DROP TABLE telemetry.stream"""
    with telemetry.node() as node, open_feed(telemetry) as feed:
        node.send(frames([connected(hostile), profile(1, at(-1))]))
        telemetry.wait_stored(hostile, 2)
        feed.send(subscribe(hostile, ago(60)))
        assert [each["time"] for each in receive(feed, 1)] == [1]


def test_a_reader_that_does_not_keep_up_is_let_go(telemetry: Telemetry) -> None:
    with telemetry.node() as node, telemetry.node("/feed") as feed:
        node.send(frames([connected("QmFast")]))
        telemetry.wait_stored("QmFast", 1)
        feed.say(subscribe("QmFast", ago(60), msg="fat").encode(), TEXT)
        ended = telemetry.metrics()["feeds_disconnected"]
        fat = {"msg": "fat", "text": "x" * 400_000}
        for _ in range(150):
            node.send(frames([{**fat, "ts": at(0)}]))
        telemetry.wait_stored("QmFast", 151)
        wait_until(lambda: telemetry.metrics()["feeds_disconnected"] > ended)
        while (answer := feed.read_frame())[0] != CLOSE:
            assert answer[0] in {TEXT, PING}
        assert int.from_bytes(answer[1][:2]) == 1008


def test_gauges_follow(telemetry: Telemetry) -> None:
    before = telemetry.metrics()
    with open_feed(telemetry) as feed:
        feed.ping().wait(5)
        during = telemetry.metrics()
        assert during["feeds_connected"] == before["feeds_connected"] + 1
        assert during["current_feed_connections"] == during["feeds_connected"] - during["feeds_disconnected"]
