"""The pages in real Chromium: no error, no other host, a line for every series, hostile names inert."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.browser.chromium import open_page
from tests.telemetry_service import Telemetry, telemetry_running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
HOSTILE = "<img src=x onerror=alert(1)>"
PAGES = ("benchmarks", "profiling", "reputation", "live")


@pytest.fixture(scope="module")
def telemetry() -> Iterator[Telemetry]:
    with telemetry_running() as running:
        _say(running)
        yield running


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
    with open_page(
        browser, f"{telemetry.platform.telemetry_url}/dashboard/{name}", width=width, scheme=scheme
    ) as page:
        if name != "live":
            page.click("#view")
            page.locator("svg.chart polyline").first.wait_for(state="attached")
        else:
            page.locator("table tbody tr, #empty").first.wait_for(state="attached")


def test_the_hostile_name_is_shown_as_it_is(telemetry: Telemetry, browser: Any) -> None:
    with open_page(browser, f"{telemetry.platform.telemetry_url}/dashboard/profiling") as page:
        page.locator("#node option").first.wait_for(state="attached")
        labels = page.locator("#node option").all_inner_texts()
        assert any(HOSTILE in label for label in labels), json.dumps(labels)
        assert any("unnamed" in label for label in labels)


@pytest.mark.parametrize(
    "path", ["/dashboard/{}/", "/telemetry/dashboard/{}", "/telemetry//dashboard//{}///"]
)
def test_a_proxy_may_forward_only_the_prefix(telemetry: Telemetry, browser: Any, path: str) -> None:
    """Whatever form a page's address has, all it needs lies where the page does."""
    paths: list[str] = []
    with open_page(browser, telemetry.platform.telemetry_url + path.format("live")) as page:
        page.on("request", lambda request: paths.append(request.url))
        page.reload()
        page.locator("#empty").wait_for()
        page.locator("nav a", has_text="Profiling").click()
        page.locator("#node option").first.wait_for(state="attached")
        page.click("#view")
        page.locator("svg.chart polyline").first.wait_for(state="attached")
    begin = f"{telemetry.platform.telemetry_url}/" + ("telemetry/" if "telemetry" in path else "")
    assert [each for each in paths if not each.startswith((begin, "data:"))] == []
    assert f"{begin}nodes" in paths
