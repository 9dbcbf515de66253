"""The router's OpenAPI document against the running router: what it answers is what the document tells of."""

import os
from collections.abc import Iterator
from typing import Any

import pytest
from tests.described_answers import examples_hold, holds, methods_hold, page_holds
from tests.scheduler_router import FakeUnit, Router, database, fake_units, router_running, write_list
from tests.scheduler_unit import message, signer, spawn

from lamina.formats.ans104.signed_item import SignedItem
from lamina.services.scheduler.settings import SchedulerSettings

UNKNOWN = "x" * 43


@pytest.fixture(scope="module")
def dsn(postgres: str) -> Iterator[str]:
    with database(postgres) as made:
        yield made


@pytest.fixture(scope="module")
def unit() -> Iterator[FakeUnit]:
    with fake_units(1) as units:
        yield units[0]


@pytest.fixture(scope="module")
def router(dsn: str, unit: FakeUnit, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    listed = tmp_path_factory.mktemp("router") / "list.json"
    write_list(listed, unit.url)
    with router_running(dsn, listed) as running:
        running.wait_up(unit.url)
        yield running


@pytest.fixture(scope="module")
def proxy(
    dsn: str, router: Router, unit: FakeUnit, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Router]:
    """Beside the other one, on the same database."""
    listed = tmp_path_factory.mktemp("proxy") / "list.json"
    write_list(listed, unit.url)
    with router_running(dsn, listed, router_post="proxy") as running:
        running.wait_up(unit.url)
        yield running


@pytest.fixture(scope="module")
def document(router: Router) -> dict[str, Any]:
    return router.http.get("/lamina/openapi.json").json()


@pytest.fixture(scope="module")
def process(router: Router) -> SignedItem:
    spawned = spawn(signer(), data=os.urandom(8))
    router.place(spawned.to_bytes())
    return spawned


def test_every_route_is_described_and_every_described_operation_is_routed(
    router: Router, document: dict[str, Any]
) -> None:
    assert set(document["paths"]) == {
        "/", "/timestamp", "/health", "/metrics", "/{id}", "/{id}/latest", "/processes/{id}", "/lamina/units",
        "/lamina/openapi.json", "/lamina/docs",
    }  # fmt: skip
    methods_hold(document, router.http, UNKNOWN)


@pytest.mark.parametrize("path", ["/", "/timestamp", "/{id}", "/{id}/latest", "/processes/{id}"])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_read_is_answered_as_described(
    router: Router, document: dict[str, Any], process: SignedItem, path: str, is_known: bool
) -> None:
    asked = process.id if is_known else UNKNOWN
    answer = router.http.get(path.replace("{id}", asked), params={"process-id": asked})
    assert answer.status_code == (307 if is_known else 400)
    holds(document, answer, path)


@pytest.mark.parametrize("path", ["/health", "/metrics", "/lamina/units", "/lamina/docs"])
def test_the_routers_own_answers_are_as_described(
    router: Router, document: dict[str, Any], path: str
) -> None:
    holds(document, router.http.get(path), path)


def test_what_is_posted_is_answered_as_described(
    router: Router, document: dict[str, Any], process: SignedItem
) -> None:
    bodies = {
        307: message(signer(), process, b"described").to_bytes(),
        400: b"no item",
        413: b" " * (SchedulerSettings().body_bytes_max + 1),
    }
    for status, body in bodies.items():
        answer = router.post(body)
        assert answer.status_code == status, answer.text
        holds(document, answer, "/", "post")


def test_a_router_that_sends_on_describes_what_it_answers(
    proxy: Router, unit: FakeUnit, process: SignedItem
) -> None:
    document = proxy.http.get("/lamina/openapi.json").json()
    assert "307" not in document["paths"]["/"]["post"]["responses"]
    body = message(signer(), process, b"sent on").to_bytes()
    unit.answer = (200, "application/json", f'{{"id":"{UNKNOWN}","timestamp":1}}'.encode())
    holds(document, proxy.post(body), "/", "post")
    unit.stop()
    try:
        answer = proxy.post(body)
        assert answer.status_code == 503
        holds(document, answer, "/", "post")
    finally:
        unit.start()


def test_the_examples_are_as_described(document: dict[str, Any]) -> None:
    assert examples_hold(document) >= 2


def test_the_page_shows_every_operation(router: Router, document: dict[str, Any]) -> None:
    page_holds(document, router.http)
