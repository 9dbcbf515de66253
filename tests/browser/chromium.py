"""Real Chromium, and what every page of ours must be in it."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

WAIT_MS = 40_000


def launch() -> Iterator[Any]:
    """Chromium of the system, else playwright's own; skips, saying why, where there is neither."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        path = shutil.which("chromium") or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip(
                "there is no Chromium: apt install chromium, or python -m playwright install chromium"
            )
        chromium = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@dataclass
class Faults:
    """What must not happen on a page: errors, dialogs, and requests to other hosts."""

    host: str
    errors: list[str] = field(default_factory=list)

    def watch(self, page: Any) -> None:
        """Write down whatever goes wrong on a page."""
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("dialog", lambda dialog: self.errors.append(f"a dialog: {dialog.message}"))
        page.on("request", lambda request: self._see(request.url))
        page.on("websocket", lambda socket: self._see(socket.url))

    def _see(self, url: str) -> None:
        if not url.startswith("data:") and url.split("/")[2] != self.host:
            self.errors.append(f"a request to another host: {url}")


@contextlib.contextmanager
def open_page(
    browser: Any, url: str, *, width: int = 1280, scheme: str = "light", faultless: bool = True
) -> Iterator[Any]:
    """A page, which must be without fault until the end of the block.

    Args:
        browser: from `launch`.
        url: of the page.
        width: of the window, CSS pixels.
        scheme: `light` or `dark`.
        faultless: whether errors fail the test; not where the test causes them.
    """
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme, reduced_motion="reduce"
    )
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    faults = Faults(url.split("/")[2])
    faults.watch(page)
    page.goto(url)
    yield page
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), "the page scrolls sideways"
    assert page.locator("img, iframe, [onclick], [onerror], [style]").count() == 0
    context.close()
    assert not faultless or faults.errors == []
