"""Chains and nodes as B.2 of the specification has them, rule by rule."""

from hashlib import blake2b
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
    kinds,
)

from lamina.services.telemetry.live.limits import LiveLimits
from lamina.services.telemetry.live.view import LiveView


@pytest.fixture
def view() -> LiveView:
    return LiveView(LiveLimits())


def join(view: LiveView, *names: str, now_ms: int = T0) -> None:
    for name in names:
        hear(view, now_ms, name, connected(name))


def test_a_node_joins_with_system_connected(view: LiveView) -> None:
    assert kinds(hear(view, T0, 1, connected())) == ["NodeAdded", "ChainCounted"]
    node = view.chains[GENESIS].nodes[0]
    assert (node.details.name, node.details.chain, node.joined_ms) == ("alice", "Development", T0)


def test_a_node_that_has_not_joined_does_not_matter(view: LiveView) -> None:
    assert not hear(view, T0, 1, block(5))
    hear(view, T0, 1, connected())
    assert not hear(view, T0, 1, block(5, telemetry_id=7))
    assert not hear(view, T0, 2, block(5))
    assert view.chains[GENESIS].best.height == 0


@pytest.mark.parametrize("absent", ["chain", "name", "implementation", "version", "network_id"])
def test_it_does_not_join_without(view: LiveView, absent: str) -> None:
    document = connected()
    del document[absent]
    assert not hear(view, T0, 1, document)
    assert not view.chains


@pytest.mark.parametrize(
    "wrong",
    [
        {"network_id": "x" * 65},
        {"name": 5},
        {"genesis_hash": "0x12"},
        {"genesis_hash": "zz" + "a" * 64},
        {"genesis_hash": [1] * 31},
        {"genesis_hash": [256] * 32},
        {"genesis_hash": 7},
    ],
)
def test_it_does_not_join_with(view: LiveView, wrong: dict[str, Any]) -> None:
    assert not hear(view, T0, 1, connected(**wrong))


def test_a_network_id_has_up_to_64_characters(view: LiveView) -> None:
    assert hear(view, T0, 1, connected(network_id="x" * 64))


def test_the_genesis_hash_may_come_as_bytes_or_in_upper_case(view: LiveView) -> None:
    hear(view, T0, 1, connected(genesis_hash=[0xAA] * 32))
    hear(view, T0, 2, connected(genesis_hash="0x" + "AA" * 32))
    assert list(view.chains) == [GENESIS]


def test_without_a_genesis_hash_the_chain_is_known_by_its_name(view: LiveView) -> None:
    document = connected()
    del document["genesis_hash"]
    hear(view, T0, 1, document)
    assert list(view.chains) == ["0x" + blake2b(b"Development", digest_size=32).hexdigest()]


def test_a_second_connected_of_a_joined_id_is_ignored(view: LiveView) -> None:
    hear(view, T0, 1, connected("alice"))
    assert not hear(view, T0, 1, connected("mallory", genesis_hash=OTHER_GENESIS))
    assert list(view.chains) == [GENESIS]


def test_one_connection_carries_several_nodes_and_takes_them_along(view: LiveView) -> None:
    hear(view, T0, "c", connected("relay", telemetry_id=1))
    hear(view, T0, "c", connected("para", telemetry_id=2, genesis_hash=OTHER_GENESIS))
    hear(view, T0, "c", block(9, telemetry_id=2))
    assert (view.chains[GENESIS].best.height, view.chains[OTHER_GENESIS].best.height) == (0, 9)
    assert kinds(view.leave("c")) == ["NodeRemoved", "ChainRemoved"] * 2
    assert not view.chains
    assert not view.leave("c")


def test_flat_messages_are_those_of_id_0(view: LiveView) -> None:
    hear(view, T0, "c", connected("flat"))
    hear(view, T0, "c", block(3, telemetry_id=0))
    assert view.chains[GENESIS].best.height == 3


