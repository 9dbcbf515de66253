"""The pages in real Chromium: no error, no other host, a line for every series, hostile names inert."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.telemetry_service import Telemetry, telemetry_running

sync_api: Any = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here"),
]
HOSTILE = "<img src=x onerror=alert(1)>"
PAGES = ("benchmarks", "profiling", "reputation", "live")


@pytest.fixture(scope="module")
def telemetry() -> Iterator[Telemetry]:
    with telemetry_running() as running:
        _say(running)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def at(seconds: float = 0) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def _say(telemetry: Telemetry) -> None:
    """Three nodes, one of them nameless, one hostile; spans, reputations, a benchmark."""
    peers = [f"12D3KooWPage{number}" + "a" * 30 for number in range(3)]
    for number, name in enumerate(("alice", HOSTILE, None)):
        nodes = {peer: {"connected": True, "reputation": 5 * number} for peer in peers}
        peerset = {"nodes": nodes} if number else {"sets": [{"nodes": nodes}]}
        greeting = {"msg": "system.connected", "network_id": peers[number], "name": name, "chain": "Dev"}
        said: list[dict[str, Any]] = [{**greeting, "ts": at(-40)}]
        for second in (-30, -20, -10):
            said.append({"msg": "system.network_state", "state": {"peerset": peerset}, "ts": at(second)})
            said.append(
                {
                    "msg": "tracing.profiling",
                    "target": "pallet",
                    "name": "transfer",
                    "time": 1000,
                    "ts": at(second),
                }
            )
        telemetry.send(said)
    telemetry.send([{"msg": "unidentified", "ts": at()}])
    for peer in peers:
        telemetry.wait_stored(peer, 7)
    setup = {"setup": {"tetcore": {"peerId": peers[0]}}}
    benchmark = telemetry.http.post("/benchmarks", json=setup).json()["id"]
    for phase, second in (("start", -60), ("end", 60)):
        moment = (datetime.now(UTC) + timedelta(seconds=second)).replace(tzinfo=None).isoformat()
        event = {"benchmark_id": benchmark, "name": "run", "phase": phase, "created_at": moment}
        assert telemetry.http.post("/benchmarks/events", json=event).status_code == 200


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_page(telemetry: Telemetry, browser: Any, name: str, scheme: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    faults: list[str] = []
    hosts: set[str] = set()
    page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("dialog", lambda dialog: faults.append("a node's name ran as a script"))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.goto(f"{telemetry.platform.telemetry_url}/dashboard/{name}")
    if name != "live":
        page.click("#view")
        page.locator("svg.chart polyline").first.wait_for(state="attached", timeout=10_000)
    else:
        page.locator("table tbody tr, #empty").first.wait_for(state="attached", timeout=10_000)
    assert faults == []
    assert hosts == {telemetry.platform.telemetry_url.removeprefix("http://")}
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert page.locator("img").count() == 0
    context.close()


def test_the_hostile_name_is_shown_as_it_is(telemetry: Telemetry, browser: Any) -> None:
    page = browser.new_page()
    page.goto(f"{telemetry.platform.telemetry_url}/dashboard/profiling")
    page.locator("#node option").first.wait_for(state="attached")
    labels = page.locator("#node option").all_inner_texts()
    assert any(HOSTILE in label for label in labels), json.dumps(labels)
    assert any("unnamed" in label for label in labels)
    page.close()
