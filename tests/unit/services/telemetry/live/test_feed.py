"""Protocol version 33, array by array."""

import json
from typing import Any

import pytest
from tests.live_documents import (
    GENESIS,
    NO_HASH,
    OTHER_GENESIS,
    T0,
    block,
    block_hash,
    connected,
    finalized,
    hear,
    interval,
)

from lamina.services.telemetry.live.feed import Feed, FeedUpdate, frame
from lamina.services.telemetry.live.feed_client import FeedClient
from lamina.services.telemetry.live.limits import LiveLimits
from lamina.services.telemetry.live.view import LiveView

SYSTEM = {
    "cpu": "AMD EPYC 7B13",
    "memory": 67390574592,
    "core_count": 8,
    "linux_kernel": "5.10.0-8-amd64",
    "linux_distro": "Debian GNU/Linux 11 (bullseye)",
    "is_virtual_machine": True,
}
BENCHMARK = {
    "cpu_hashrate_score": 1267,
    "memory_memcpy_score": 16321,
    "disk_sequential_write_score": 578,
    "disk_random_write_score": None,
    "parallel_cpu_hashrate_score": 5185,
    "parallel_cpu_cores": 8,
}
EMPTY = {"list": [], "other": 0, "unknown": 0}


class Told:
    """A view and what its feed tells of it."""

    def __init__(self, limits: LiveLimits | None = None) -> None:
        self.view = LiveView(limits or LiveLimits())
        self.feed = Feed(self.view, "abc123")

    def hear(
        self, now_ms: int, connection: Any, document: dict[str, Any], ip: str | None = None
    ) -> list[Any]:
        """What subscribers of the first chain get."""
        return decoded(self.update(now_ms, connection, document, ip).for_chain.get(GENESIS, b""))

    def update(
        self, now_ms: int, connection: Any, document: dict[str, Any], ip: str | None = None
    ) -> FeedUpdate:
        return self.feed.update(hear(self.view, now_ms, connection, document, ip))

    def subscriber(self, genesis: str = GENESIS, now_ms: int = T0) -> FeedClient:
        client = FeedClient(self.feed)
        client.command(now_ms, f"subscribe:{genesis}")
        client.drain()
        return client


def decoded(part: bytes) -> list[Any]:
    return json.loads(frame([part]))


def frames(client: FeedClient) -> list[Any]:
    return [json.loads(one) for one in client.drain()]


@pytest.fixture
def told() -> Told:
    return Told()


def added(node_id: int, name: str = "alice", joined_ms: int = T0) -> list[Any]:
    return [
        node_id,
        [name, "Node", "2.1.2", None, f"12D3KooW{name}", None, None, None, None, None, None],
        [0, 0],
        [[]],
        [[], [], []],
        [0, NO_HASH, 0, joined_ms, None],
        None,
        None,
    ]


def test_a_node_that_joins(told: Told) -> None:
    document = connected(
        version="2.1.2-6d2e3c3-x86_64-linux-gnu",
        validator="5w2B",
        startup_time="1614576443919",
        sysinfo=SYSTEM,
    )
    update = told.update(T0, 1, document, "127.0.0.1:5000")
    assert decoded(update.for_all) == [11, ["Development", GENESIS, 1]]
    assert decoded(update.for_chain[GENESIS]) == [
        3,
        [
            0,
            [
                "alice",
                "Node",
                "2.1.2-6d2e3c3",
                "5w2B",
                "12D3KooWalice",
                "linux",
                "x86_64",
                "gnu",
                None,
                SYSTEM,
                None,
            ],
            [0, 0],
            [[]],
            [[], [], []],
            [0, NO_HASH, 0, T0, None],
            [52.516666, 13.4, "Berlin"],
            1614576443919,
        ],
        5,
        [0, 52.516666, 13.4, "Berlin"],
    ]


