"""The pages as a browser fetches them: complete from this host alone, cached, replaceable (spec/telemetry.md 9)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.running_platform import open_directory
from tests.telemetry_service import Telemetry, telemetry_running

PAGES = ("benchmarks", "profiling", "reputation")
OTHER_HOST = re.compile(r"""(?:https?:)?//[a-z0-9.-]+""", re.IGNORECASE)
NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.fixture(scope="module")
def own_pages() -> Iterator[Path]:
    with open_directory() as directory:
        (directory / "live").mkdir()
        (directory / "live" / "index.html").write_text("<h1>ours</h1>")
        (directory / "live" / "own.js").write_text("1")
        (directory / "secret.txt").write_text("secret")
        (directory / "live" / "link.txt").symlink_to(directory / "secret.txt")
        yield directory


@pytest.fixture(scope="module")
def telemetry(own_pages: Path) -> Iterator[Telemetry]:
    with telemetry_running(assets_path=own_pages) as running:
        yield running


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(
    "form", ["/dashboard/{}", "/dashboard/{}/", "/telemetry/dashboard/{}", "/telemetry/dashboard/{}/"]
)
def test_a_page_and_all_it_needs_come_from_here(telemetry: Telemetry, name: str, form: str) -> None:
    page = telemetry.http.get(form.format(name))
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    links = re.findall(r'(?:src|href)="(\.[^"]+)"', page.text)
    wanted = {str(page.url.join(link)) for link in links}
    begin = str(page.url.join("/")) + ("telemetry/" if "telemetry" in form else "")
    assert all(url.startswith(begin) for url in wanted), wanted
    assert {"style.css", f"{name}.js", "live", "profiling"} <= {url.rpartition("/")[2] for url in wanted}
    for url in wanted:
        answer = telemetry.http.get(url)
        assert answer.status_code == 200, url
    assert not re.findall(r'(?:src|href)="/', page.text)
    assert not OTHER_HOST.findall(page.text)


def test_scripts_import_only_what_is_here(telemetry: Telemetry) -> None:
    seen: set[str] = set()
    waiting = {f"{name}.js" for name in PAGES}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        answer = telemetry.http.get(f"/dashboard/assets/{name}")
        assert answer.status_code == 200, name
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        text = "\n".join(
            line.partition("//")[0] if line.lstrip().startswith("//") else line
            for line in answer.text.splitlines()
        )
        assert not [
            found for found in re.findall(r"""["'`](https?://[^"'`$]+)""", text) if found != NAMESPACE
        ]
        assert "innerHTML" not in text
        waiting |= set(re.findall(r'from "\./([a-z]+\.js)"', text)) - seen


def test_a_page_that_did_not_change_is_not_sent_again(telemetry: Telemetry) -> None:
    page = telemetry.http.get("/dashboard/profiling")
    again = telemetry.http.get("/dashboard/profiling", headers={"if-none-match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_pages_of_one_s_own(telemetry: Telemetry) -> None:
    assert telemetry.http.get("/dashboard/live").text == "<h1>ours</h1>"
    assert telemetry.http.get("/dashboard/live/own.js").text == "1"
    for hostile in (
        "link.txt",
        "..%2fsecret.txt",
        "%2e%2e/secret.txt",
        "nope.txt",
        ".hidden",
        "a/../../secret.txt",
    ):
        answer = telemetry.http.get(f"/dashboard/live/{hostile}")
        assert (answer.status_code, "secret" in answer.text) == (404, False), hostile


def test_people_are_shown_to_the_pages_and_nodes_are_told_what_to_do(telemetry: Telemetry) -> None:
    person = telemetry.http.get("/", headers={"accept": "text/html,*/*"})
    assert (person.status_code, person.headers["location"]) == (303, "/dashboard/live")
    for path in ("/telemetry", "/telemetry/", "/telemetry/submit"):
        person = telemetry.http.get(path, headers={"accept": "text/html"})
        assert (person.status_code, person.headers["location"]) == (303, "/telemetry/dashboard/live"), path
    assert telemetry.http.get("/").status_code == 400
