"""spec/telemetry.md 6: every JSON endpoint, what it understands, ignores and refuses."""

import itertools
import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.telemetry_messages import TYPES, Node
from tests.telemetry_service import Telemetry, connected, packed, telemetry_running

import lamina

_numbers = itertools.count()
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}|\.\d{6})?")
INJECTIONS = [
    "'", '"', "\\", "'; DROP TABLE tetcore_logs; --", "' OR '1'='1", "%", "_", "$1", '{"a":1}', '"}},"x":{', "\u0000", "\ufffd",
    "../../etc/passwd", "{}", "null", "1) OR (1=1", "🦀", "a" * 5000, "x') UNION SELECT 1 --", "E'\\x00'", "%%s%n",
]  # fmt: skip
ENDPOINTS = ["/stats/db", "/nodes", "/nodes/log_stats", "/nodes/logs", "/reputation", "/reputation/logged",
             "/reputation/Qm1", "/reputation/mock/3", "/host_systems", "/host_systems/example", "/benchmarks",
             "/benchmarks/example", "/benchmarks/1/targets", "/benchmarks/1/events"]  # fmt: skip


def new_peer() -> str:
    return f"api {time.time_ns()} {next(_numbers)}"


def say(telemetry: Telemetry, peer: str, *messages: dict[str, Any], path: str = "/") -> None:
    """Say hello and then that, and wait until it can be read."""
    with telemetry.node(path) as node:
        for message in (connected(peer), *messages):
            node.say(packed(message))
        telemetry.wait_stored(peer, len(messages) + 1)


def at(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@pytest.fixture
def http(telemetry: Telemetry) -> httpx.Client:
    return telemetry.http


# --- what all have in common ---


@pytest.mark.parametrize("path", ENDPOINTS)
def test_every_spelling_of_a_path_is_the_same(http: httpx.Client, path: str) -> None:
    for spelled in (
        path,
        f"{path}/",
        f"/{path}",
        path.replace("/", "//"),
        f"/telemetry{path}",
        f"//telemetry/{path}//",
    ):
        answer = http.get(f"http://{http.base_url.host}:{http.base_url.port}{spelled}")
        assert answer.status_code == 200, spelled
        assert answer.headers["content-type"].startswith("application/json")
        answer.json()


@pytest.mark.parametrize("path", ENDPOINTS)
def test_head_and_other_methods(http: httpx.Client, path: str) -> None:
    head = http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    for method in (
        "PUT",
        "DELETE",
        "PATCH",
        *(() if path in {"/host_systems", "/benchmarks"} else ("POST",)),
    ):
        answer = http.request(method, path)
        assert answer.status_code in {404, 405}
        if answer.status_code == 405:
            assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/nowhere", "/nodes/logs/x", "/stats", "/telemetry/nowhere", "/benchmarks/1", "/telemetrynodes"]
)
def test_unknown_paths(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.content) == (404, b"")


@pytest.mark.parametrize("text", INJECTIONS, ids=[repr(text[:20]) for text in INJECTIONS])
def test_hostile_text_in_every_parameter(http: httpx.Client, text: str) -> None:
    names = ("start_time", "end_time", "max_age_s", "limit", "peer_id", "target", "msg", "unknown")
    for path in ENDPOINTS[1:8]:
        for name in names:
            answer = http.get(path, params={"peer_id": "Qm nobody", name: text})
            assert answer.status_code == 200, (path, name, answer.text)
        assert http.get(path, params=dict.fromkeys(names, text)).status_code == 200
    for template in ("/reputation/{}", "/benchmarks/{}/targets", "/benchmarks/{}/events"):
        answer = http.get(template.format(httpx.QueryParams({"": text}).__str__()[1:]))
        assert answer.status_code in {200, 404}, template
        assert answer.status_code == 404 or answer.json() == []


def test_parameters_by_the_hundred_and_long_queries(http: httpx.Client) -> None:
    for query in ("a=1&" * 500, "peer_id=" + "x" * 9000, "&&&&", "=", "%", "peer_id=%ff%00"):
        answer = http.get(f"/nodes/logs?{query}")
        assert (answer.status_code, answer.json()) == (200, []), query


# --- stats ---


