"""Objects with named keys, and events of them."""

import json
from typing import Any

import orjson
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

from lamina.services.telemetry.live.limits import LiveLimits
from lamina.services.telemetry.live.objects import LiveEvent, chain_objects, events, node_objects
from lamina.services.telemetry.live.view import LiveView


@pytest.fixture
def view() -> LiveView:
    return LiveView(LiveLimits())


def told(view: LiveView, now_ms: int, connection: Any, document: dict[str, Any]) -> list[LiveEvent]:
    return events(view, hear(view, now_ms, connection, document))


def plain(value: object) -> Any:
    return json.loads(orjson.dumps(value))


def test_chains(view: LiveView) -> None:
    hear(view, T0, 1, connected(genesis_hash=OTHER_GENESIS, chain="Other"))
    for number in (2, 3):
        hear(view, T0, number, connected())
    hear(view, T0 + 1000, 2, block(10))
    hear(view, T0 + 7000, 2, block(11))
    hear(view, T0 + 7000, 2, finalized(9))
    assert plain(chain_objects(view)) == [
        {
            "genesis_hash": GENESIS,
            "label": "Development",
            "node_count": 2,
            "best": {"height": 11, "hash": block_hash(11), "timestamp": T0 + 7000},
            "finalized": {"height": 9, "hash": block_hash(9)},
            "average_block_time": 6000,
        },
        {
            "genesis_hash": OTHER_GENESIS,
            "label": "Other",
            "node_count": 1,
            "best": {"height": 0, "hash": NO_HASH, "timestamp": None},
            "finalized": {"height": 0, "hash": NO_HASH},
            "average_block_time": None,
        },
    ]


NODE = {
    "id": 0,
    "name": "alice",
    "implementation": "Node",
    "version": "2.1.2",
    "validator": "5w2B",
    "network_id": "12D3KooWalice",
    "peers": 4,
    "txcount": 0,
    "best": {
        "height": 5,
        "hash": block_hash(5),
        "block_time": 1000,
        "timestamp": T0 + 1000,
        "propagation_time": 0,
    },
    "finalized": {"height": 3, "hash": block_hash(3)},
    "upload": [1.5],
    "download": [2],
    "bandwidth_timestamps": [T0 + 1000],
    "state_cache": [],
    "location": {"latitude": 52.516666, "longitude": 13.4, "city": "Berlin"},
    "startup_time": 1614576443919,
    "target_os": "linux",
    "target_arch": "x86_64",
    "target_env": None,
    "ip": None,
    "sysinfo": {
        "cpu": "x",
        "memory": None,
        "core_count": None,
        "linux_kernel": None,
        "linux_distro": None,
        "is_virtual_machine": None,
    },
    "hwbench": None,
    "stale": False,
    "connected_since": T0,
}
SCORES = {"cpu_hashrate_score": 1, "memory_memcpy_score": 2}


def fill(view: LiveView) -> None:
    document = connected(
        validator="5w2B",
        startup_time="1614576443919",
        target_os="linux",
        target_arch="x86_64",
        sysinfo={"cpu": "x"},
    )
    hear(view, T0, 1, document, "127.0.0.1:80")
    hear(
        view,
        T0 + 1000,
        1,
        interval(
            height=5,
            best=block_hash(5),
            finalized_height=3,
            finalized_hash=block_hash(3),
            peers=4,
            bandwidth_upload=1.5,
            bandwidth_download=2,
        ),
    )
    hear(view, T0 + 1000, 1, {"msg": "sysinfo.hwbench", **SCORES})


def test_a_node(view: LiveView) -> None:
    fill(view)
    assert plain(node_objects(view, view.chains[GENESIS])) == [NODE]


def test_a_node_exposed() -> None:
    view = LiveView(LiveLimits(expose_node_details=True))
    fill(view)
    (node,) = plain(node_objects(view, view.chains[GENESIS]))
    assert node["ip"] == "127.0.0.1"
    assert node["hwbench"] == SCORES | {
        "disk_sequential_write_score": None,
        "disk_random_write_score": None,
        "parallel_cpu_hashrate_score": None,
        "parallel_cpu_cores": None,
    }


