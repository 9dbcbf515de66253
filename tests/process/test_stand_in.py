"""The stand-in gateway: for trials, and asked as clients of ao ask a gateway."""

import httpx
from tests.running_platform import RunningPlatform, open_directory
from tests.scheduler_unit import message, spawn

from lamina.formats.ans104.signed_item import SignedItem
from lamina.formats.ans104.signers import Ed25519Signer

QUERY = """
query ($first: Int, $after: String, $sort: SortOrder) {
  transactions(first: $first, after: $after, sort: $sort, tags: [{name: "Type", values: ["Message"]}]) {
    pageInfo { hasNextPage }
    edges { cursor node { id } }
  }
}
"""


def test_production_does_not_run_the_stand_in() -> None:
    production = {"LAMINA_PLATFORM__PROFILE": "production"}
    with open_directory() as directory:
        platform = RunningPlatform(directory / "data", environment=production)
        told = platform.run("up", "--services", "gateway")
    assert told.returncode == 3, told.stderr
    assert "invents a network" in told.stderr
    assert "scheduler.gateway_url" in told.stderr


def test_what_was_uploaded_is_read_page_by_page() -> None:
    by = Ed25519Signer.from_seed(b"s" * 32)
    process = spawn(by)
    sent = [message(by, process, b"%d" % number) for number in range(5)]
    with open_directory() as directory:
        platform = RunningPlatform(directory / "data", args=("--services", "gateway")).start()
        try:
            _read_page_by_page(f"http://127.0.0.1:{1984 + platform.offset}", [process, *sent])
        finally:
            platform.stop()


def _read_page_by_page(url: str, items: list[SignedItem]) -> None:
    with httpx.Client(base_url=url, trust_env=False) as http:
        for item in items:
            http.post("/tx/arweave", content=item.to_bytes()).raise_for_status()
        ids = [item.id for item in items[1:]]
        assert _pages(http, "HEIGHT_ASC") == [ids[:2], ids[2:4], ids[4:]]
        ids.reverse()
        assert _pages(http, "HEIGHT_DESC") == [ids[:2], ids[2:4], ids[4:]]
        refused = _ask(http, {"first": 2, "after": "A" * 43})
        assert refused.status_code == 400
        assert "begin without one" in refused.json()["errors"][0]["message"]


def _pages(http: httpx.Client, sort: str) -> list[list[str]]:
    """The ids of every page, each asked for behind the last cursor of the one before."""
    pages: list[list[str]] = []
    after: str | None = None
    while True:
        answer = _ask(http, {"first": 2, "after": after, "sort": sort})
        found = answer.raise_for_status().json()["data"]["transactions"]
        pages.append([edge["node"]["id"] for edge in found["edges"]])
        if not found["pageInfo"]["hasNextPage"]:
            return pages
        after = found["edges"][-1]["cursor"]


def _ask(http: httpx.Client, variables: dict[str, object]) -> httpx.Response:
    return http.post("/graphql", json={"query": QUERY, "variables": variables})