def test_sizes_of_relations(telemetry: Telemetry) -> None:
    rows = telemetry.get("/stats/db")
    names = [row["relation"] for row in rows]
    assert all(row.keys() == {"relation", "size"} for row in rows)
    assert "telemetry.tetcore_logs_past" in names
    assert "telemetry.peer_connections" in names
    assert any(name.startswith("pg_toast.") for name in names)
    assert not any(name.startswith(("pg_catalog.", "information_schema.")) for name in names)
    units = {"bytes": 1, "kB": 2**10, "MB": 2**20, "GB": 2**30}
    sizes = [int(row["size"].split()[0]) * units[row["size"].split()[1]] for row in rows]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 0


def test_version_and_health(http: httpx.Client) -> None:
    answer = http.get("/stats/version")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    name, version, description = answer.text.split(r"<br\>")
    assert (name, version) == ("tetcore-analytics", lamina.__version__)
    assert description
    health = http.get("/health")
    assert (health.status_code, health.text) == (200, "OK")


# --- nodes ---


def test_a_node_has_all_keys(telemetry: Telemetry) -> None:
    peer = new_peer()
    say(telemetry, peer)
    row = telemetry.nodes()[peer]
    assert row.keys() >= {"id", "ip_addr", "peer_id", "created_at", "audit", "name", "chain", "version", "authority",
                          "startup_time", "implementation"}  # fmt: skip
    assert TIMESTAMP.fullmatch(row["created_at"])
    assert row["name"] is row["startup_time"] is row["authority"] is None
    created = datetime.fromisoformat(row["created_at"]).replace(tzinfo=UTC)
    assert abs(datetime.now(UTC) - created) < timedelta(seconds=60)
    names = [name for name in telemetry.nodes() if name is not None]
    assert names == sorted(names)
    assert telemetry.get("/nodes", limit=0, peer_id="x", start_time="2100-01-01T00:00:00") == telemetry.get(
        "/nodes"
    )


def test_stats_of_types(telemetry: Telemetry) -> None:
    node = Node(time.time_ns())
    messages = [node.message("block.import") for _ in range(3)] + [
        node.message("txpool.import") for _ in range(3)
    ]
    say(
        telemetry,
        node.peer_id,
        *messages,
        {"a": 1, "ts": "2021-03-01T12:00:00Z"},
        {"msg": 7, "ts": "2021-03-01T12:00:00Z"},
    )
    rows = telemetry.get("/nodes/log_stats", peer_id=node.peer_id, start_time="2100-01-01T00:00:00", limit=1)
    assert [(row["qty"], row["log_type"]) for row in rows] == [
        (3, "block.import"), (3, "txpool.import"), (1, "7"), (1, "system.connected"), (1, "unknown"),
    ]  # fmt: skip
    for path in ("/nodes/log_stats", "/nodes/logs"):
        assert (
            telemetry.get(path)
            == telemetry.get(path, peer_id="")
            == telemetry.get(path, peer_id="nobody")
            == []
        )


BEGIN = datetime(2022, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def hourly(telemetry: Telemetry) -> str:
    """A peer that said something each hour, of alternating types and targets."""
    peer = new_peer()
    messages = [
        {
            "msg": f"type{hour % 2}",
            "target": f"target{hour % 3}",
            "hour": hour,
            "ts": at(BEGIN + timedelta(hours=hour)),
        }
        for hour in range(24)
    ]
    say(telemetry, peer, *messages)
    return peer


def hours(telemetry: Telemetry, peer: str, **params: Any) -> list[int]:
    """The hours of the messages an answer has, without the greeting."""
    rows = telemetry.get("/nodes/logs", peer_id=peer, **params)
    return [row["logs"]["hour"] for row in rows if "hour" in row["logs"]]


def test_logs_are_the_newest_first(telemetry: Telemetry, hourly: str) -> None:
    assert hours(telemetry, hourly) == list(range(23, -1, -1))
    assert hours(telemetry, hourly, limit=3) == [23, 22, 21]
    rows = telemetry.get("/nodes/logs", peer_id=hourly, limit=1)
    assert rows == [
        {
            "ip_addr": telemetry.nodes()[hourly]["ip_addr"], "peer_id": hourly, "msg": "type1",
            "created_at": "2022-01-01T23:00:00",
            "logs": {"msg": "type1", "target": "target2", "hour": 23, "ts": "2022-01-01T23:00:00Z"},
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"start_time": "2022-01-01T20:00:00"}, [23, 22, 21]),
        ({"start_time": "2022-01-01T19:59:59.999999"}, [23, 22, 21, 20]),
        ({"start_time": "2022-01-01T20:00:00Z"}, [23, 22, 21]),
        ({"start_time": "2022-01-01T22:00:00+02:00"}, [23, 22, 21]),
        ({"start_time": "2022-01-01T12:00:00.5-08:00"}, [23, 22, 21]),
        ({"end_time": "2022-01-01T02:00:00"}, [1, 0]),
        ({"end_time": "2022-01-01T02:00:00.000001"}, [2, 1, 0]),
        ({"start_time": "2022-01-01T01:00:00", "end_time": "2022-01-01T04:00:00"}, [3, 2]),
        ({"start_time": "2022-01-01T04:00:00", "end_time": "2022-01-01T01:00:00"}, []),
        ({"start_time": "yesterday", "limit": 2}, [23, 22]),
        ({"start_time": "", "end_time": "", "limit": 2}, [23, 22]),
        ({"start_time": "0001-01-01T00:00:00", "end_time": "9999-12-31T23:59:59", "limit": 1}, [23]),
        ({"msg": "type0", "limit": 3}, [22, 20, 18]),
        ({"target": "target1", "limit": 3}, [22, 19, 16]),
        ({"msg": "type1", "target": "target1", "limit": 3}, [19, 13, 7]),
        ({"msg": "type9"}, []),
        ({"target": ""}, []),
        ({"limit": 0}, []),
        ({"limit": -1}, list(range(23, -1, -1))),
        ({"limit": "many", "end_time": "2022-01-01T02:00:00"}, [1, 0]),
        ({"limit": 2**31 - 1, "start_time": "2022-01-01T21:00:00"}, [23, 22]),
        ({"limit": 2**31, "start_time": "2022-01-01T21:00:00"}, [23, 22]),
        ({"max_age_s": 1, "limit": 1}, [23]),
    ],
)  # fmt: skip
def test_filters_of_logs(
    telemetry: Telemetry, hourly: str, params: dict[str, Any], expected: list[int]
) -> None:
    assert hours(telemetry, hourly, **params) == expected