def test_a_node_that_leaves(told: Told) -> None:
    for name in ("a", "b"):
        told.hear(T0, name, connected(name))
    update = told.feed.update(told.view.leave("a"))
    assert decoded(update.for_all) == [11, ["Development", GENESIS, 1]]
    assert decoded(update.for_chain[GENESIS]) == [4, 0]
    update = told.feed.update(told.view.leave("b"))
    assert decoded(update.for_all) == [12, GENESIS]
    assert decoded(update.for_chain[GENESIS]) == [4, 1]


def test_a_chain_renamed_is_removed_and_added(told: Told) -> None:
    for name, chain in (("a", "Old"), ("b", "New")):
        told.hear(T0, name, connected(name, chain=chain))
    update = told.update(T0, "c", connected("c", chain="New"))
    assert decoded(update.for_all) == [12, GENESIS, 11, ["New", GENESIS, 3]]


def test_blocks(told: Told) -> None:
    told.hear(T0, "a", connected("a"))
    told.hear(T0, "b", connected("b"))
    assert told.hear(T0 + 1000, "a", block(10)) == [
        1,
        [10, T0 + 1000, None],
        6,
        [0, [10, block_hash(10), 1000, T0 + 1000, 0]],
    ]
    assert told.hear(T0 + 1250, "b", block(10)) == [6, [1, [10, block_hash(10), 1250, T0 + 1250, 250]]]
    assert told.hear(T0 + 7000, "b", block(11)) == [
        1,
        [11, T0 + 7000, 6000],
        6,
        [1, [11, block_hash(11), 5750, T0 + 7000, 0]],
    ]
    assert told.hear(T0 + 7000, "a", block(9)) == []
    assert told.hear(T0 + 8000, "a", finalized(8)) == [7, [0, 8, block_hash(8)], 2, [8, block_hash(8)]]
    assert told.hear(T0 + 8000, "b", finalized(8)) == [7, [1, 8, block_hash(8)]]


def test_a_block_behind_the_best_has_no_propagation_time(told: Told) -> None:
    told.hear(T0, "a", connected("a"))
    told.hear(T0, "b", connected("b"))
    told.hear(T0 + 1000, "a", block(10))
    assert told.hear(T0 + 1500, "b", block(9)) == [6, [1, [9, block_hash(9), 1500, T0 + 1500, None]]]


def test_an_interval(told: Told) -> None:
    told.hear(T0, 1, connected())
    whole = interval(
        height=5,
        best=block_hash(5),
        finalized_height=3,
        finalized_hash=block_hash(3),
        peers=48,
        txcount=7,
        bandwidth_upload=28239,
        bandwidth_download=41561,
        used_state_cache_size=5485488,
    )
    assert told.hear(T0 + 5000, 1, whole) == [
        1,
        [5, T0 + 5000, None],
        6,
        [0, [5, block_hash(5), 5000, T0 + 5000, 0]],
        9,
        [0, [[28239], [41561], [T0 + 5000]]],
        8,
        [0, [48, 7]],
        21,
        [0, [[5485488]]],
        7,
        [0, 3, block_hash(3)],
        2,
        [3, block_hash(3)],
    ]


def test_stale_nodes(told: Told) -> None:
    for name in ("a", "b"):
        told.hear(T0, name, connected(name))
    told.hear(T0 + 1000, "a", block(10))
    told.hear(T0 + 100_000, "b", block(4))
    told.hear(T0 + 100_000, "b", finalized(2))
    assert told.hear(T0 + 130_000, "b", block(5)) == [
        20,
        0,
        1,
        [4, T0 + 100_000, None],
        2,
        [2, block_hash(2)],
        1,
        [5, T0 + 130_000, 30_000],
        6,
        [1, [5, block_hash(5), 30_000, T0 + 130_000, 0]],
    ]


def test_a_validator_and_a_benchmark(told: Told) -> None:
    told.hear(T0, 1, connected())
    node = added(0)
    node[1][3] = "5w2B"
    assert told.hear(T0, 1, {"msg": "afg.authority_set", "authority_id": "5w2B"}) == [3, node]
    assert told.hear(T0, 1, {"msg": "sysinfo.hwbench", **BENCHMARK}) == []