@pytest.mark.parametrize("envelope_id", [True, -1, 2**64, 1.0, "1", [], {}])
def test_an_id_that_is_no_number_names_no_node(view: LiveView, envelope_id: object) -> None:
    hear(view, T0, "c", connected("a", telemetry_id=1))
    assert not view.hear(T0, "c", envelope_id, None, block(3))
    assert not view.hear(T0, "c", envelope_id, None, connected("b"))
    assert len(view.chains[GENESIS].nodes) == 1


def test_the_smallest_free_id_is_used_again(view: LiveView) -> None:
    join(view, "a", "b", "c", "d")
    view.leave("c")
    view.leave("a")
    join(view, "e", "f", "g")
    names = {node_id: node.details.name for node_id, node in view.chains[GENESIS].nodes.items()}
    assert names == {0: "e", 1: "b", 2: "f", 3: "d", 4: "g"}


def test_the_label_is_the_most_frequent_name_and_a_tie_keeps_it(view: LiveView) -> None:
    chain = lambda: view.chains[GENESIS]  # noqa: E731
    hear(view, T0, 1, connected(chain="old"))
    hear(view, T0, 2, connected(chain="new"))
    assert chain().label == "old"
    renamed = hear(view, T0, 3, connected(chain="new"))[-1]
    assert (chain().label, renamed.is_renamed, renamed.label, renamed.node_count) == ("new", True, "new", 3)
    view.leave(2)
    assert chain().label == "new"
    back = view.leave(3)[-1]
    assert (chain().label, back.is_renamed) == ("old", True)


def test_a_higher_block_is_the_chains_best_and_its_time_the_time_since_the_last(view: LiveView) -> None:
    join(view, "a")
    chain = view.chains[GENESIS]
    hear(view, T0 + 1000, "a", block(10))
    assert (chain.best.height, chain.timestamp_ms, chain.average_block_time_ms) == (10, T0 + 1000, None)
    hear(view, T0 + 7000, "a", block(11))
    hear(view, T0 + 12_000, "a", interval(height=12, best=block_hash(12)))
    assert (chain.best.height, chain.best.hash, chain.timestamp_ms) == (12, block_hash(12), T0 + 12_000)
    assert chain.average_block_time_ms == 5500
    assert not hear(view, T0 + 13_000, "a", block(12))
    assert not hear(view, T0 + 13_000, "a", block(4))


def test_propagation_is_how_much_later_the_chains_best_came(view: LiveView) -> None:
    join(view, "a", "b", "c")
    nodes = view.chains[GENESIS].nodes
    hear(view, T0 + 1000, "a", block(10))
    hear(view, T0 + 1250, "b", block(10))
    hear(view, T0 + 1300, "c", block(9))
    assert [nodes[i].propagation_ms for i in range(3)] == [0, 250, None]
    assert [nodes[i].block_time_ms for i in range(3)] == [1000, 1250, 1300]
    hear(view, T0 + 1400, "c", block(10))
    assert (nodes[2].propagation_ms, nodes[2].block_time_ms, nodes[2].block_timestamp_ms) == (
        400,
        100,
        T0 + 1400,
    )


def test_a_syncing_node_is_told_about_once_a_second(view: LiveView) -> None:
    join(view, "a", "b")
    hear(view, T0 + 1000, "a", block(1_000_000))
    times_ms = [1000, 1100, 1200, 2000, 2099, 2100, 2300, 3100, 3201]
    told = [
        time_ms
        for height, time_ms in enumerate(times_ms, start=1)
        if hear(view, T0 + time_ms, "b", block(height))
    ]
    # 1100: block time 100, so silence until 2100; 2100: block time 1, until 3100; 3100: 800, no silence.
    assert told == [1000, 1100, 2100, 3100, 3201]
    assert view.chains[GENESIS].nodes[1].best.height == len(times_ms)


def test_finalized_is_the_highest_per_node_and_of_all(view: LiveView) -> None:
    join(view, "a", "b")
    chain = view.chains[GENESIS]
    assert kinds(hear(view, T0, "a", finalized(7))) == ["BlockFinalized", "BestFinalizedChanged"]
    assert kinds(hear(view, T0, "b", interval(finalized_height=5, finalized_hash=block_hash(5)))) == [
        "BlockFinalized"
    ]
    assert not hear(view, T0, "a", finalized(7))
    assert not hear(view, T0, "a", finalized(6))
    assert (chain.finalized.height, chain.nodes[0].finalized.height, chain.nodes[1].finalized.height) == (
        7,
        7,
        5,
    )


