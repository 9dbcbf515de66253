"""Every kind of message, in every kind of frame, on every path: stored once, equal, under the right peer."""

import contextlib
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.shared_data import shared_records
from tests.telemetry_messages import CONNECTED, TYPES, Node, Payload, peer_id, stored
from tests.telemetry_service import Telemetry, connected, packed, telemetry_running, wait_until
from tests.websocket_frames import BINARY, CONTINUATION, PING, PONG, TEXT, WebSocket, frame

PATHS = (
    "/",
    "/audit",
    "//audit/",
    "/submit",
    "/submit/",
    "/telemetry",
    "/telemetry/audit/",
    "/telemetry//submit",
)
WAYS = list(itertools.product(PATHS, (TEXT, BINARY)))
_seeds = itertools.count(random.SystemRandom().randrange(2**40))


def new_peer() -> str:
    """A peer that no other test knows."""
    return peer_id(random.Random(next(_seeds)))


def sorted_by_text(documents: list[Payload]) -> list[str]:
    return sorted(json.dumps(document, sort_keys=True) for document in documents)


# --- our own vectors ---


@pytest.mark.parametrize(("path", "opcode"), WAYS)
@pytest.mark.parametrize("envelope", [None, 1], ids=["flat", "envelope"])
def test_every_type_on_every_path(telemetry: Telemetry, path: str, opcode: int, envelope: int | None) -> None:
    node = Node(next(_seeds), envelope)
    sent = list(node.talk(2 * len(TYPES)))
    telemetry.send(sent, path, opcode)
    counted = telemetry.wait_stored(node.peer_id, len(sent))
    assert counted == Counter(stored(message)["msg"] for message in sent)
    rows = telemetry.logs(node.peer_id)
    assert [row["logs"] for row in rows] == [stored(message) for message in sent]
    assert {row["peer_id"] for row in rows} == {node.peer_id}
    assert [row["msg"] for row in rows] == [stored(message)["msg"] for message in sent]
    info = telemetry.nodes()[node.peer_id]
    assert info["audit"] is ("audit" in path)
    assert (info["name"], info["chain"], info["authority"]) == (node.name, "Development", True)
    assert info["startup_time"] == 1614600000123
    assert info["ip_addr"] == rows[0]["ip_addr"]
    assert info["ip_addr"].startswith("127.0.0.1:")


def test_the_address_is_that_of_the_socket(telemetry: Telemetry) -> None:
    peer = new_peer()
    with telemetry.node("/", "X-Forwarded-For: 203.0.113.7", "Forwarded: for=203.0.113.8") as node:
        node.say(packed(connected(peer)))
        telemetry.wait_stored(peer, 1)
        assert telemetry.nodes()[peer]["ip_addr"] == node.address


def test_flat_and_envelope_mixed_on_one_socket(telemetry: Telemetry) -> None:
    flat, first, second = Node(next(_seeds)), Node(next(_seeds), 1), Node(next(_seeds), 4)
    talks = [list(node.talk(40)) for node in (flat, first, second)]
    telemetry.send(message for together in zip(*talks, strict=True) for message in together)
    for node, talk in zip((flat, first, second), talks, strict=True):
        telemetry.wait_stored(node.peer_id, 40)
        assert telemetry.documents(node.peer_id) == [stored(message) for message in talk]


def test_a_newline_and_spaces_around(telemetry: Telemetry) -> None:
    peer = new_peer()
    message = connected(peer)
    with telemetry.node() as node:
        node.say(packed(message) + b"\n")
        node.say(b" \r\n\t" + json.dumps(message, indent=2).encode() + b"\r\n", TEXT)
        telemetry.wait_stored(peer, 2)
    assert telemetry.documents(peer) == [message, message]


# --- the shared vectors ---