def test_the_shortest_timestamps_that_show_the_value(telemetry: Telemetry) -> None:
    peer = new_peer()
    fractions = {
        "": "",
        ".5": ".500",
        ".250000000": ".250",
        ".000001": ".000001",
        ".123456789": ".123456",
        ".999999999": ".999999",
        ".0": "",
    }
    say(
        telemetry,
        peer,
        *(
            {"msg": "t", "number": number, "ts": f"2022-05-05T05:05:05{text}Z"}
            for number, text in enumerate(fractions)
        ),
    )
    shown = {row["logs"]["number"]: row["created_at"] for row in telemetry.logs(peer, msg="t")}
    assert shown == {number: f"2022-05-05T05:05:05{text}" for number, text in enumerate(fractions.values())}


def test_a_hundred_by_default_and_what_was_just_said_is_seen(telemetry: Telemetry) -> None:
    peer = new_peer()
    now = datetime.now(UTC)
    say(
        telemetry,
        peer,
        *({"msg": "now", "ts": at(now - timedelta(microseconds=number))} for number in range(150)),
    )
    rows = telemetry.get("/nodes/logs", peer_id=peer)
    assert len(rows) == 100
    assert rows[0]["created_at"].startswith(now.replace(tzinfo=None).isoformat(timespec="milliseconds")[:19])
    assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)


def test_the_future_is_hidden_until_asked_for(telemetry: Telemetry) -> None:
    peer = new_peer()
    say(
        telemetry,
        peer,
        {"msg": "later", "ts": "2999-01-01T00:00:00Z"},
        {"msg": "ago", "ts": "0001-01-01T00:00:00Z"},
    )  # fmt: skip
    assert [row["msg"] for row in telemetry.logs(peer)] == ["system.connected"]
    assert [row["msg"] for row in telemetry.logs(peer, end_time="9999-01-01T00:00:00")] == [
        "system.connected",
        "later",
    ]
    assert telemetry.logs(peer, start_time="0001-01-01T00:00:00")[0]["msg"] == "ago"
    assert telemetry.logs(peer, end_time="0001-01-01T00:00:00") == []
    assert sum(telemetry.stats(peer).values()) == 3


def test_messages_of_one_moment_come_by_id(telemetry: Telemetry) -> None:
    peer = new_peer()
    say(
        telemetry,
        peer,
        *({"msg": "same", "number": number, "ts": "2022-01-01T00:00:00Z"} for number in range(30)),
    )
    assert [row["logs"]["number"] for row in telemetry.logs(peer, msg="same")] == list(range(30))
    assert [
        row["logs"]["number"] for row in telemetry.get("/nodes/logs", peer_id=peer, msg="same", limit=4)
    ] == [29, 28, 27, 26]


