"""Charts for everybody: by keyboard, as a table, hidden and shown; what a page says while it has nothing to show."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.browser.chromium import open_page
from tests.telemetry_service import Telemetry, telemetry_running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
PEER = "12D3KooWChart".ljust(52, "x")
TARGETS = ("pallet", "<b>state</b>")


@pytest.fixture(scope="module")
def telemetry() -> Iterator[Telemetry]:
    """A node with one span of two targets: 1, 2, 3 and 10, 20, 30 nanoseconds."""
    with telemetry_running() as running:
        begin = datetime.now(UTC) - timedelta(seconds=60)
        said: list[dict[str, Any]] = [
            {"msg": "system.connected", "network_id": PEER, "name": "charted", "ts": begin.isoformat()}
        ]
        for number in (1, 2, 3):
            for factor, target in zip((1, 10), TARGETS, strict=True):
                moment = begin + timedelta(seconds=10 * number)
                span = {"msg": "tracing.profiling", "name": "transfer", "target": target}
                said.append({**span, "time": number * factor, "ts": moment.isoformat()})
        running.send(said)
        running.wait_stored(PEER, 7)
        yield running


@pytest.fixture(scope="module")
def empty() -> Iterator[Telemetry]:
    with telemetry_running() as running:
        yield running


def url(telemetry: Telemetry, page: str) -> str:
    return f"{telemetry.platform.telemetry_url}/dashboard/{page}"


@pytest.mark.parametrize("width", [360, 1280])
def test_a_chart_by_keyboard_and_as_a_table(telemetry: Telemetry, browser: Any, width: int) -> None:
    with open_page(browser, url(telemetry, "profiling"), width=width) as page:
        page.locator("#node option").first.wait_for(state="attached")
        page.locator("#view").press("Enter")
        page.locator("svg.chart polyline").nth(1).wait_for(state="attached")
        chart = page.get_by_role("slider", name="transfer, points")
        chart.focus()
        read = []
        for key in ("ArrowLeft", "ArrowLeft", "Home", "PageDown", "End", "ArrowRight"):
            page.keyboard.press(key)
            value = chart.get_attribute("aria-valuetext")
            assert page.locator(".reading").inner_text() == value
            read.append(value.partition("UTC: ")[2].partition(" – ")[0])
        assert read == [
            "pallet::transfer, 3",
            "pallet::transfer, 2",
            "pallet::transfer, 1",
            "<b>state</b>::transfer, 10",
            "<b>state</b>::transfer, 30",
            "<b>state</b>::transfer, 30",
        ]
        assert chart.get_attribute("aria-valuenow") == chart.get_attribute("aria-valuemax") == "3"
        page.get_by_text("The same as a table").press("Enter")
        cells = page.locator("table.points tbody tr td:nth-child(2)")
        cells.nth(5).wait_for()
        assert sorted(int(text) for text in cells.all_inner_texts()) == [1, 2, 3, 10, 20, 30]
        page.get_by_role("button", name="pallet::transfer").press("Space")
        page.locator("table.points tbody tr").nth(3).wait_for(state="detached")
        assert page.get_by_role("button", name="pallet::transfer").get_attribute("aria-pressed") == "false"
        assert page.locator("svg.chart polyline").count() == 1


def test_all_is_reached_by_the_tab_key_and_seen(telemetry: Telemetry, browser: Any) -> None:
    with open_page(browser, url(telemetry, "profiling")) as page:
        page.locator("#node option").first.wait_for(state="attached")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        reached = []
        for _ in range(5):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id"))
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline == "solid", reached
        assert reached == ["node", "aggregate", "interval", "minutes", "view"]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("profiling", "--telemetry-url"),
        ("reputation", "--telemetry-url"),
        ("benchmarks", "POST one to /benchmarks"),
    ],
)
def test_an_empty_page_says_what_to_do(empty: Telemetry, browser: Any, name: str, advice: str) -> None:
    with open_page(browser, url(empty, name), width=360) as page:
        page.locator("#status", has_text=advice).wait_for()
        assert page.locator("#view").is_disabled()
        assert page.locator("#status.bad").count() == 0


def test_the_live_page_without_nodes_says_how_to_connect_one(empty: Telemetry, browser: Any) -> None:
    with open_page(browser, url(empty, "live"), width=360) as page:
        page.locator("#connect").wait_for()
        address = f"ws://127.0.0.1:{empty.platform.telemetry_port}/ 0"
        assert address in page.locator("#connect").inner_text()


def test_a_node_that_sends_no_spans(telemetry: Telemetry, browser: Any) -> None:
    with open_page(browser, url(telemetry, "reputation")) as page:
        page.locator("#node option").first.wait_for(state="attached")
        page.click("#view")
        page.locator(".empty", has_text="Start another one").wait_for()


@pytest.mark.parametrize("name", ["profiling", "reputation", "benchmarks"])
def test_what_failed_is_said_and_may_be_tried_again(telemetry: Telemetry, browser: Any, name: str) -> None:
    with open_page(browser, url(telemetry, name), faultless=False) as page:
        page.route("**/nodes", lambda route: route.fulfill(status=500, body="{}"))
        page.route(
            "**/benchmarks",
            lambda route: route.abort() if "dashboard" not in route.request.url else route.continue_(),
        )
        page.reload()
        page.locator("#status.bad").wait_for()
        page.unroute("**/nodes")
        page.unroute("**/benchmarks")
        page.get_by_role("button", name="Try again").click()
        page.locator("#status.bad").wait_for(state="detached")
        page.locator(
            "#status", has_text="Choose" if name != "benchmarks" else "There is no benchmark yet"
        ).wait_for()