def test_details_are_exposed_where_that_is_wanted() -> None:
    told = Told(LiveLimits(expose_node_details=True))
    node = added(0)
    node[1][8] = "203.0.113.7"
    assert told.hear(T0, 1, connected(), "203.0.113.7:51234") == [3, node]
    node[1][10] = BENCHMARK
    assert told.hear(T0, 1, {"msg": "sysinfo.hwbench", **BENCHMARK}) == [3, node]


def test_statistics(told: Told) -> None:
    told.hear(T0, 1, connected(sysinfo={**SYSTEM}))
    update = told.feed.update(told.view.tick(T0))
    action, statistics = decoded(update.for_chain[GENESIS])
    assert (action, update.for_all) == (22, b"")
    assert statistics["version"] == {"list": [["2.1.2", 1]], "other": 0, "unknown": 0}
    assert statistics["memory"] == {"list": [[[64, 128], 1]], "other": 0, "unknown": 0}
    assert statistics["is_virtual_machine"] == {"list": [[True, 1]], "other": 0, "unknown": 0}
    assert statistics["cpu_hashrate_score"] == {"list": [], "other": 0, "unknown": 1}


def test_what_concerns_sockets_is_not_told() -> None:
    told = Told(LiveLimits(denylist=frozenset({"Development"})))
    assert told.update(T0, 1, connected()) == FeedUpdate(b"", {})


def test_the_greeting(told: Told) -> None:
    assert frames(FeedClient(told.feed)) == [[0, 33, 23, {"git_hash": "abc123"}]]
    told.hear(T0, 1, connected())
    told.hear(T0, 2, connected(genesis_hash=OTHER_GENESIS, chain="Other"))
    assert frames(FeedClient(told.feed)) == [
        [
            0,
            33,
            23,
            {"git_hash": "abc123"},
            11,
            ["Development", GENESIS, 1],
            11,
            ["Other", OTHER_GENESIS, 1],
        ]
    ]


def test_subscribing_shows_the_chain_as_it_is(told: Told) -> None:
    told.hear(T0, "a", connected("a"))
    told.hear(T0, "b", connected("b"))
    told.hear(T0 + 1000, "a", block(10))
    told.hear(T0 + 130_000, "b", block(7))
    told.hear(T0 + 130_000, "b", finalized(5))
    client = FeedClient(told.feed)
    client.drain()
    client.command(T0 + 131_000, f"subscribe:{GENESIS}")
    head, nodes = frames(client)
    statistics = head.pop()
    assert head == [
        13,
        GENESIS,
        10,
        T0 + 131_000,
        1,
        [7, T0 + 130_000, None],
        2,
        [5, block_hash(5)],
        22,
    ]
    assert statistics["version"] == EMPTY
    stale, live = added(0, "a"), added(1, "b")
    stale[5] = [10, block_hash(10), 1000, T0 + 1000, 0]
    live[5] = [7, block_hash(7), 130_000, T0 + 130_000, 0]
    assert nodes == [3, stale, 7, [0, 0, NO_HASH], 20, 0, 3, live, 7, [1, 5, block_hash(5)]]


def test_a_chain_without_a_block_has_height_0(told: Told) -> None:
    told.hear(T0, "a", connected("a"))
    client = FeedClient(told.feed)
    client.command(T0, f"subscribe:{GENESIS}")
    assert frames(client)[1][:8] == [13, GENESIS, 10, T0, 1, [0, 0, None], 2, [0, NO_HASH]]


def test_nodes_come_in_frames_of_64_by_id(told: Told) -> None:
    for number in range(130):
        told.hear(T0, number, connected(f"n{number}"))
    told.view.leave(3)
    told.hear(T0, "late", connected("late"))
    client = FeedClient(told.feed)
    client.command(T0, f"subscribe:{GENESIS}")
    _greeting, _head, *nodes = frames(client)
    ids = [[payload[0] for action, payload in pairs(one) if action == 3] for one in nodes]
    assert ids == [list(range(64)), list(range(64, 128)), [128, 129]]


