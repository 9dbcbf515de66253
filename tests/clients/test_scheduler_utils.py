"""@permaweb/ao-scheduler-utils, unchanged, follows our router; `js_scheduler_utils_story.js` is what it does."""

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.absence import ClientsUnavailableError, report_absence
from tests.clients.js_environment import scheduler_utils_folder
from tests.clients.story import Story, told_by
from tests.scheduler_router import FakeUnit, Router, fake_units, write_list
from tests.scheduler_unit import Unit, scheduler_running, signer, spawn

from lamina.formats.ans104.signed_item import SignedItem

pytestmark = [pytest.mark.clients, pytest.mark.timeout(900)]

SCRIPT = Path(__file__).with_name("js_scheduler_utils_story.js")
WALLET = "w" * 43


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return scheduler_utils_folder()
    except ClientsUnavailableError as absence:
        report_absence(absence)


@pytest.fixture(scope="module")
def unit(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unit]:
    """A unit with a router beside it; a second unit of the list gets no processes."""
    del folder  # without the client there is nothing to start
    listed = tmp_path_factory.mktemp("router") / "list.json"
    write_list(listed, {"url": "http://127.0.0.1:9", "no_route": True})
    with scheduler_running(schedulers_path=listed, schedulers_interval_s=0.2) as running:
        router = Router(running.platform)
        write_list(listed, {"url": "http://127.0.0.1:9", "no_route": True}, running.url)
        router.wait_units(lambda units: running.url in units)
        router.close()
        yield running


@pytest.fixture(scope="module")
def items() -> dict[str, SignedItem]:
    by = signer()
    made = [spawn(by, data=os.urandom(2000)) for _ in range(4)]
    return {item.id: item for item in made}


@pytest.fixture(scope="module")
def story(
    folder: Path, unit: Unit, items: dict[str, SignedItem], tmp_path_factory: pytest.TempPathFactory
) -> Story:
    router_url = f"http://127.0.0.1:{9001 + unit.platform.offset}"
    with fake_units(1) as (gateway,):
        _publish(gateway, router_url)
        given = {
            "router": router_url,
            "gateway": gateway.url,
            "wallet": WALLET,
            "items": {name: b64encode(item.to_bytes()).decode() for name, item in items.items()},
        }
        directory = tmp_path_factory.mktemp("scheduler-utils")
        (directory / "given.json").write_text(json.dumps(given))
        return told_by(["node", SCRIPT, folder, directory / "given.json"], directory)


def _publish(gateway: FakeUnit, router_url: str) -> None:
    """Let a stand-in answer every query with the router as the wallet's Scheduler-Location."""
    tags = [{"name": "Url", "value": router_url}, {"name": "Time-To-Live", "value": "3600000"}]
    found = {"data": {"transactions": {"edges": [{"node": {"tags": tags}}]}}}
    gateway.answer = (200, "application/json", json.dumps(found).encode())


def test_what_is_posted_to_the_router_arrives_at_a_unit(
    story: Story, unit: Unit, items: dict[str, SignedItem]
) -> None:
    assert story.chapter("post") == {name: {"status": 200, "id": name, "unit": unit.url} for name in items}
    for name in items:
        assert unit.get(f"/processes/{name}")["process_id"] == name


def test_the_unit_of_each_process_is_found(story: Story, unit: Unit, items: dict[str, SignedItem]) -> None:
    assert story.chapter("locate") == {name: {"url": unit.url, "address": WALLET} for name in items}