@pytest.fixture(scope="module")
def paging(postgres: str) -> Iterator[Telemetry]:
    """Small pages and limits."""
    with telemetry_running(
        postgres, page_rows=7, rows_max=500, body_bytes_max=2000, query_bytes_max=300
    ) as running:
        yield running


def test_long_lists_are_streamed_whole_and_in_order(paging: Telemetry) -> None:
    node = Node(time.time_ns(), step=timedelta(0))
    sent = list(node.talk(490))
    paging.send(sent[:250])
    paging.send([connected(node.peer_id), *sent[250:]], "/audit")
    paging.wait_stored(node.peer_id, 491)
    for limit in (0, 1, 6, 7, 8, 14, 15, 490, 491, 492):
        rows = paging.get("/nodes/logs", peer_id=node.peer_id, limit=limit)
        assert len(rows) == min(limit, 491)
        moments = [row["created_at"] for row in rows]
        assert moments == sorted(moments, reverse=True)
    by_text = [json.dumps(row["logs"], sort_keys=True) for row in paging.logs(node.peer_id)]
    assert len(set(by_text)) == len(
        {json.dumps(each, sort_keys=True) for each in [connected(node.peer_id), *sent]}
    )


def test_every_peer_once_over_many_pages(paging: Telemetry) -> None:
    peers = [f"paged {number:02d}" for number in range(21)]
    for _ in range(2):
        for peer in peers:
            paging.send([connected(peer)])
    paging.send([{"msg": "unidentified", "ts": at(datetime.now(UTC))}])
    for peer in peers:
        paging.wait_stored(peer, 2)
    rows = paging.get("/nodes")
    found = [row["peer_id"] for row in rows]
    assert len(found) == len(set(found))
    assert set(peers) <= set(found)
    assert found[-1] is None
    newest = paging.query("SELECT peer_id, max(id) AS id FROM telemetry.peer_connections GROUP BY 1")
    assert {row["peer_id"]: row["id"] for row in rows} == {row["peer_id"]: row["id"] for row in newest}
    table = paging.http.get("/nodes", headers={"accept": "text/csv"}).text
    assert len(table.splitlines()) == len(rows) + 1


def test_the_most_rows_of_an_answer(paging: Telemetry) -> None:
    node = Node(time.time_ns())
    paging.send(node.talk(520))
    paging.wait_stored(node.peer_id, 520)
    assert len(paging.get("/nodes/logs", peer_id=node.peer_id, limit=1_000_000)) == 500


def test_a_reader_that_leaves_harms_nobody(paging: Telemetry) -> None:
    node = Node(time.time_ns())
    paging.send(node.talk(400))
    paging.wait_stored(node.peer_id, 400)
    for _ in range(5):
        with paging.http.stream(
            "GET", "/nodes/logs", params={"peer_id": node.peer_id, "limit": 400}
        ) as answer:
            next(answer.iter_bytes(10))
    assert len(paging.logs(node.peer_id)) == 400


# --- reputation ---


def state(
    node: Node, others: dict[str, tuple[int, bool]], moment: datetime, *, sets: bool = False
) -> dict[str, Any]:
    node.at = moment
    return node.network_state([(peer, *values) for peer, values in others.items()], sets=sets)


def of(rows: list[dict[str, Any]], *peers: str) -> dict[str, dict[str, Any]]:
    return {row["reporting_peer"]: row for row in rows if row["reporting_peer"] in peers}