@pytest.mark.parametrize(("path", "opcode"), WAYS[:6])
@pytest.mark.parametrize("file", ["real_flat.jsonl", "v2_envelope.jsonl"])
def test_shared_messages(telemetry: Telemetry, file: str, path: str, opcode: int) -> None:
    """The peers of the file are renamed, so that each run has peers of its own."""
    messages = shared_records("telemetry", file)
    names = {name: new_peer() for name in sorted(network_ids(messages))}
    messages = [renamed(message, names) for message in messages]
    if not names:
        messages.insert(0, connected(names.setdefault("", new_peer())))
    owner: dict[Any, str] = {}
    expected: dict[str, list[Payload]] = {name: [] for name in names.values()}
    own = None
    for message in messages:
        kept = stored(message)
        if kept.get("msg") == CONNECTED:
            owner[message.get("id") if kept is not message else None] = kept["network_id"]
            own = own or kept["network_id"]
    assert own is not None
    first_id = messages[0].get("id") if stored(messages[0]) is not messages[0] else None
    greeted: set[Any] = {first_id}
    for message in messages:
        kept = stored(message)
        number = message.get("id") if kept is not message else None
        if kept.get("msg") == CONNECTED:
            greeted.add(number)
        expected[owner[number] if number in greeted and number in owner else own].append(kept)
    telemetry.send(messages, path, opcode)
    for name, documents in expected.items():
        telemetry.wait_stored(name, len(documents))
        assert sorted_by_text(telemetry.documents(name)) == sorted_by_text(documents)
        assert telemetry.stats(name) == Counter(document["msg"] for document in documents)
        assert telemetry.nodes()[name]["audit"] is ("audit" in path)
        for document in documents:
            found = telemetry.documents(name, msg=document["msg"])
            assert document in found
    assert sum(map(len, expected.values())) == len(messages)


def network_ids(messages: list[Payload]) -> set[str]:
    return {kept["network_id"] for message in messages if (kept := stored(message)).get("msg") == CONNECTED}


def renamed(message: Payload, names: dict[str, str]) -> Payload:
    text = json.dumps(message)
    for name, other in names.items():
        text = text.replace(name, other)
    return json.loads(text)


def edge_cases() -> list[dict[str, Any]]:
    try:
        return shared_records("telemetry", "edge_cases.jsonl")
    except pytest.skip.Exception:
        return []


FRAMES: dict[str, Callable[[dict[str, Any]], bytes]] = {
    "text": lambda case: frame(TEXT, case["payload"].encode()),
    "binary": lambda case: frame(BINARY, case["payload"].encode()),
    "binary_hex": lambda case: frame(BINARY, bytes.fromhex(case["payload"])),
    "binary_padded": lambda case: frame(BINARY, padded(case["payload"], case["pad_to_bytes"])),
    "binary_fragmented": lambda case: fragmented(case["payload"].encode()),
    "ping": lambda case: frame(PING, case.get("payload", "").encode()),
}


def padded(payload: str, size: int) -> bytes:
    document = json.loads(payload)
    bare = len(json.dumps({**document, "p": ""}, separators=(",", ":")))
    data = json.dumps({**document, "p": "x" * (size - bare)}, separators=(",", ":")).encode()
    assert len(data) == size
    return data


def fragmented(payload: bytes) -> bytes:
    third = len(payload) // 3
    return (
        frame(BINARY, payload[:third], fin=False)
        + frame(CONTINUATION, payload[third : 2 * third], fin=False)
        + frame(CONTINUATION, payload[2 * third :])
    )


