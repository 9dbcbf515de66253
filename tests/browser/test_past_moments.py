"""The live page of a moment of the past: marked as such, stepped through, shared by its address, left in one click."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.browser.chromium import open_page
from tests.telemetry_service import Telemetry, frames, telemetry_running, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
GENESIS = "0x" + "ab" * 32
OTHER = "0x" + "cd" * 32


def now() -> datetime:
    return datetime.now(UTC)


def hello(name: str, genesis: str = GENESIS) -> dict[str, Any]:
    known = {
        "name": name,
        "chain": f"Chain {genesis[2:4]}",
        "genesis_hash": genesis,
        "network_id": f"12D3KooW{name}",
    }
    return {
        "msg": "system.connected",
        "implementation": "Node",
        "version": "2.1.2",
        "ts": now().isoformat(),
        **known,
    }


def block(height: int) -> dict[str, Any]:
    return {"msg": "block.import", "height": height, "best": f"0x{height:064x}", "ts": now().isoformat()}


@dataclass
class Story:
    """A node at block 10 at a whole second, at block 11 later; meanwhile one came and one went."""

    telemetry: Telemetry
    moment: datetime

    def url(self, **asked: str) -> str:
        parts = "&".join(f"{name}={value}" for name, value in asked.items())
        return f"{self.telemetry.platform.telemetry_url}/dashboard/live" + (f"#{parts}" if parts else "")

    @property
    def at(self) -> str:
        return self.moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with (
        telemetry_running(client_timeout_s=3600) as telemetry,
        telemetry.node() as stays,
        telemetry.node() as comes,
    ):
        with telemetry.node() as goes:
            stays.send(frames([hello("stays"), block(10)]))
            goes.send(frames([hello("goes", OTHER), block(5)]))
            telemetry.wait_stored("12D3KooWstays", 2)
            telemetry.wait_stored("12D3KooWgoes", 2)
            moment = (now() + timedelta(seconds=1)).replace(microsecond=0)
            while now() < moment + timedelta(seconds=1):
                time.sleep(0.05)
            goes.close()
        stays.send(frames([block(11)]))
        comes.send(frames([hello("comes"), block(11)]))
        telemetry.wait_stored("12D3KooWcomes", 2)
        telemetry.wait_stored("12D3KooWstays", 3)
        wait_until(lambda: len(telemetry.get("/live/chains")) == 1)
        yield Story(telemetry, moment)


def row(page: Any, name: str) -> Any:
    return page.locator("tr[data-node]", has_text=name)


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_address_with_a_moment_shows_it(story: Story, browser: Any, scheme: str, width: int) -> None:
    with open_page(browser, story.url(at=story.at, chain=GENESIS), width=width, scheme=scheme) as page:
        row(page, "stays").wait_for()
        assert page.locator("tr[data-node]").count() == 1
        assert page.locator("#facts dd").first.inner_text() == "10"
        banner = page.locator("#past")
        assert banner.is_visible()
        assert story.moment.strftime("%Y-%m-%d %H:%M:%S UTC") in banner.inner_text()
        assert page.locator("#title").inner_text() == "Nodes in the past"
        assert page.locator("#chains [role=tab]").all_inner_texts() == ["Chain ab 1", "Chain cd 1"]
        page.get_by_role("tab", name="Chain cd").click()
        row(page, "goes").wait_for()
        assert story.at.replace(":", "%3A") in page.url
        page.get_by_role("tab", name="Statistics").click()
        page.locator("#view-statistics td", has_text="2.1.2").first.wait_for()
        assert "As of" in page.locator("#view-statistics").inner_text()


def test_nothing_of_the_present_is_mixed_in(story: Story, browser: Any) -> None:
    with open_page(browser, story.url(at=story.at)) as page:
        streams: list[str] = []
        page.on(
            "request", lambda request: streams.append(request.url) if "/live/stream" in request.url else None
        )
        page.reload()
        row(page, "stays").wait_for()
        with story.telemetry.node() as late:
            late.send(frames([hello("late"), block(11)]))
            wait_until(lambda: len(story.telemetry.get(f"/live/chains/{GENESIS}/nodes")) == 3)
            page.wait_for_timeout(6000)  # longer than the page asks for chains while it is live
            assert page.locator("tr[data-node]").count() == 1
            assert page.locator("#facts dd").first.inner_text() == "10"
            assert streams == []
            late.close()


def test_back_to_live_in_one_click(story: Story, browser: Any) -> None:
    with open_page(browser, story.url(at=story.at)) as page:
        row(page, "stays").wait_for()
        page.get_by_role("button", name="Back to live").click()
        row(page, "comes").wait_for()
        assert page.locator("#past").is_hidden()
        assert page.locator("#title").inner_text() == "Live nodes"
        assert "at=" not in page.url
        assert page.locator("#facts dd").first.inner_text() == "11"
        page.locator("#status", has_text="Live.").wait_for()
        page.go_back()
        page.locator("#past").wait_for()
        page.locator("#facts dd", has_text="10").first.wait_for()


def test_steps_by_keyboard(story: Story, browser: Any) -> None:
    with open_page(browser, story.url(at=story.at)) as page:
        row(page, "stays").wait_for()
        page.locator("#moment select").select_option("86400")
        page.get_by_role("button", name="Back", exact=False).first.focus()
        page.keyboard.press("Enter")
        page.locator("#gone").wait_for()
        day_before = (story.moment - timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S UTC")
        assert day_before in page.locator("#past").inner_text()
        page.get_by_role("button", name="Forward").focus()
        page.keyboard.press("Enter")
        row(page, "stays").wait_for()
        assert page.locator("#gone").is_hidden()
        page.keyboard.press("Enter")  # a day on is still to come: live
        row(page, "comes").wait_for()
        assert page.locator("#past").is_hidden()
        assert "Back" in page.evaluate("document.activeElement.textContent")


def test_a_moment_from_the_form(story: Story, browser: Any) -> None:
    with open_page(browser, story.url()) as page:
        row(page, "comes").wait_for()
        page.get_by_label("Moment, UTC").fill("2999-01-01T00:00:00")
        page.get_by_role("button", name="Show", exact=True).click()
        assert "still to come" in page.get_by_label("Moment, UTC").evaluate(
            "field => field.validationMessage"
        )
        page.get_by_label("Moment, UTC").fill(story.at.removesuffix("Z"))
        page.get_by_role("button", name="Show", exact=True).click()
        page.locator("#past").wait_for()
        page.locator("#facts dd", has_text="10").first.wait_for()
        assert page.locator("tr[data-node]").count() == 1


@pytest.mark.parametrize(
    "wrong", ["yesterday", "2999-01-01T00:00:00Z", "2021-02-30T99:00:00Z", "-1", "<b>x</b>"]
)
def test_an_address_that_names_no_moment_says_so(story: Story, browser: Any, wrong: str) -> None:
    with open_page(browser, story.url(at=wrong)) as page:
        row(page, "comes").wait_for()
        page.locator("#status", has_text="this is the present").wait_for()
        assert page.locator("#past").is_hidden()


def test_a_node_s_history_ends_at_the_moment(story: Story, browser: Any) -> None:
    with open_page(browser, story.url(at=story.at, chain=GENESIS)) as page:
        row(page, "stays").wait_for()
        row(page, "stays").locator("a").focus()
        page.keyboard.press("Enter")
        page.locator("#history .messages summary").first.wait_for()
        page.locator("#history [role=status]", has_text="the moment shown").wait_for()
        assert page.locator("#history .messages summary").count() == 2
        page.keyboard.press("Escape")
        page.locator("#history").wait_for(state="hidden")
        assert page.evaluate("document.activeElement.textContent") == "stays"


def test_a_past_that_cannot_be_read_is_not_shown_as_one(story: Story, browser: Any) -> None:
    with open_page(browser, story.url(), faultless=False) as page:
        row(page, "comes").wait_for()
        page.route("**/live/chains?at=*", lambda route: route.fulfill(status=500, body="{}"))
        page.get_by_role("button", name="Back", exact=False).first.click()
        page.locator("#status.bad", has_text="could not be read").wait_for()
        assert page.locator("tr[data-node]").count() == 0
        page.unroute("**/live/chains?at=*")
        page.get_by_role("button", name="Try again").click()
        page.locator("#status", has_text="As of").wait_for()
