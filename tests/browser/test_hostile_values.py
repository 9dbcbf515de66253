"""Nodes that send what cannot be: every page still works, and shows it as text or not at all."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.browser.chromium import open_page
from tests.telemetry_service import Telemetry, frames, telemetry_running

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
GENESIS = "0x" + "ab" * 32
SCRIPT = "<img src=x onerror=alert(1)><script>alert(2)</script>"
RIGHT_TO_LEFT = "\u202enimda"
UNPRINTABLE: dict[str, Any] = {"toString": 1, "valueOf": 1, "__proto__": {"polluted": True}}
# JavaScript's dates end at 8.64e15 ms; the column of the start holds any number of 63 bits.
STARTS: dict[str, Any] = {
    "largest": str(2**63 - 1),
    "just-too-late": 8_640_000_000_000_001,
    "ten-to-30": 10**30,
    "ten-to-30-text": str(10**30),
    "negative": -5,
    "text": "yesterday",
    "object": UNPRINTABLE,
}
VALUES: tuple[Any, ...] = (
    1e308, -1e308, "1e400", -7, "12", "", None, True, [5], SCRIPT, UNPRINTABLE, 10**40, "0x10",
)  # fmt: skip


def at(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def hello(name: Any, peer: str, **more: Any) -> dict[str, Any]:
    known = {"name": name, "chain": SCRIPT, "genesis_hash": GENESIS, "network_id": peer}
    return {"msg": "system.connected", "implementation": SCRIPT, "version": RIGHT_TO_LEFT, **known, **more}


def peer_of(name: str) -> str:
    return f"12D3KooW{name}".ljust(52, "x")


@pytest.fixture(scope="module")
def telemetry() -> Iterator[Telemetry]:
    """A node for each start, and one that says everything impossible; they stay connected."""
    with telemetry_running(client_timeout_s=3600) as running, running.node("/submit") as node:
        said: list[dict[str, Any]] = []
        for number, (name, start) in enumerate(STARTS.items()):
            greeting = hello(f"{name} {SCRIPT}", peer_of(name), startup_time=start)
            said.append({"id": number, "ts": at(-60), "payload": greeting})
        worst = len(STARTS)
        said.append(
            {"id": worst, "ts": at(-60), "payload": hello(RIGHT_TO_LEFT + "n" * 400, peer_of("worst"))}
        )
        for second, value in enumerate(VALUES):
            nodes = {peer_of(name): {"connected": value, "reputation": value} for name in STARTS}
            for payload in (
                {"msg": "tracing.profiling", "name": value, "target": value, "time": value},
                {"msg": "tracing.profiling", "name": "span", "target": SCRIPT, "time": value},
                {"msg": "system.network_state", "state": {"peerset": {"nodes": nodes}}},
                {"msg": "system.network_state", "state": value},
                {"msg": "system.interval", "peers": value, "height": value, "txcount": value,
                 "bandwidth_upload": value, "used_state_cache_size": value, "best": value},
                {"msg": "block.import", "height": value, "best": value},
                {"msg": "sysinfo.hwbench", "cpu_hashrate_score": value},
            ):  # fmt: skip
                said.append({"id": worst, "ts": at(second - 50), "payload": payload})
        far = {"msg": "tracing.profiling", "name": "span", "target": "ahead", "time": 1}
        said.append({"id": worst, "ts": "9999-12-31T23:59:59Z", "payload": far})
        said.append({"id": worst, "ts": at(0), "payload": {"msg": SCRIPT, "name": UNPRINTABLE}})
        node.send(frames(said))
        running.wait_stored(peer_of("worst"), 3 + 7 * len(VALUES))
        setup = {"tetcore": {"peerId": peer_of("worst")}}
        identity = running.http.post("/benchmarks", json={"setup": setup}).json()["id"]
        odd = running.http.post("/benchmarks", json={"setup": {"tetcore": {"peerId": UNPRINTABLE}}})
        assert odd.status_code == 200
        for phase, second in (("start", -60), ("end", 60)):
            moment = (datetime.now(UTC) + timedelta(seconds=second)).replace(tzinfo=None).isoformat()
            event = {"benchmark_id": identity, "name": SCRIPT, "phase": phase, "created_at": moment}
            assert running.http.post("/benchmarks/events", json=event).status_code == 200
        yield running


def url(telemetry: Telemetry, page: str) -> str:
    return f"{telemetry.platform.telemetry_url}/dashboard/{page}"


def choose(page: Any, name: str) -> None:
    page.locator("#node option").first.wait_for(state="attached")
    page.select_option("#node", peer_of(name))
    page.click("#view")
    page.locator("#facts dd").first.wait_for()


@pytest.mark.parametrize("where", ["profiling", "reputation"])
def test_an_impossible_start_breaks_no_page(telemetry: Telemetry, browser: Any, where: str) -> None:
    known = telemetry.nodes()
    with open_page(browser, url(telemetry, where)) as page:
        for name in STARTS:
            choose(page, name)
            facts = page.locator("#facts").inner_text()
            assert name in facts
            expected = "unknown" if known[peer_of(name)]["startup_time"] is None else "impossible"
            assert expected in facts.partition("Started")[2].partition("Peers")[0], facts
            assert page.locator("#status.bad").count() == 0


def test_profiling_of_what_cannot_be_drawn(telemetry: Telemetry, browser: Any) -> None:
    with open_page(browser, url(telemetry, "profiling")) as page:
        choose(page, "worst")
        chart = page.locator("figure", has=page.locator("figcaption", has_text="span"))
        chart.locator("polyline").first.wait_for(state="attached")
        drawn = chart.locator("polyline").evaluate_all(
            "all => all.map(each => each.getAttribute('points')).join()"
        )
        assert drawn
        assert "NaN" not in drawn
        assert "Infinity" not in drawn
        assert page.locator("#status.bad").count() == 0
        assert page.evaluate("({}).polluted") is None


def test_reputation_of_what_cannot_be_drawn(telemetry: Telemetry, browser: Any) -> None:
    with open_page(browser, url(telemetry, "reputation")) as page:
        choose(page, "largest")
        page.locator("svg.chart polyline").first.wait_for(state="attached")
        assert "NaN" not in page.locator("svg.chart polyline").first.get_attribute("points")
        assert page.locator("#status.bad").count() == 0


def test_a_benchmark_of_what_cannot_be_drawn(telemetry: Telemetry, browser: Any) -> None:
    with open_page(browser, url(telemetry, "benchmarks")) as page:
        page.locator("#benchmark option").nth(1).wait_for(state="attached")
        page.select_option("#benchmark", index=1)
        page.locator("#event option").first.wait_for(state="attached")
        page.click("#view")
        page.locator("svg.chart polyline").first.wait_for(state="attached")
        assert page.locator("#status.bad").count() == 0


def test_the_live_list_and_a_node_s_history(telemetry: Telemetry, browser: Any) -> None:
    with open_page(browser, url(telemetry, "live")) as page:
        page.locator("tr[data-node]").nth(len(STARTS)).wait_for()
        page.click("#columns summary")
        for box in page.locator("#columns input").all():
            box.check()
        page.click("th[data-key=uptime] button")
        text = page.locator("#nodes").inner_text()
        assert SCRIPT in text
        assert "NaN" not in text
        assert "Invalid" not in text
        for view in ("Map", "Statistics", "List"):
            page.get_by_role("tab", name=view).click()
        page.locator(f"tr[data-node^='{peer_of('largest')}'] td a").click()
        page.locator("#history .facts dd").first.wait_for()
        assert "impossible" in page.locator("#history .facts").inner_text()
        page.keyboard.press("Escape")
        page.locator(f"tr[data-node^='{peer_of('worst')}'] td a").click()
        # Steps of time begin where they do: all values may fall into one, which is a point and no line.
        drawn = "#history svg.chart :is(polyline, circle:not(.mark))"
        page.locator(drawn).first.wait_for(state="attached")
        page.locator("#history .messages summary").first.click()
        page.locator("#history .messages pre").first.wait_for()
        assert page.locator("#history .bad").count() == 0