OWN_CASES: list[dict[str, Any]] = [
    {"name": "padded to the limit", "frame": "binary_padded", "pad_to_bytes": 524_288, "stored": 1, "closes": False,
     "payload": '{"msg":"big","ts":"2021-03-01T12:00:00Z"}'},
    {"name": "padded beyond the limit", "frame": "binary_padded", "pad_to_bytes": 524_289, "stored": 0, "closes": True,
     "payload": '{"msg":"big","ts":"2021-03-01T12:00:00Z"}'},
    {"name": "fragmented", "frame": "binary_fragmented", "stored": 1, "closes": False, "log_type": "pieces",
     "payload": '{"msg":"pieces","ts":"2021-03-01T12:00:00.5+05:30"}', "created_at": "2021-03-01T06:30:00.500"},
    {"name": "ping", "frame": "ping", "payload": "hello", "stored": 0, "closes": False},
    {"name": "empty", "frame": "binary", "payload": "", "stored": 0, "closes": False},
    {"name": "msg is a number", "frame": "text", "payload": '{"msg":5,"ts":"2021-03-01T12:00:00Z"}', "stored": 1,
     "closes": False, "log_type": "5"},
    {"name": "msg is null", "frame": "text", "payload": '{"msg":null,"ts":"2021-03-01T12:00:00Z"}', "stored": 1,
     "closes": False, "log_type": "unknown"},
    {"name": "msg says unknown", "frame": "text", "payload": '{"msg":"unknown","ts":"2021-03-01T12:00:00Z"}', "stored": 1,
     "closes": False, "log_type": "unknown"},
]  # fmt: skip


@pytest.mark.parametrize("case", [*edge_cases(), *OWN_CASES], ids=lambda case: case["name"])
def test_edge_cases(telemetry: Telemetry, case: dict[str, Any]) -> None:
    peer = new_peer()
    with telemetry.node() as node:
        node.say(packed(connected(peer)))
        node.send(FRAMES[case["frame"]](case))
        if case["closes"]:
            assert node.close_code() in {1002, 1009}
            assert node.is_ended()
        elif case["frame"] == "ping":
            assert node.read_frame() == (PONG, case.get("payload", "").encode())
        else:
            node.echo()
            node.close()
    stats = telemetry.wait_stored(peer, 1 + case["stored"])
    found = [row for row in telemetry.logs(peer) if row["msg"] != CONNECTED]
    assert len(found) == case["stored"]
    if "log_type" in case:
        assert case["log_type"] in stats
    if "created_at" in case:
        assert found[0]["created_at"] == case["created_at"]
    if "stored_logs_contains" in case:
        assert found[0]["logs"].items() >= case["stored_logs_contains"].items()


# --- who says it ---


@contextlib.contextmanager
def recorded(telemetry: Telemetry) -> Iterator[tuple[WebSocket, Callable[[], list[dict[str, Any]]]]]:
    """A node's socket, and what reads its connection records in the order they were made.

    A socket before it may have had the same port, so what is older does not count.
    """
    newest = telemetry.query("SELECT coalesce(max(id), 0) AS id FROM peer_connections")[0]["id"]
    with telemetry.node() as node:
        yield (
            node,
            lambda: telemetry.query(
                "SELECT * FROM peer_connections WHERE ip_addr = $1 AND id > $2 ORDER BY id",
                node.address,
                newest,
            ),
        )


def test_messages_before_the_greeting_belong_to_the_peer_too(telemetry: Telemetry) -> None:
    node = Node(next(_seeds))
    sent = [node.message(), node.message(), node.hello(), node.message()]
    telemetry.send(sent)
    telemetry.wait_stored(node.peer_id, 4)
    assert telemetry.documents(node.peer_id) == sent


def test_older_nodes_name_themselves_in_their_state(telemetry: Telemetry) -> None:
    for place in ("state", "network_state"):
        peer = new_peer()
        with recorded(telemetry) as (node, rows):
            node.say(
                packed({"msg": "system.interval", place: {"peerId": peer}, "ts": "2021-03-01T12:00:00Z"})
            )
            telemetry.wait_stored(peer, 1)
            assert telemetry.nodes()[peer]["name"] is None
            node.say(packed({**connected(peer), "name": "late", "startup_time": "5", "authority": False}))
            telemetry.wait_stored(peer, 2)
            shown = telemetry.nodes()[peer]
            assert (shown["name"], shown["startup_time"], shown["authority"]) == ("late", 5, False)
            assert len(rows()) == 1


