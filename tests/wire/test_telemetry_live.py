"""The live view over its doors: named keys, event stream, feed of version 33, the past, series (spec part B)."""

import contextlib
import csv
import io
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests import plain_http
from tests.running_platform import free_port_offset
from tests.telemetry_service import Telemetry, frames, telemetry_running, wait_until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

GENESIS = "0x" + "ab" * 32
PARACHAIN = "0x" + "cd" * 32


@pytest.fixture(scope="module")
def telemetry() -> Iterator[Telemetry]:
    with telemetry_running(cache_update_interval_ms=100, expose_node_details=True) as running:
        yield running


def now() -> str:
    return datetime.now(UTC).isoformat()


def hello(name: str, genesis: str = GENESIS, chain: str = "Testnet", **more: Any) -> dict[str, Any]:
    known = {"name": name, "chain": chain, "genesis_hash": genesis, "network_id": f"12D3KooW{name}"}
    about = {"implementation": "Node", "version": "2.1.2-75dd6c7-x86_64-linux-gnu", "authority": False}
    return {"msg": "system.connected", "config": "", **about, **known, **more}


def block(height: int, byte: str = "11") -> dict[str, Any]:
    return {"msg": "block.import", "height": height, "best": "0x" + byte * 32, "origin": "Own"}


def flat(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, "ts": now()}


def envelope(node: int, message: dict[str, Any]) -> dict[str, Any]:
    return {"id": node, "ts": now(), "payload": message}


def chains(telemetry: Telemetry) -> dict[str, dict[str, Any]]:
    return {chain["genesis_hash"]: chain for chain in telemetry.get("/live/chains")}


def watch(telemetry: Telemetry, path: str) -> ClientConnection:
    url = f"ws://127.0.0.1:{telemetry.platform.telemetry_port}{path}"
    return connect(url, compression=None, proxy=None)


def actions(feed: ClientConnection) -> list[tuple[int, Any]]:
    """The actions of the next frame."""
    frame = feed.recv(timeout=10)
    assert isinstance(frame, bytes), "frames of this protocol are binary"
    flat_list = json.loads(frame)
    return list(zip(flat_list[::2], flat_list[1::2], strict=True))


def until(feed: ClientConnection, action: int) -> Any:
    """The payload of the next action of a kind."""
    while True:
        for number, payload in actions(feed):
            if number == action:
                return payload


def test_chains_and_nodes_of_one_socket(telemetry: Telemetry) -> None:
    with telemetry.node("/submit") as node:
        node.send(
            frames(
                [
                    envelope(1, hello("alpha")),
                    envelope(2, hello("beta", PARACHAIN, "Parachain")),
                    envelope(1, block(41)),
                    envelope(2, block(7)),
                    envelope(1, {"msg": "notify.finalized", "height": "39", "best": "0x" + "22" * 32}),
                    envelope(1, {"msg": "system.interval", "peers": 12, "txcount": 3}),
                    envelope(9, block(1_000_000)),
                ]
            )
        )
        wait_until(lambda: chains(telemetry).get(GENESIS, {}).get("finalized", {}).get("height") == 39)
        wait_until(lambda: telemetry.get(f"/live/chains/{GENESIS}/nodes")[0]["peers"] == 12)
        found = chains(telemetry)
        assert (found[GENESIS]["label"], found[GENESIS]["node_count"]) == ("Testnet", 1)
        assert found[GENESIS]["best"]["height"] == 41
        assert found[PARACHAIN]["best"]["height"] == 7
        (alpha,) = telemetry.get(f"/live/chains/{GENESIS.upper().replace('0X', '0x')}/nodes")
        assert (alpha["name"], alpha["version"], alpha["target_arch"]) == ("alpha", "2.1.2-75dd6c7", "x86_64")
        assert alpha["best"]["height"] == 41
        assert alpha["location"]["city"] == "Berlin"
        assert telemetry.get(f"/live/chains/{GENESIS}/nodes", name="BETA") == []
        assert telemetry.get(f"/live/chains/{GENESIS}/nodes", after=alpha["id"]) == []
        assert telemetry.get(f"/live/chains/{GENESIS}/nodes", stale="true") == []
        wait_until(lambda: telemetry.get(f"/live/chains/{GENESIS}/stats")["version"]["list"])
        assert telemetry.http.get("/live/chains/0x00/nodes").status_code == 404
    wait_until(lambda: GENESIS not in chains(telemetry))