@pytest.mark.parametrize("envelope", [None, 1])
@pytest.mark.parametrize("sets", [False, True], ids=["nodes", "sets"])
def test_reputations_of_now(telemetry: Telemetry, envelope: int | None, *, sets: bool) -> None:
    now = datetime.now(UTC)
    alice, bob, silent = (Node(time.time_ns() + number, envelope) for number in range(3))
    stranger = new_peer()
    quiet = Node(time.time_ns() + 9)
    telemetry.send([alice.hello(), state(alice, {bob.peer_id: (1, True)}, now - timedelta(seconds=30), sets=sets),
                    state(alice, {bob.peer_id: (-2646, False), stranger: (7, True)}, now - timedelta(seconds=5), sets=sets)])  # fmt: skip
    telemetry.send(
        [bob.hello(), state(bob, {stranger: (2**31, True)}, now - timedelta(seconds=50), sets=sets)]
    )
    telemetry.send(
        [silent.hello(), state(silent, {alice.peer_id: (3, True)}, now - timedelta(seconds=100), sets=sets)]
    )
    telemetry.send([quiet.hello(), state(quiet, {}, now, sets=sets)])
    for node, count in ((alice, 3), (bob, 2), (silent, 2), (quiet, 2)):
        telemetry.wait_stored(node.peer_id, count)
    ids = [node.peer_id for node in (alice, bob, silent, quiet)]
    rows = of(telemetry.get("/reputation"), *ids)
    assert rows.keys() == {alice.peer_id, bob.peer_id}
    said = rows[alice.peer_id]
    assert said.keys() == {"reporting_peer", "remote_peer", "reputation", "connected", "ts"}
    assert dict(zip(said["remote_peer"], zip(said["reputation"], said["connected"], strict=True), strict=True)) == {
        bob.peer_id: (-2646, False), stranger: (7, True),
    }  # fmt: skip
    assert TIMESTAMP.fullmatch(said["ts"])
    logged = of(telemetry.get("/reputation/logged"), *ids)
    assert logged.keys() == {alice.peer_id}
    assert logged[alice.peer_id]["remote_peer"] == [bob.peer_id]
    assert of(telemetry.get("/reputation", max_age_s=20), *ids).keys() == {alice.peer_id}
    assert of(telemetry.get("/reputation", max_age_s=1000), *ids).keys() == {
        alice.peer_id,
        bob.peer_id,
        silent.peer_id,
    }
    assert len(telemetry.get("/reputation", max_age_s=1000, limit=1)) == 1
    assert telemetry.get("/reputation", limit=0) == []


def test_the_first_set_wins_and_odd_states_are_harmless(telemetry: Telemetry) -> None:
    now = datetime.now(UTC)
    node = Node(time.time_ns())
    first, second = new_peer(), new_peer()
    odd = [
        {"state": {"peerset": {"sets": [{"nodes": {first: {"connected": True, "reputation": 1}}},
                                        {"nodes": {first: {"connected": False, "reputation": 2},
                                                   second: {"connected": False, "reputation": 3}}}]}}},
        {"state": {"peerset": {"sets": [5, None, {"nodes": 7}, [], {}]}}},
        {"state": {"peerset": {"nodes": []}}},
        {"state": {"peerset": 5}}, {"state": 5}, {},
        {"state": {"peerset": {"nodes": {first: 5, second: {"reputation": "high"}}}}},
    ]  # fmt: skip
    telemetry.send([node.hello()] + [{"msg": "system.network_state", **each, "ts": at(now - timedelta(seconds=10 - number))}
                                     for number, each in enumerate(odd)])  # fmt: skip
    telemetry.wait_stored(node.peer_id, 1 + len(odd))
    (row,) = of(telemetry.get("/reputation"), node.peer_id).values()
    assert sorted(zip(row["remote_peer"], row["reputation"], strict=True)) == sorted(
        [(first, None), (second, "high")]
    )
    assert row["connected"] == [None, None]
    history = telemetry.get(f"/reputation/{first}")
    assert [(each["reputation"], each["connected"]) for each in history] == [(1, True), (None, None)]
    assert [each["reputation"] for each in telemetry.get(f"/reputation/{second}")] == [3, "high"]


def test_an_unidentified_reporter_is_skipped(telemetry: Telemetry) -> None:
    other, known = new_peer(), new_peer()
    message = {
        "msg": "system.network_state",
        "state": {"peerset": {"nodes": {other: {"connected": True, "reputation": 1}}}},
        "ts": at(datetime.now(UTC)),
    }
    with telemetry.node() as node:
        node.say(packed(message))
        say(telemetry, known)
        assert all(row["reporting_peer"] for row in telemetry.get("/reputation", limit=1000))
        assert telemetry.get(f"/reputation/{other}") == []


AWKWARD = ['it"s', "it's", '{"a": 1}', '"}', "%27", "a/b", "ü", "$[*]", " ", "a b+c", "\\", "*"]