@pytest.mark.parametrize("height", ["-1", "", "x", "1" * 21, "1" * 5000, "٣", " 1", None, [], 2**64, 1.5])
def test_a_finalized_height_that_is_none_is_ignored(view: LiveView, height: object) -> None:
    join(view, "a")
    assert not hear(view, T0, "a", {"msg": "notify.finalized", "height": height, "best": block_hash(1)})


def test_a_chain_that_stands_still_leaves_its_stale_nodes_behind(view: LiveView) -> None:
    join(view, "gone", "slow")
    chain = view.chains[GENESIS]
    hear(view, T0 + 1000, "gone", block(100))
    hear(view, T0 + 1000, "gone", finalized(90))
    hear(view, T0 + 7000, "gone", block(101))
    hear(view, T0 + 60_000, "slow", block(50))
    hear(view, T0 + 60_000, "slow", finalized(40))
    assert kinds(hear(view, T0 + 127_000, "slow", block(51))) == [
        "BlockImported"
    ]  # not older than two minutes
    changes = hear(view, T0 + 127_001, "slow", block(51))
    assert kinds(changes) == ["NodeStale", "BestBlockChanged", "BestFinalizedChanged"]
    assert (changes[1].height, changes[1].timestamp_ms, changes[1].average_block_time_ms) == (
        51,
        T0 + 127_000,
        None,
    )
    assert [node.is_stale for node in chain.nodes.values()] == [True, False]
    assert (chain.best.height, chain.finalized.height, chain.average_block_time_ms) == (51, 40, None)
    back = hear(view, T0 + 130_000, "gone", block(102))
    assert kinds(back) == ["BestBlockChanged", "BlockImported", "NodeRevived", "BestFinalizedChanged"]
    assert (chain.best.height, chain.finalized.height, chain.average_block_time_ms) == (102, 90, 3000)
    assert not chain.nodes[0].is_stale


def test_a_node_is_stale_after_more_than_two_minutes(view: LiveView) -> None:
    join(view, "first", "second")
    hear(view, T0, "first", block(100))
    hear(view, T0 + 1000, "second", block(50))
    hear(view, T0 + 121_000, "second", block(50))
    assert [node.is_stale for node in view.chains[GENESIS].nodes.values()] == [True, False]


def test_the_best_of_those_left_counts_from_where_it_came_first(view: LiveView) -> None:
    join(view, "gone", "late", "early")
    hear(view, T0, "gone", block(100))
    hear(view, T0 + 50_000, "early", block(50))
    hear(view, T0 + 60_000, "late", block(50))
    hear(view, T0 + 121_000, "late", block(50))
    chain = view.chains[GENESIS]
    assert (chain.best.height, chain.timestamp_ms) == (50, T0 + 50_000)


def test_when_all_are_stale_the_chain_has_no_best_until_a_block_comes(view: LiveView) -> None:
    join(view, "a")
    chain = view.chains[GENESIS]
    hear(view, T0, "a", block(10))
    hear(view, T0, "a", finalized(8))
    hear(view, T0 + 200_000, "a", interval(height=10, best=block_hash(10)))
    assert (chain.best.height, chain.best.hash, chain.timestamp_ms) == (0, NO_HASH, None)
    assert not hear(view, T0 + 210_000, "a", block(10))
    hear(view, T0 + 220_000, "a", block(11))
    assert (chain.best.height, chain.finalized.height, chain.timestamp_ms) == (11, 8, T0 + 220_000)


def test_counts_change_as_far_as_they_are_given(view: LiveView) -> None:
    join(view, "a")
    node = view.chains[GENESIS].nodes[0]
    assert kinds(hear(view, T0, "a", interval(peers=48))) == ["CountsChanged"]
    assert kinds(hear(view, T0, "a", interval(txcount=3))) == ["CountsChanged"]
    assert not hear(view, T0, "a", interval(peers=48, txcount=3))
    assert not hear(view, T0, "a", interval(peers=-1, txcount="4"))
    assert (node.peers, node.txcount) == (48, 3)