@pytest.mark.parametrize("path", ["/live", "/feed", "/telemetry//live/"])
def test_feed_of_version_33(telemetry: Telemetry, path: str) -> None:
    genesis = "0x" + {"/live": "a1", "/feed": "a2"}.get(path, "a3") * 32
    with watch(telemetry, path) as feed, telemetry.node("/submit") as node:
        if "feed" not in path:
            assert actions(feed)[0] == (0, 33)
        feed.send("nonsense")
        feed.send(b"ping:here")
        assert until(feed, 15) == "here"
        node.send(frames([envelope(1, hello("gamma", genesis)), envelope(1, block(5))]))
        assert until(feed, 11) == ["Testnet", genesis, 1]
        feed.send(f"subscribe:{genesis}")
        assert until(feed, 13) == genesis
        node_id, details, *_ = until(feed, 3)
        assert details[0] == "gamma"
        time.sleep(1.1)  # an update follows at least a second after one within 100 ms
        node.send(frames([envelope(1, block(6, "33"))]))
        assert until(feed, 6)[:2] == [node_id, [6, "0x" + "33" * 32, *until_block(telemetry, genesis)]]
        node.close()
        assert until(feed, 12) == genesis


def until_block(telemetry: Telemetry, genesis: str) -> list[Any]:
    """Block time, timestamp and propagation as the named keys tell them."""
    (node,) = telemetry.get(f"/live/chains/{genesis}/nodes")
    best = node["best"]
    return [best["block_time"], best["timestamp"], best["propagation_time"]]


def test_event_stream(telemetry: Telemetry) -> None:
    genesis = "0x" + "b1" * 32
    with telemetry.node("/submit") as node:
        node.send(frames([flat(hello("delta", genesis))]))
        wait_until(lambda: genesis in chains(telemetry))
        with telemetry.http.stream("GET", "/live/stream", params={"chain": genesis}) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            events = _events(stream)
            assert next(events)[0] == "chain"
            name, data = next(events)
            assert (name, data["name"]) == ("node", "delta")
            node.send(frames([flat(block(3))]))
            told = [next(events) for _ in range(2)]
            assert {each[0] for each in told} == {"chain", "block"}
            node.close()
            assert next(each for each in events if each[0] == "node_removed")[1]["id"] == data["id"]