@pytest.mark.parametrize("text", AWKWARD)
def test_the_history_of_a_peer_is_its_own(telemetry: Telemetry, text: str) -> None:
    suffix = f" {time.time_ns()}"
    asked, other = text + suffix, "other" + suffix
    alice, bob = Node(time.time_ns() + 1), Node(time.time_ns() + 2, 1)
    day = datetime(2022, 6, 1, tzinfo=UTC)
    reports = {}
    for node, sign in ((alice, 1), (bob, -1)):
        messages = [node.hello()] + [
            state(
                node,
                {other: (77, False), asked: (sign * hour, hour % 2 == 0)},
                day + timedelta(hours=hour),
                sets=node is bob,
            )
            for hour in range(4)
        ]
        telemetry.send(messages)
        telemetry.wait_stored(node.peer_id, 5)
        reports[node.peer_id] = [
            (sign * hour, hour % 2 == 0, f"2022-06-01T0{hour}:00:00") for hour in range(4)
        ]
    path = "/reputation/" + httpx.URL("http://x", params={"": asked}).query.decode()[1:].replace("+", "%20")
    rows = telemetry.get(path)
    assert [(row["reputation"], row["connected"], row["ts"]) for row in rows] == [
        report for peer in sorted(reports) for report in reports[peer]
    ]
    assert [row["reporting_peer"] for row in rows] == [peer for peer in sorted(reports) for _ in range(4)]
    between = telemetry.get(path, start_time="2022-06-01T00:00:00", end_time="2022-06-01T03:00:00")
    assert [row["ts"][11:13] for row in between] == ["01", "02"] * 2
    assert len(telemetry.get(path, limit=3)) == 3
    assert telemetry.get(path, max_age_s=60) == []
    assert len(telemetry.get(path, max_age_s=2**62)) == 8


def test_quotes_that_belong_to_nobody(telemetry: Telemetry) -> None:
    for text in ('"', "'", '{"', "%22%7D", "a%00b"):
        answer = telemetry.http.get(f"/reputation/{text}")
        assert answer.status_code in {200, 404}
        assert answer.status_code == 404 or answer.json() == []


@pytest.mark.parametrize(
    ("quantity", "count"),
    [
        ("0", 0),
        ("1", 1),
        ("3", 3),
        ("8", 8),
        ("9", 8),
        ("many", 8),
        ("-1", 8),
        ("9" * 5000, 8),
        ("٣", 8),
        ("4.5", 8),
    ],
)
def test_invented_reputations(telemetry: Telemetry, quantity: str, count: int) -> None:
    rows = telemetry.get(f"/reputation/mock/{quantity}")
    assert len(rows) == count
    reporters = {row["reporting_peer"] for row in rows}
    assert len(reporters) == count
    for row in rows:
        assert set(row["remote_peer"]) == reporters - {row["reporting_peer"]}
        assert len(row["reputation"]) == len(row["connected"]) == len(row["remote_peer"])
        assert all(row["connected"])
        assert all(value <= 0 for value in row["reputation"])
        age = datetime.now(UTC).replace(tzinfo=None) - datetime.fromisoformat(row["ts"])
        assert timedelta(seconds=9) < age < timedelta(seconds=40)


# --- host systems and benchmarks ---

SYSTEM = {
    "description": "it's",
    "os": "linux",
    "cpu_qty": 4,
    "cpu_clock": 2600,
    "ram_mb": 8192,
    "disk_info": "NVME",
}


def test_host_systems(telemetry: Telemetry) -> None:
    example = telemetry.get("/host_systems/example")
    assert example == {"description": "Any notes to go here", "os": "freebsd", "cpu_qty": 4, "cpu_clock": 2600,
                       "ram_mb": 8192, "disk_info": "NVME"}  # fmt: skip
    made = []
    for document in (
        SYSTEM,
        example,
        {**SYSTEM, "id": 99, "more": [1]},
        {**SYSTEM, "cpu_qty": -(2**31), "ram_mb": 2**31 - 1},
    ):
        answer = telemetry.http.post("/host_systems/", json=document)
        assert answer.status_code == 200, answer.text
        assert answer.json().items() >= {name: document[name] for name in SYSTEM}.items()
        made.append(answer.json())
    assert telemetry.get("/host_systems")[-len(made) :] == made
    ids = [row["id"] for row in telemetry.get("/host_systems")]
    assert ids == sorted(ids)


def run(system_id: int, **changed: Any) -> dict[str, Any]:
    return {
        "ts_start": "2020-01-01T00:00:00",
        "ts_end": "2020-01-01T01:00:00.5Z",
        "host_system_id": system_id,
        **changed,
    }


