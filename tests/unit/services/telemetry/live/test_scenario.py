"""The shared sample: two nodes over one connection, as their messages are stored."""

import json
from typing import Any

from tests.shared_data import shared_records

from lamina.services.telemetry.live.feed import Feed
from lamina.services.telemetry.live.feed_client import FeedClient
from lamina.services.telemetry.live.limits import LiveLimits
from lamina.services.telemetry.live.objects import chain_objects, node_objects
from lamina.services.telemetry.live.view import LiveView

RELAY = "0xee65f53e9421ce50211670eae679f02e8d28a79023c39c200661fccd268a29a0"
PARACHAIN = "0x241593e4e58a3ad0fc262b85da6de181e346f06c5fe5f63b5d720f4b279bde0e"


def stored(record: dict[str, Any]) -> dict[str, Any]:
    """An envelope as intake stores it."""
    return {**record["payload"], "ts": record["ts"], "telemetry_id": record["id"]}


def replay() -> tuple[LiveView, list[Any]]:
    """The sample in its order, a second for a line: its own times are of clocks all over the world."""
    view = LiveView(LiveLimits())
    feed = Feed(view, "0")
    client = FeedClient(feed)
    for line, record in enumerate(shared_records("telemetry", "v2_envelope.jsonl")):
        now_ms = 1000 * line
        changes = view.hear(now_ms, "c", record["id"], "198.51.100.1:40000", stored(record))
        client.take(feed.update(changes))
        client.take(feed.update(view.tick(now_ms)))
        if client.chain is None:
            client.command(now_ms, f"subscribe:{RELAY}")
    return view, [json.loads(frame) for frame in client.drain()]


def test_both_nodes_are_shown_in_their_chains() -> None:
    view, _ = replay()
    relay, parachain = chain_objects(view)
    assert (relay["genesis_hash"], relay["label"], relay["node_count"]) == (RELAY, "Tetcoin Testnet", 1)
    assert (parachain["genesis_hash"], parachain["label"]) == (PARACHAIN, "Parachain Dev")
    assert (relay["best"]["height"], relay["finalized"]["height"]) == (475360, 475357)
    assert (parachain["best"]["height"], parachain["finalized"]["height"]) == (475367, 0)
    (node,) = node_objects(view, view.chains[RELAY])
    assert (node["name"], node["version"], node["target_arch"]) == ("alpha-5", "2.1.2-6d2e3c3", "x86_64")
    assert node["validator"] == "5w2Bb8k5JP2qcL5ZW1yE5Q1raHtGspYSLtbujrtr7XSvnTHz"
    assert (node["peers"], node["txcount"], node["upload"], node["download"]) == (48, 7, [28239], [41561])
    (second,) = node_objects(view, view.chains[PARACHAIN])
    assert (second["target_env"], second["sysinfo"].cpu) == ("gnu", "AMD EPYC 7B13")
    assert view.chains[PARACHAIN].nodes[0].benchmark is not None


def test_a_subscriber_sees_it_come() -> None:
    view, frames = replay()
    told = [(frame[i], frame[i + 1]) for frame in frames for i in range(0, len(frame), 2)]
    heights = [payload[0] for action, payload in told if action == 1]
    assert heights == [0, *range(475354, 475361)]
    assert [payload[1] for action, payload in told if action == 7] == [0, 475351, 475357]
    assert [payload[0] for action, payload in told if action == 11] == ["Tetcoin Testnet", "Parachain Dev"]
    assert view.chains[RELAY].average_block_time_ms == 1166


def test_the_same_messages_give_the_same_state() -> None:
    (first, told_first), (second, told_second) = replay(), replay()
    assert chain_objects(first) == chain_objects(second)
    assert told_first == told_second