def test_a_greeting_without_a_network_id_is_kept_until_the_peer_is_known(telemetry: Telemetry) -> None:
    peer = new_peer()
    hello = {
        "msg": CONNECTED,
        "name": "nameless",
        "startup_time": "soon",
        "chain": 5,
        "ts": "2021-03-01T12:00:00Z",
    }
    with recorded(telemetry) as (node, rows):
        node.say(packed(hello))
        wait_until(lambda: [row["name"] for row in rows()] == ["nameless"])
        node.say(packed({"msg": "x", "state": {"peerId": peer}, "ts": "2021-03-01T12:00:00Z"}))
        telemetry.wait_stored(peer, 2)
    shown = telemetry.nodes()[peer]
    assert (shown["name"], shown["startup_time"], shown["chain"]) == ("nameless", None, None)


def test_a_later_greeting_refreshes(telemetry: Telemetry) -> None:
    node = Node(next(_seeds), 3)
    telemetry.send([node.hello(), node.hello(name="Bob", version="3.0", authority=False, startup_time=7)])
    telemetry.wait_stored(node.peer_id, 2)
    shown = telemetry.nodes()[node.peer_id]
    assert (shown["name"], shown["version"], shown["authority"], shown["startup_time"]) == (
        "Bob",
        "3.0",
        False,
        7,
    )
    assert (shown["target_os"], shown["sysinfo"]["core_count"]) == ("linux", 8)


def test_another_node_under_the_same_id_has_a_record_of_its_own(telemetry: Telemetry) -> None:
    first, second = Node(next(_seeds), 1), Node(next(_seeds), 1)
    with recorded(telemetry) as (node, rows):
        for message in [first.hello(), first.message(), second.hello(), second.message()]:
            node.say(packed(message))
        telemetry.wait_stored(first.peer_id, 2)
        telemetry.wait_stored(second.peer_id, 2)
        assert len(rows()) == 2
    assert telemetry.documents(second.peer_id)[0]["network_id"] == second.peer_id


def test_an_id_without_a_greeting_speaks_for_the_socket(telemetry: Telemetry) -> None:
    first, silent = Node(next(_seeds), 1), Node(next(_seeds), 2)
    with recorded(telemetry) as (node, rows):
        for message in [first.hello(), silent.message(), silent.message(), silent.hello(), silent.message()]:
            node.say(packed(message))
        telemetry.wait_stored(first.peer_id, 3)
        telemetry.wait_stored(silent.peer_id, 2)
        shown = rows()
    assert [row["peer_id"] for row in shown] == [first.peer_id, silent.peer_id]


def test_every_connection_is_a_record_and_a_peer_is_shown_once(telemetry: Telemetry) -> None:
    peer = new_peer()
    with telemetry.node() as first, telemetry.node("/audit") as second:
        for number, node in enumerate((first, second)):
            node.say(packed({**connected(peer), "name": f"number {number}"}))
            telemetry.wait_stored(peer, number + 1)
        shown = telemetry.nodes()[peer]
        assert (shown["name"], shown["audit"], shown["ip_addr"]) == ("number 1", True, second.address)
        assert {row["ip_addr"] for row in telemetry.logs(peer)} == {first.address, second.address}


def test_a_connection_without_a_name_is_one_nameless_node(telemetry: Telemetry) -> None:
    with telemetry.node() as first, telemetry.node() as second:
        first.echo()
        second.echo()
        shown = telemetry.nodes()[None]
        assert shown["ip_addr"] == second.address
    assert list(telemetry.nodes())[-1] is None


@pytest.fixture(scope="module")
def crowded(postgres: str) -> Iterator[Telemetry]:
    with telemetry_running(postgres, nodes_per_connection_max=3) as running:
        yield running


def test_nodes_beyond_the_limit_are_stored_with_the_socket(crowded: Telemetry) -> None:
    nodes = [Node(next(_seeds), number) for number in range(6)]
    sent = [message for node in nodes for message in node.talk(10)]
    with recorded(crowded) as (node, rows):
        for message in sent:
            node.say(packed(message))
        for known in nodes[1:3]:
            crowded.wait_stored(known.peer_id, 10)
        crowded.wait_stored(nodes[0].peer_id, 40)
        assert len(rows()) == 3
        assert rows()[0]["name"] == nodes[0].name
    warned = crowded.events("more nodes on a socket than get records of their own")
    assert len(warned) == 1