def test_both_generations_of_benchmarks(telemetry: Telemetry) -> None:
    system = telemetry.http.post("/host_systems", json=SYSTEM).json()["id"]
    example = telemetry.get("/benchmarks/example")
    first = telemetry.http.post("/benchmarks", json={**example, "host_system_id": system})
    assert first.status_code == 200, first.text
    assert first.json().items() >= {**example, "host_system_id": system}.items()
    second = telemetry.http.post(
        "/benchmarks", json=run(system, description=None, chain_spec=[1, {"a": None}], benchmark_spec="x")
    )
    assert (second.json()["chain_spec"], second.json()["benchmark_spec"]) == ([1, {"a": None}], "x")
    assert (second.json()["description"], second.json()["ts_end"]) == (None, "2020-01-01T01:00:00.500")
    made = [first.json(), second.json()]
    for setup in ({"tetcore": {"peerId": "Qm"}}, {}, [], "text", 5, None, {"a": [{"b": 1.5}] * 1000}):
        answer = telemetry.http.post("/benchmarks", json={"setup": setup})
        assert answer.status_code == 200, answer.text
        assert answer.json()["setup"] == setup
        assert TIMESTAMP.fullmatch(answer.json()["created_at"])
        made.append(answer.json())
    listed = telemetry.get("/benchmarks")
    assert listed[: len(made)] == made[::-1]


def test_targets_of_a_benchmark(telemetry: Telemetry) -> None:
    for family in ("tetcore", "substrate"):
        peer = new_peer()
        say(telemetry, peer, *({"msg": "tracing.profiling", "target": target, "ts": "2022-01-01T00:00:00Z"} for target in ("b", "a", "b", "c d")),
            {"msg": "tracing.profiling", "ts": "2022-01-01T00:00:00Z"})  # fmt: skip
        say_again = {"msg": "other", "target": "from another connection", "ts": "2022-01-01T00:00:00Z"}
        telemetry.send([connected(peer), say_again])
        telemetry.wait_stored(peer, 8)
        made = telemetry.http.post("/benchmarks", json={"setup": {family: {"peerId": peer}}}).json()
        assert telemetry.get(f"/benchmarks/{made['id']}/targets") == [
            {"target": name} for name in ("a", "b", "c d", "from another connection")
        ]
    for unknown in ("0", "2147483647", "2147483648", "9" * 100, "x", "-1", "1.5", "٣"):
        assert telemetry.get(f"/benchmarks/{unknown}/targets") == []
        assert telemetry.get(f"/benchmarks/{unknown}/events") == []


def test_events_of_a_benchmark(telemetry: Telemetry) -> None:
    benchmark = telemetry.http.post("/benchmarks", json={"setup": {}}).json()["id"]
    made = []
    for name, phase in (("warmup", "start"), ("warmup", "end"), ("a", "free text"), ("", "")):
        event = {"benchmark_id": benchmark, "name": name, "phase": phase, "created_at": "2020-01-01T00:00:00"}
        answer = telemetry.http.post("/benchmarks/events", json=event)
        assert answer.status_code == 200, answer.text
        assert answer.json() == {**event, "id": answer.json()["id"]}
        made.append(answer.json())
    assert telemetry.get(f"/benchmarks/{benchmark}/events") == [made[3], made[2], made[0], made[1]]


BAD_BODIES: dict[str, list[Any]] = {
    "/host_systems": [
        {}, [], 5, None, "x", {**SYSTEM, "os": None}, {**SYSTEM, "cpu_qty": "4"}, {**SYSTEM, "cpu_qty": 2**31}, {**SYSTEM, "ram_mb": 1.5},
        {**SYSTEM, "ram_mb": True}, {**SYSTEM, "description": "\x00"}, {name: SYSTEM[name] for name in SYSTEM if name != "disk_info"},
    ],
    "/benchmarks": [
        {}, [], 5, "x", {"ts_start": "2020-01-01T00:00:00"}, run(1, ts_start="soon"), run(1, ts_end=None), run(2**31), run("1"),  # type: ignore[arg-type]
        run(1, description=5), {"setup": "\x00"},
    ],
    "/benchmarks/events": [
        {}, [], {"benchmark_id": 1, "name": "n", "phase": "p"}, {"benchmark_id": 1, "name": "n", "phase": "p", "created_at": "now"},
        {"benchmark_id": "1", "name": "n", "phase": "p", "created_at": "2020-01-01T00:00:00"},
    ],
}  # fmt: skip


