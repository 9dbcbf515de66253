"""The scheduler's OpenAPI document against the running unit: what it answers is what the document tells of."""

from typing import Any

import pytest
from tests import plain_http
from tests.described_answers import examples_hold, holds, methods_hold, page_holds
from tests.scheduler_unit import Unit, message, scheduler_running, signer, spawn

from lamina.formats.ans104.signed_item import SignedItem
from lamina.services.scheduler.settings import SchedulerSettings

UNKNOWN = "x" * 43


@pytest.fixture(scope="module")
def document(unit: Unit) -> dict[str, Any]:
    return unit.get("/lamina/openapi.json")


@pytest.fixture(scope="module")
def process(unit: Unit) -> SignedItem:
    """A process with two messages and an assignment of what is elsewhere."""
    by = signer()
    spawned, elsewhere = spawn(by, data=b"\xff"), spawn(by)
    plain_http.post(f"{unit.gateway_url}/tx/arweave", content=elsewhere.to_bytes())
    for item in (spawned, message(by, spawned, b"one"), message(by, spawned, b"\xff", anchor=b"a" * 32)):
        assert unit.post(item.to_bytes()).status_code == 200
    assigned = {"process-id": spawned.id, "assign": elsewhere.id, "exclude": "Data"}
    assert unit.http.post("/", params=assigned).status_code == 200
    return spawned


def test_every_route_is_described_and_every_described_operation_is_routed(
    unit: Unit, document: dict[str, Any]
) -> None:
    """The paths of spec/scheduler.md 8, and the two of the description; a wrong method is a 404 that allows."""
    assert set(document["paths"]) == {
        "/", "/timestamp", "/health", "/metrics", "/{id}", "/{id}/latest", "/processes/{id}",
        "/lamina/openapi.json", "/lamina/docs",
    }  # fmt: skip
    methods_hold(document, unit.http, UNKNOWN)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/", ""),
        ("/timestamp", ""),
        ("/health", ""),
        ("/{id}", ""),
        ("/{id}", "limit=1&from=0&to=9999999999999"),
        ("/{id}", "from-nonce=0&show-anchor="),
        ("/{id}/latest", ""),
        ("/processes/{id}", ""),
        ("/lamina/openapi.json", ""),
        ("/lamina/docs", ""),
    ],
)
def test_an_answer_is_as_described(
    unit: Unit, document: dict[str, Any], process: SignedItem, path: str, query: str
) -> None:
    answer = unit.http.get(f"{path.replace('{id}', process.id)}?{query}")
    assert answer.status_code == 200, answer.text
    holds(document, answer, path)


def test_single_messages_are_as_described(unit: Unit, document: dict[str, Any], process: SignedItem) -> None:
    nodes = unit.edges(process.id)
    assert [node["message"] is None for node in nodes] == [False, False, True]
    for item_id in (nodes[0]["message"]["id"], nodes[2]["assignment"]["id"]):
        holds(document, unit.http.get(f"/{item_id}"), "/{id}")


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/{id}", ""),
        ("/{id}/latest", ""),
        ("/processes/{id}", ""),
        ("/metrics", ""),
    ],
)
def test_a_refusal_is_as_described(unit: Unit, document: dict[str, Any], path: str, query: str) -> None:
    answer = unit.http.get(f"{path.replace('{id}', UNKNOWN)}?{query}")
    assert answer.status_code == 400, answer.text
    holds(document, answer, path)


@pytest.mark.parametrize("query", ["limit=-1", "limit=undefined", "from=undefined", "from-nonce=x"])
def test_a_bound_that_is_no_number_is_refused_as_described(
    unit: Unit, document: dict[str, Any], process: SignedItem, query: str
) -> None:
    answer = unit.http.get(f"/{process.id}?{query}")
    assert answer.status_code == 400
    holds(document, answer, "/{id}")


def test_what_is_posted_is_answered_as_described(
    unit: Unit, document: dict[str, Any], process: SignedItem
) -> None:
    by = signer()
    bodies = {
        200: message(by, process, b"described").to_bytes(),
        400: b"no item",
        413: b" " * (SchedulerSettings().body_bytes_max + 1),
    }
    for status, body in bodies.items():
        answer = unit.post(body)
        assert answer.status_code == status, answer.text
        holds(document, answer, "/", "post")
    holds(document, unit.http.post("/", params={"assign": UNKNOWN}), "/", "post")


def test_a_unit_that_takes_no_writes_says_so_as_described(document: dict[str, Any]) -> None:
    with scheduler_running(read_only=True) as reading:
        answer = reading.post(b"")
        assert answer.status_code == 403
        holds(document, answer, "/", "post")


def test_a_unit_that_knows_no_height_says_so_as_described(document: dict[str, Any]) -> None:
    with scheduler_running(("scheduler",)) as waiting:
        for answer in (waiting.post(spawn(signer()).to_bytes()), waiting.http.get("/timestamp")):
            assert answer.status_code == 503
            holds(document, answer, answer.request.url.path, answer.request.method.lower())


def test_the_examples_are_as_described(document: dict[str, Any]) -> None:
    assert examples_hold(document) >= 6


def test_the_page_shows_every_operation(unit: Unit, document: dict[str, Any]) -> None:
    page_holds(document, unit.http)