# --- rows that PostgreSQL would not take ---


def raw(fields: bytes) -> bytes:
    return b'{"msg":"odd",' + fields + b',"ts":"2021-03-01T12:00:00Z"}'


BAD = {
    "lone surrogate": (raw(b'"a":"\\ud800"'), "no_json"),
    "surrogates the wrong way round": (raw(b'"a":"\\udc00\\ud800"'), "no_json"),
    "NaN": (raw(b'"a":NaN'), "no_json"),
    "raw NUL": (raw(b'"a":"\x00"'), "no_json"),
    "long exponent": (raw(b'"a":1e99999'), "number"),
    "number of 140 000 digits": (raw(b'"a":' + b"9" * 140_000), "refused"),
    "nested 100 000 deep": (raw(b'"a":' + b"[" * 100_000 + b"]" * 100_000), "depth"),
    "long msg": (b'{"msg":"%b","ts":"2021-03-01T12:00:00Z"}' % random.Random(1).randbytes(40_000).hex().encode(), "refused"),
    "long target": (
        b'{"msg":"tracing.profiling","target":"%b","ts":"2021-03-01T12:00:00Z"}'
        % random.Random(2).randbytes(40_000).hex().encode(), "refused",
    ),
    "long name": (
        b'{"msg":"tracing.profiling","target":"t","name":"%b","ts":"2021-03-01T12:00:00Z"}'
        % random.Random(3).randbytes(40_000).hex().encode(), "refused",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("payload", "reason"), BAD.values(), ids=BAD)
def test_a_bad_row_is_counted_and_its_neighbours_survive(
    telemetry: Telemetry, payload: bytes, reason: str
) -> None:
    node = Node(next(_seeds))
    sent = list(node.talk(21))
    before = telemetry.dropped(reason)
    data = [packed(message) for message in sent]
    data.insert(11, payload)
    with telemetry.node() as socket:
        socket.send(b"".join(frame(BINARY, each) for each in data))
        socket.echo()
        telemetry.wait_stored(node.peer_id, 21)
        assert telemetry.documents(node.peer_id) == sent
        wait_until(lambda: telemetry.dropped(reason) == before + 1)
        socket.close()


def test_many_bad_rows_among_many_good_ones(telemetry: Telemetry) -> None:
    node = Node(next(_seeds))
    sent = list(node.talk(500))
    bad = [BAD[name][0] for name in ("number of 140 000 digits", "long msg", "long target", "lone surrogate")]
    data = [packed(message) for message in sent]
    for number, at in enumerate(range(20, 500, 40)):
        data.insert(at, bad[number % len(bad)])
    with telemetry.node() as socket:
        socket.send(b"".join(frame(BINARY, each) for each in data))
        socket.close()
    telemetry.wait_stored(node.peer_id, 500)
    assert telemetry.documents(node.peer_id) == sent


LONG = random.Random(4).randbytes(40_000).hex()
KEPT = {
    "long target": (raw(b'"target":"%b"' % LONG.encode()), {"target": LONG}),
    "NUL": (raw(b'"a":"x\\u0000y"'), {"a": "x\ufffdy"}),
    "NUL in a key": (raw(b'"\\u0000":1'), {"\ufffd": 1}),
    "escaped backslash before u0000": (raw(b'"a":"\\\\u0000"'), {"a": "\\u0000"}),
    "empty key": (raw(b'"":""'), {"": ""}),
    "duplicate keys": (raw(b'"a":1,"a":2'), {"a": 2}),
    "1e999": (raw(b'"a":1e999'), {"a": 10**999}),
    "2^53+1": (raw(b'"a":9007199254740993'), {"a": 2**53 + 1}),
    "beyond 64 bits": (raw(b'"a":-170141183460469231731687303715884105729'), {"a": -(2**127) - 1}),
    "number of 4000 digits": (raw(b'"a":' + b"9" * 4000), {"a": 10**4000 - 1}),
    "deep": (raw(b'"a":' + b"[" * 300 + b"]" * 300), {}),
    "emoji": (raw('"a":"\U0001f600"'.encode()), {"a": "\U0001f600"}),
    "surrogate pair": (raw(b'"a":"\\ud83d\\ude00"'), {"a": "\U0001f600"}),
    "quotes and SQL": (
        raw(b'"a":"\'; DROP TABLE tetcore_logs; --"'),
        {"a": "'; DROP TABLE tetcore_logs; --"},
    ),
}


@pytest.mark.parametrize(("payload", "expected"), KEPT.values(), ids=KEPT)
def test_odd_values_are_kept(telemetry: Telemetry, payload: bytes, expected: Payload) -> None:
    peer = new_peer()
    with telemetry.node() as socket:
        socket.say(packed(connected(peer)))
        socket.say(payload)
        telemetry.wait_stored(peer, 2)
    answer = telemetry.http.get("/nodes/logs", params={"peer_id": peer, "msg": "odd"})
    (found,) = json.loads(answer.text, parse_float=Decimal)
    assert found["logs"].items() >= expected.items()


def test_targets_that_differ_late_are_told_apart(telemetry: Telemetry) -> None:
    """An index has the first 256 characters."""
    peer, targets = new_peer(), ["t" * 256, "t" * 256 + "a", "t" * 256 + "b"]
    said = [{"msg": "odd", "target": target, "ts": "2021-03-01T12:00:00Z"} for target in targets]
    telemetry.send([connected(peer), *said])
    telemetry.wait_stored(peer, 4)
    for target in targets:
        found = telemetry.http.get("/nodes/logs", params={"peer_id": peer, "target": target}).json()
        assert [each["logs"]["target"] for each in found] == [target]


def test_a_peer_id_may_be_anything_short(telemetry: Telemetry) -> None:
    for text in ("it's", 'a"b', '{"a": 1}', "%s", "\\", "' OR 1=1 --", "Ω≈ç", " ", "Q" * 256):
        peer = f"{text}{next(_seeds)}" if len(text) < 200 else text
        telemetry.send([connected(peer)])
        telemetry.wait_stored(peer, 1)
        assert telemetry.nodes()[peer]["peer_id"] == peer


def test_a_long_peer_id_names_nobody_and_loses_nothing(telemetry: Telemetry) -> None:
    peer = new_peer()
    long = "Q" * 300_000
    with telemetry.node() as socket:
        socket.say(packed(connected(long)))
        socket.say(packed({"msg": "x", "state": {"peerId": peer}, "ts": "2021-03-01T12:00:00Z"}))
        telemetry.wait_stored(peer, 2)


def test_counters_add_up(telemetry: Telemetry) -> None:
    before = telemetry.metrics()
    good, bad = list(Node(next(_seeds)).talk(30)), [b"hello", b"5", b'{"msg":"x"}']
    data = [*map(packed, good), *bad]
    with telemetry.node() as socket:
        socket.send(b"".join(frame(TEXT, each) for each in data))
        socket.echo()
        wait_until(
            lambda: (
                telemetry.metrics()["telemetry_messages_stored_total"]
                - before["telemetry_messages_stored_total"]
                >= 30
            )
        )
        after = telemetry.metrics()
        assert after["nodes_connected_count"] - before["nodes_connected_count"] == 1
        assert after["current_tetcore_connections"] >= 1
        socket.close()

    def grown(name: str) -> float:
        return after[name] - before.get(name, 0.0)

    for family in ("tetcore", "substrate"):
        assert grown(f"{family}_message_count") == 32
        assert grown(f"{family}_bytes_received") == sum(map(len, data))
    assert grown("telemetry_messages_stored_total") == 30
    for reason in ("no_json", "no_object", "no_ts"):
        assert grown(f'telemetry_messages_dropped_total{{reason="{reason}"}}') == 1
    wait_until(lambda: telemetry.metrics()["nodes_dropped_count"] - before["nodes_dropped_count"] >= 1)
