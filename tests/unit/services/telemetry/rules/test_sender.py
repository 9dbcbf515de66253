"""spec/telemetry.md 3.6: what a message tells of the node that sent it."""

import json
from typing import Any

import pytest

from lamina.services.telemetry.model.identity import Identity
from lamina.services.telemetry.rules import document, sender
from lamina.services.telemetry.rules.sender import PEER_ID_CHARACTERS_MAX

NOBODY = Identity()
HELLO = {
    "msg": "system.connected", "network_id": "Qm1", "name": "Alice", "chain": "Dev", "version": "2.0",
    "implementation": "Node", "authority": True, "startup_time": "1581699577396",
}  # fmt: skip
ALICE = Identity("Qm1", "Alice", "Dev", "2.0", True, 1581699577396, "Node")


def learn(known: Identity, message: dict[str, Any]) -> Identity:
    payload = json.dumps({**message, "ts": "2021-03-01T12:00:00Z"}).encode()
    return sender.learn(known, document.read(payload))


def test_a_greeting() -> None:
    assert learn(NOBODY, HELLO) == ALICE


def test_what_newer_nodes_say_more() -> None:
    more = {"genesis_hash": "0x12", "target_os": "linux", "target_arch": "x86_64", "target_env": "gnu"}
    learned = learn(NOBODY, {**HELLO, **more, "sysinfo": {"cpu": "Ryzen", "memory": 2**34}})
    assert (learned.genesis_hash, learned.target_os, learned.target_arch, learned.target_env) == tuple(
        more.values()
    )
    assert json.loads(learned.sysinfo or "") == {"cpu": "Ryzen", "memory": 2**34}


@pytest.mark.parametrize("name", ["name", "chain", "version", "implementation", "authority", "startup_time"])
@pytest.mark.parametrize("value", [None, 5.5, ["x"], {"a": 1}])
def test_a_field_of_the_wrong_type_changes_nothing(name: str, value: object) -> None:
    learned = learn(ALICE, {**HELLO, name: value})
    assert learned == ALICE
    assert getattr(learn(NOBODY, {**HELLO, name: value}), name) is None


def test_a_missing_network_id_leaves_the_rest() -> None:
    learned = learn(NOBODY, {**HELLO, "network_id": None})
    assert (learned.peer_id, learned.name) == (None, "Alice")
    assert learn(learned, {"msg": "system.interval", "network_state": {"peerId": "Qm2"}}).peer_id == "Qm2"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("0", 0), ("1581699577396", 1581699577396), (1581699577396, 1581699577396), ("9223372036854775807", 2**63 - 1),
        (2**63 - 1, 2**63 - 1), ("9223372036854775808", None), (2**63, None), (-1, None), ("-1", None), ("", None),
        ("soon", None), ("1e3", None), (" 1", None), ("٣", None), ("9" * 5000, None), (True, None), (1.0, None),
    ],
)  # fmt: skip
def test_startup_times(value: object, expected: int | None) -> None:
    assert learn(NOBODY, {**HELLO, "startup_time": value}).startup_time == expected


@pytest.mark.parametrize(
    ("message", "peer_id"),
    [
        ({"msg": "system.network_state", "state": {"peerId": "Qm2"}}, "Qm2"),
        ({"msg": "system.interval", "network_state": {"peerId": "Qm3"}}, "Qm3"),
        ({"state": {"peerId": "Qm2"}, "network_state": {"peerId": "Qm3"}}, "Qm2"),
        ({"state": {"peerId": 5}, "network_state": {"peerId": "Qm3"}}, "Qm3"),
        ({"state": "peerId", "network_state": ["peerId"]}, None),
        ({"peerId": "Qm4"}, None),
        ({"state": {"peerId": "Q" * (PEER_ID_CHARACTERS_MAX + 1)}}, None),
        ({"state": {"peerId": "Q" * PEER_ID_CHARACTERS_MAX}}, "Q" * PEER_ID_CHARACTERS_MAX),
    ],
)
def test_older_places_of_the_peer_id(message: dict[str, Any], peer_id: str | None) -> None:
    assert learn(NOBODY, message).peer_id == peer_id
    assert learn(ALICE, message) is ALICE


def test_the_same_node_refreshes_what_is_known() -> None:
    known = Identity("Qm1")
    assert learn(known, HELLO) == ALICE
    assert learn(ALICE, {**HELLO, "name": "Bob", "version": "3.0"}).name == "Bob"
    assert learn(ALICE, {"msg": "system.connected", "name": "Bob"}).peer_id == "Qm1"


def test_another_node_under_the_same_id_inherits_nothing() -> None:
    assert learn(ALICE, {"msg": "system.connected", "network_id": "Qm9"}) == Identity("Qm9")


def test_a_long_network_id_names_nobody() -> None:
    assert learn(NOBODY, {**HELLO, "network_id": "Q" * 257}).peer_id is None


def test_numbers_beyond_a_double_do_not_matter() -> None:
    said = document.read(
        b'{"msg":"system.connected","network_id":"Qm1","a":1e999,"ts":"2021-03-01T12:00:00Z"}'
    )
    assert sender.learn(NOBODY, said).peer_id in {None, "Qm1"}


def test_an_ordinary_message_says_nothing() -> None:
    assert learn(NOBODY, {"msg": "block.import", "height": 1}) is NOBODY