@pytest.mark.parametrize("path", BAD_BODIES)
def test_bodies_that_do_not_fit(telemetry: Telemetry, path: str) -> None:
    before = telemetry.get("/host_systems"), telemetry.get("/benchmarks")
    raw = [
        b"",
        b"{",
        b"\xff",
        b'{"a":',
        b"[" * 100_000,
        b'{"setup":' + b"[" * 100_000,
        b"nonsense",
        b'{"a":1}x',
    ]
    for body in [*(json.dumps(document).encode() for document in BAD_BODIES[path]), *raw]:
        answer = telemetry.http.post(path, content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, (body[:80], answer.status_code, answer.text[:200])
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.text
    for kind in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"}):
        answer = telemetry.http.post(path, content=json.dumps(SYSTEM), headers=kind)
        assert answer.status_code == 400
    assert (telemetry.get("/host_systems"), telemetry.get("/benchmarks")) == before


def test_references_to_nothing(telemetry: Telemetry) -> None:
    event = {"benchmark_id": 2**31 - 1, "name": "n", "phase": "p", "created_at": "2020-01-01T00:00:00"}
    for path, document in (("/benchmarks", run(2**31 - 1)), ("/benchmarks/events", event)):
        answer = telemetry.http.post(path, json=document)
        assert answer.status_code == 500
        assert answer.json().keys() == {"error"}
        assert answer.json()["error"]


def test_the_content_type_may_have_parameters(telemetry: Telemetry) -> None:
    kind = {"Content-Type": "Application/JSON; charset=utf-8"}
    assert telemetry.http.post("/host_systems", content=json.dumps(SYSTEM), headers=kind).status_code == 200


def test_bodies_up_to_the_limit(paging: Telemetry, telemetry: Telemetry) -> None:
    bare = len(json.dumps({"setup": ""}))
    for service, limit in ((paging, 2000), (telemetry, 1_048_576)):
        assert (
            service.http.post(
                "/benchmarks",
                content=json.dumps({"setup": "x" * (limit - bare)}),
                headers={"Content-Type": "application/json"},
            ).status_code
            == 200
        )
        too_large = json.dumps({"setup": "x" * (limit - bare + 1)}).encode()
        for body in (too_large, iter([too_large])):
            answer = service.http.post(
                "/benchmarks", content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code == 413
            assert answer.headers["content-type"].startswith("text/plain")


# --- metrics ---

NAMES = {
    "counter": [
        "tetcore_message_count", "substrate_message_count", "nodes_connected_count", "nodes_dropped_count", "tetcore_bytes_received",
        "substrate_bytes_received", "bytes_received", "bytes_sent", "requests", "feeds_connected", "feeds_disconnected",
    ],
    "gauge": [
        "current_tetcore_connections", "current_substrate_connections", "current_feed_connections", "load_avg_one", "load_avg_five",
        "load_avg_fifteen", "total_mem", "used_mem", "total_swap", "used_swap", "telemetry_buffer_messages", "telemetry_buffer_bytes",
    ],
}  # fmt: skip


def test_every_metric_has_its_name_and_kind(telemetry: Telemetry) -> None:
    answer = telemetry.http.get("/metrics/")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = answer.text.splitlines()
    metrics = telemetry.metrics()
    before = telemetry.dropped("no_json")
    with telemetry.node() as node:
        node.say(b"hello")
        node.echo()
    assert telemetry.dropped("no_json") == before + 1
    assert "# TYPE telemetry_messages_dropped_total counter" in telemetry.http.get("/metrics").text
    for kind, names in NAMES.items():
        for name in names:
            assert f"# TYPE {name} {kind}" in lines, name
            assert any(line.startswith(f"# HELP {name} ") for line in lines), name
            assert name in metrics, "a sample without labels"
    for name in ("telemetry_messages_stored_total", "telemetry_purged_rows_total", "telemetry_batch_seconds_count",
                 "telemetry_batch_rows_count", 'telemetry_batch_rows_bucket{le="+Inf"}'):  # fmt: skip
        assert name in metrics
    assert metrics["total_mem"] > 100_000
    assert len({line.split()[2] for line in lines if line.startswith("# TYPE")}) == sum(
        line.startswith("# TYPE") for line in lines
    )


def test_requests_are_counted_and_scrapes_are_not(telemetry: Telemetry) -> None:
    before = telemetry.metrics()["requests"]
    for path in ENDPOINTS[:8]:
        telemetry.http.get(path)
    telemetry.http.get("/metrics")
    telemetry.http.get("/health")
    with telemetry.node():
        pass
    assert telemetry.metrics()["requests"] == before + 8


def test_the_rows_of_batches_add_up(telemetry: Telemetry) -> None:
    node = Node(time.time_ns())
    telemetry.send(node.talk(len(TYPES)))
    telemetry.wait_stored(node.peer_id, len(TYPES))
    metrics = telemetry.metrics()
    assert metrics["telemetry_batch_rows_sum"] == metrics["telemetry_messages_stored_total"]
    assert metrics["telemetry_batch_seconds_count"] >= metrics["telemetry_batch_rows_count"] > 0