def _events(stream: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    name = ""
    for line in stream.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_a_moment_of_the_past(telemetry: Telemetry) -> None:
    genesis = "0x" + "c1" * 32
    before = now()
    with telemetry.node() as node:
        node.send(frames([flat(hello("past", genesis)), flat(block(10))]))
        wait_until(lambda: chains(telemetry).get(genesis, {}).get("best", {}).get("height") == 10)
        between = now()
        node.send(frames([flat(block(11))]))
        wait_until(lambda: chains(telemetry)[genesis]["best"]["height"] == 11)
        heights = _heights(telemetry, genesis, between), _heights(telemetry, genesis, now())
        assert heights == (10, 11)
        assert _heights(telemetry, genesis, before) is None
    wait_until(lambda: genesis not in chains(telemetry))
    wait_until(lambda: _heights(telemetry, genesis, now()) is None)
    assert _heights(telemetry, genesis, between) == 10


def _heights(telemetry: Telemetry, genesis: str, at: str) -> int | None:
    found = {each["genesis_hash"]: each for each in telemetry.get("/live/chains", at=at)}
    return found[genesis]["best"]["height"] if genesis in found else None


def test_series_and_tables(telemetry: Telemetry) -> None:
    begin = datetime(2021, 3, 1, 12, tzinfo=UTC)
    with telemetry.node() as node:
        said = [
            {"msg": "system.interval", "peers": value, "state": {"deep": str(value)},
             "ts": (begin + timedelta(seconds=second)).isoformat()}
            for second, value in ((0, 1), (10, 3), (59, 8), (60, 20), (200, "7"), (201, "x"), (202, None))
        ]  # fmt: skip
        node.send(frames([flat(hello("series"))]))
        node.send(frames(said))
        peer_id = "12D3KooWseries"
        telemetry.wait_stored(peer_id, 8)
    path = f"/nodes/{peer_id}/series"
    times = ["2021-03-01T12:00:00", "2021-03-01T12:01:00", "2021-03-01T12:03:00"]
    for how, first in (("mean", 4), ("min", 1), ("max", 8), ("p90", 8), ("nonsense", 4)):
        found = telemetry.get(path, field="peers", step=60, agg=how)
        assert found == [[times[0], first], [times[1], 20], [times[2], 7]], how
    assert telemetry.get(path, field="state.deep", limit=1) == [[times[0], 4]]
    assert telemetry.get(path, field="peers", start_time=times[1]) == [[times[2], 7]]
    assert telemetry.get(path) == telemetry.get(path, field="'; DROP") == []
    answer = telemetry.http.get("/nodes/logs", params={"peer_id": peer_id}, headers={"accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 8
    assert json.loads(rows[-1]["logs"])["peers"] == 1
    assert "series" in telemetry.http.get("/nodes", headers={"accept": "text/csv"}).text


def test_limits_of_the_open_internet() -> None:
    settings = {"node_data_per_second_max": 2000, "node_block_s": 600, "stale_node_timeout_s": 1}
    with telemetry_running(denylist="Secret", third_party_nodes_max=1, **settings) as telemetry:
        with watch(telemetry, "/submit") as idle, watch(telemetry, "/submit") as other:
            for socket, name, chain in ((idle, "one", "Testnet"), (other, "two", "Secret")):
                socket.send(json.dumps(flat(hello(name, GENESIS, chain))))
            wait_until(lambda: GENESIS in chains(telemetry))
            assert chains(telemetry)[GENESIS]["node_count"] == 1
            with pytest.raises(ConnectionClosed) as closed:
                idle.recv(timeout=10)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1000
            wait_until(lambda: GENESIS not in chains(telemetry))
            other.send(json.dumps(flat({"msg": "fat", "text": "x" * 30_000})))
            with contextlib.suppress(ConnectionClosed):
                other.recv(timeout=10)
            assert other.close_code == 1008
        with pytest.raises(InvalidStatus) as refused:
            watch(telemetry, "/submit")
        assert refused.value.response.status_code == 403
        assert refused.value.response.body == b"Too much traffic\n"
        assert watch_feed_works(telemetry)


def watch_feed_works(telemetry: Telemetry) -> bool:
    """Readers from that address are not nodes."""
    with watch(telemetry, "/live") as feed:
        return actions(feed)[0] == (0, 33)


def test_the_port_of_the_core() -> None:
    """Front ends and exporters of substrate-telemetry find `/feed` on a port of its own."""
    port = 1 + free_port_offset()
    with telemetry_running(live_port=port) as telemetry:
        url = f"ws://127.0.0.1:{port}/feed"
        with connect(url, compression=None, proxy=None) as feed:
            assert actions(feed)[0] == (0, 33)
        assert plain_http.get(f"http://127.0.0.1:{port}/health").text == "OK"
        assert telemetry.http.get("/health").text == "OK"


def test_the_ledger_reports_itself() -> None:
    """`lamina up` shows life at once: its own services are nodes (issue 4, 6)."""
    with telemetry_running(services="ledger,telemetry") as telemetry:
        wait_until(lambda: chains(telemetry))
        (chain,) = telemetry.get("/live/chains")
        assert (chain["label"], chain["best"]["height"]) == ("Lamina ledger", 1)
        (node,) = telemetry.get(f"/live/chains/{chain['genesis_hash']}/nodes")
        assert node["implementation"] == "Lamina ledger"
        wait_until(lambda: telemetry.stats(node["network_id"]).get("system.interval", 0) > 1)