def test_bandwidth_and_state_cache_are_mean_lists(view: LiveView) -> None:
    join(view, "a")
    node = view.chains[GENESIS].nodes[0]
    both = interval(bandwidth_upload=10, bandwidth_download=20.5)
    assert kinds(hear(view, T0 + 5000, "a", both)) == ["BandwidthChanged"]
    assert kinds(hear(view, T0 + 5001, "a", interval(used_state_cache_size=7))) == ["StateCacheChanged"]
    assert (node.upload.means, node.download.means, node.stamps.means) == ([10], [20.5], [T0 + 5000])
    assert node.state_cache.means == [7]


def test_the_validators_address_is_that_of_the_authority_set(view: LiveView) -> None:
    join(view, "a")
    message = {"msg": "afg.authority_set", "authority_id": "5w2B", "authorities": "[]"}
    assert kinds(hear(view, T0, "a", message)) == ["DetailsChanged"]
    assert not hear(view, T0, "a", message)
    assert not hear(view, T0, "a", {"msg": "afg.authority_set", "authority_id": 5})
    assert view.chains[GENESIS].nodes[0].details.validator == "5w2B"


def test_old_versions_are_split_and_newer_targets_are_believed(view: LiveView) -> None:
    hear(view, T0, 1, connected(version="2.1.2-6d2e3c3-x86_64-linux-gnu"))
    hear(view, T0, 2, connected(version="2.1.2-a-b-c", target_os="linux"))
    old, new = (node.details for node in view.chains[GENESIS].nodes.values())
    assert (old.version, old.target_arch, old.target_os, old.target_env) == (
        "2.1.2-6d2e3c3",
        "x86_64",
        "linux",
        "gnu",
    )
    assert (new.version, new.target_arch, new.target_os, new.target_env) == (
        "2.1.2-a-b-c",
        None,
        "linux",
        None,
    )


@pytest.mark.parametrize(
    ("given", "read"),
    [("1614576443919", 1614576443919), (5, 5), ("soon", None), (-5, None), (None, None), ("9" * 20, None)],
)
def test_startup_time_is_a_number_as_text(view: LiveView, given: object, read: int | None) -> None:
    hear(view, T0, 1, connected(startup_time=given))
    assert view.chains[GENESIS].nodes[0].details.startup_time == read


def test_long_texts_are_cut_and_broken_ones_mended(view: LiveView) -> None:
    hear(view, T0, 1, connected("é" * 1000, implementation="\ud800x", network_id="Qm"))
    details = view.chains[GENESIS].nodes[0].details
    assert (details.name, details.implementation) == ("é" * 256, "?x")


def test_a_node_is_where_its_address_is() -> None:
    asked: list[str] = []

    def locate(host: str) -> tuple[float, float, str] | None:
        asked.append(host)
        return (48.1, 11.5, "Munich") if host == "203.0.113.7" else None

    view = LiveView(LiveLimits(), locate)
    for number, ip in enumerate(["203.0.113.7:51234", "127.0.0.1:1", "[2001:db8::1]:4", "2001:db8::1", None]):
        hear(view, T0, number, connected(), ip)
    nodes = view.chains[GENESIS].nodes
    assert nodes[0].location == (48.1, 11.5, "Munich")
    assert nodes[1].location == (52.516666, 13.4, "Berlin")
    assert [nodes[i].location for i in (2, 3, 4)] == [None] * 3
    assert asked == ["203.0.113.7", "2001:db8::1", "2001:db8::1"]
    assert [node.details.ip for node in nodes.values()][2:] == ["2001:db8::1", "2001:db8::1", None]


def test_time_that_goes_back_counts_as_none(view: LiveView) -> None:
    join(view, "a", "b")
    hear(view, T0, "a", block(1))
    hear(view, T0 - 5000, "a", block(2))
    hear(view, T0 - 9000, "b", block(2))
    chain = view.chains[GENESIS]
    assert chain.average_block_time_ms == 0
    assert (chain.nodes[0].block_time_ms, chain.nodes[1].propagation_ms) == (0, 0)