def test_nodes_are_chosen_and_paged_by_id(view: LiveView) -> None:
    for number, name in enumerate(["Alpha-1", "beta", "alpha-2", "ALPHA-3"]):
        hear(view, T0, number, connected(name))
    view.leave(0)
    hear(view, T0, 9, connected("alpha-0"))
    chain = view.chains[GENESIS]

    def ids(**choice: Any) -> list[int]:
        return [node["id"] for node in node_objects(view, chain, **choice)]

    assert ids() == [0, 1, 2, 3]
    assert ids(name="alpha") == [0, 2, 3]
    assert ids(name="Alpha", limit=2) == [0, 2]
    assert ids(name="alpha", after=2) == [3]
    assert ids(stale=True) == []
    hear(view, T0 + 1000, 1, block(5))
    hear(view, T0 + 200_000, 2, block(5))
    assert (ids(stale=True), ids(stale=False)) == ([0, 1, 3], [2])


def test_events_of_a_node_and_its_chain(view: LiveView) -> None:
    joined, chain = told(view, T0, 1, connected())
    assert (joined.name, joined.genesis_hash, joined.data["id"]) == ("node", GENESIS, 0)
    assert joined.data["genesis_hash"] == GENESIS
    assert (chain.name, chain.data["node_count"]) == ("chain", 1)
    chain, imported = told(view, T0 + 1000, 1, block(5))
    assert (chain.name, chain.data["best"]["height"]) == ("chain", 5)
    assert imported == LiveEvent(
        "block",
        GENESIS,
        {
            "genesis_hash": GENESIS,
            "id": 0,
            "height": 5,
            "hash": block_hash(5),
            "block_time": 1000,
            "timestamp": T0 + 1000,
            "propagation_time": 0,
        },
    )
    of_node, chain = told(view, T0 + 2000, 1, finalized(3))
    assert of_node == LiveEvent(
        "finalized", GENESIS, {"genesis_hash": GENESIS, "id": 0, "height": 3, "hash": block_hash(3)}
    )
    assert chain.data["finalized"] == {"height": 3, "hash": block_hash(3)}
    assert not events(view, view.tick(T0))


def test_what_changed_in_several_ways_is_told_once(view: LiveView) -> None:
    hear(view, T0, 1, connected())
    found = told(view, T0, 1, interval(peers=3, bandwidth_upload=1, used_state_cache_size=2))
    assert [event.name for event in found] == ["node"]


def test_a_benchmark_is_told_only_where_it_is_shown(view: LiveView) -> None:
    hear(view, T0, 1, connected())
    assert not told(view, T0, 1, {"msg": "sysinfo.hwbench", **SCORES})


def test_events_of_nodes_going_stale_and_coming_back(view: LiveView) -> None:
    for number in (1, 2):
        hear(view, T0, number, connected())
    hear(view, T0 + 1000, 1, block(5))
    stale = told(view, T0 + 200_000, 2, block(5))
    assert [(e.data["id"], e.data["stale"]) for e in stale if e.name == "node"] == [(0, True), (1, False)]
    back = told(view, T0 + 201_000, 1, block(6))
    assert [(e.data["id"], e.data["stale"]) for e in back if e.name == "node"] == [(0, False)]


def test_events_of_leaving(view: LiveView) -> None:
    for number in (1, 2):
        hear(view, T0, number, connected())
    removed, chain = events(view, view.leave(1))
    assert removed == LiveEvent("node_removed", GENESIS, {"genesis_hash": GENESIS, "id": 0})
    assert (chain.name, chain.data["node_count"]) == ("chain", 1)
    removed, chain = events(view, view.leave(2))
    assert chain.data == {
        "genesis_hash": GENESIS,
        "label": "Development",
        "node_count": 0,
        "best": None,
        "finalized": None,
        "average_block_time": None,
    }