def pairs(one: list[Any]) -> list[tuple[int, Any]]:
    return list(zip(one[::2], one[1::2], strict=True))


def test_another_subscription_ends_the_first(told: Told) -> None:
    told.hear(T0, 1, connected())
    told.hear(T0, 2, connected(genesis_hash=OTHER_GENESIS))
    client = told.subscriber()
    client.command(T0, f"subscribe:{OTHER_GENESIS}")
    assert frames(client)[0][:4] == [14, GENESIS, 13, OTHER_GENESIS]
    client.take(told.update(T0 + 1000, 1, block(1)))
    assert frames(client) == []
    client.take(told.update(T0 + 1000, 2, block(1)))
    assert len(frames(client)) == 1


def test_an_unknown_chain_ends_the_subscription_in_silence(told: Told) -> None:
    told.hear(T0, 1, connected())
    client = told.subscriber()
    client.command(T0, f"subscribe:{OTHER_GENESIS}")
    client.take(told.update(T0 + 1000, 1, block(1)))
    assert (client.chain, frames(client)) == (None, [])
    client.command(T0, f"subscribe:{GENESIS}")
    assert frames(client)[0][:2] == [13, GENESIS]


def test_leaving_a_chain_that_is_gone_is_not_told(told: Told) -> None:
    told.hear(T0, 1, connected())
    told.hear(T0, 2, connected(genesis_hash=OTHER_GENESIS))
    client = told.subscriber()
    told.view.leave(1)
    client.command(T0, f"subscribe:{OTHER_GENESIS}")
    assert frames(client)[0][:2] == [13, OTHER_GENESIS]


def test_a_hash_in_upper_case_is_the_same(told: Told) -> None:
    told.hear(T0, 1, connected())
    assert told.subscriber("0x" + "AA" * 32).chain == GENESIS


@pytest.mark.parametrize(
    ("message", "pong"),
    [("ping:7", "7"), (b"ping:7", "7"), ("ping:", ""), ('ping:a:b"\u00e9', 'a:b"\u00e9')],
)
def test_a_ping_is_answered(told: Told, message: str | bytes, pong: str) -> None:
    client = told.subscriber()
    client.command(T0, message)
    assert frames(client) == [[15, pong]]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "ping",
        "pong:1",
        "subscribe",
        "subscribe:",
        "subscribe:Development",
        "subscribe:0x12",
        "PING:1",
        "send-finality:1",
        b"\xff:1",
        "ping:\ud800",
        '{"peer_id":"x"}',
    ],
)
def test_other_commands_are_ignored(told: Told, message: str | bytes) -> None:
    told.hear(T0, 1, connected())
    client = told.subscriber()
    client.command(T0, message)
    assert (frames(client), client.chain) == ([], GENESIS)


def test_what_waits_goes_in_one_frame_but_not_over_a_snapshot(told: Told) -> None:
    told.hear(T0, 1, connected())
    client = told.subscriber()
    client.take(told.update(T0 + 1000, 1, block(1)))
    client.take(told.update(T0 + 2000, 2, connected("bob")))
    client.command(T0, "ping:x")
    client.take(told.update(T0 + 3000, 2, block(1)))
    assert client.queued_bytes > 0
    first, pong, last = frames(client)
    assert [action for action, _ in pairs(first)] == [1, 6, 3, 11]
    assert pong == [15, "x"]
    assert [action for action, _ in pairs(last)] == [6]
    assert (client.queued_bytes, frames(client)) == (0, [])


def test_who_subscribed_to_nothing_hears_of_chains_only(told: Told) -> None:
    client = FeedClient(told.feed)
    client.drain()
    client.take(told.update(T0, 1, connected()))
    client.take(told.update(T0 + 1000, 1, block(1)))
    assert frames(client) == [[11, ["Development", GENESIS, 1]]]
