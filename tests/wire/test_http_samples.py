"""The original's answers to 100 requests (data/ledger/http_samples.jsonl), asked of a Lamina with the same chain."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests import plain_http
from tests.running_platform import RunningPlatform, open_directory
from tests.shared_data import shared_records
from tests.wire.ledger_client import status_of, store_valid_vectors, wait_until_valid

# Ids that depend on the recording node and its clock, and what stands for them here.
RECORDED_BLOCK = "189459af17a05155b3fe5e78d72786a066a4f22c38f1857a733845c191a3b303"
RECORDED_GENESIS_BLOCK = "3d38a5afd2fd8c0ab72680fdb6f11edd00b25ad7a1357c233b24c0531e1c2427"
RECORDED_GENESIS_TX = "aef0c59e496e78c9a18dc87daa2cced550c953788bd53e61be86fbfd9be64b8e"
SAMPLE_TX = "5e25bee3fe9c8e176a72c46ba5c498770fcdcac100cbed6f3abdb44cfe961626"

# architecture.md 4: an unknown path is a JSON 404, not an HTML page.
STATUS_ONLY = {"/api/v1/foo", "/api", "/foo"}
# A solo node decides within milliseconds: these two may already have passed.
FLEETING = {"in the backlog", "not in a valid block yet"}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with open_directory() as directory:
        running = RunningPlatform(directory / "data").start()
        with plain_http.Client(base_url=running.url, timeout=20) as client:
            store_valid_vectors(client)
            yield client
        assert running.stop() == 0


@pytest.fixture(scope="module")
def stand_ins(client: httpx.Client) -> dict[str, str]:
    """Recorded ids to this node's."""
    block_id = client.get("/api/v1/blocks", params={"transaction_id": SAMPLE_TX}).json()[0]
    first = client.get("/api/v1/votes", params={"block_id": _first_voted(client)}).json()[0]
    genesis_id = first["vote"]["previous_block"]
    genesis = client.get(f"/api/v1/blocks/{genesis_id}").json()
    return {
        RECORDED_BLOCK: block_id,
        RECORDED_GENESIS_BLOCK: genesis_id,
        RECORDED_GENESIS_TX: genesis["block"]["transactions"][0]["id"],
    }


def _first_voted(client: httpx.Client) -> str:
    """The block of the first vector: its vote names the genesis block as its predecessor."""
    first = next(iter(shared_records("ledger", "valid_transactions.jsonl")))["transaction"]["id"]
    return client.get("/api/v1/blocks", params={"transaction_id": first}).json()[0]


def test_every_sample(client: httpx.Client, stand_ins: dict[str, str]) -> None:
    wrong: list[str] = []
    for sample in shared_records("ledger", "http_samples.jsonl"):
        if sample["note"] in FLEETING:
            continue
        answer = _ask(client, sample, stand_ins)
        problem = _difference(sample, answer, stand_ins)
        if problem:
            wrong.append(f"{sample['method']} {sample['url']} ({sample['note']}): {problem}")
        if sample["method"] == "POST" and sample["status"] == 202:
            wait_until_valid(client, json.loads(sample["request_body"])["id"])
    assert not wrong, "\n".join(wrong)


def _ask(client: httpx.Client, sample: dict[str, Any], stand_ins: dict[str, str]) -> httpx.Response:
    url = sample["url"]
    for recorded, own in stand_ins.items():
        url = url.replace(recorded, own)
    body = sample["request_body"]
    return client.request(
        sample["method"],
        quote(url, safe="/?&=%-_."),
        headers=sample["request_headers"],
        content=None if body is None else body if isinstance(body, str) else json.dumps(body),
    )


def _difference(sample: dict[str, Any], answer: httpx.Response, stand_ins: dict[str, str]) -> str | None:
    if answer.status_code != sample["status"]:
        return f"status {answer.status_code}, recorded {sample['status']}: {answer.text[:200]}"
    if sample["url"] in STATUS_ONLY:
        return None if answer.json() == {"message": "Not found", "status": 404} else answer.text
    return _header_difference(sample, answer) or _body_difference(sample, answer, stand_ins)


def _header_difference(sample: dict[str, Any], answer: httpx.Response) -> str | None:
    for name, recorded in sample["headers"].items():
        own = answer.headers.get(name)
        same = own == recorded
        if name in {"Allow", "Vary"} and own is not None:
            same = set(own.split(", ")) == set(recorded.split(", "))
        if not same:
            return f"header {name}: {own!r}, recorded {recorded!r}"
    return None


def _body_difference(sample: dict[str, Any], answer: httpx.Response, stand_ins: dict[str, str]) -> str | None:
    text = sample["body"] or ""
    for recorded, own in stand_ins.items():
        text = text.replace(recorded, own)
    if not text.strip():
        return None if not answer.content else f"body {answer.text[:100]!r}, recorded none"
    own, recorded = answer.json(), json.loads(text)
    if _is_of_the_node(recorded):
        return (
            None if _shape(own) == _shape(recorded) else f"shape {_shape(own)}, recorded {_shape(recorded)}"
        )
    return None if own == recorded else f"body {answer.text[:300]}, recorded {text[:300]}"


def _is_of_the_node(document: Any) -> bool:
    """Documents that name the recording node's key, clock or address."""
    if isinstance(document, list):
        return any(_is_of_the_node(entry) for entry in document)
    return isinstance(document, dict) and bool(
        {"node_pubkey", "block", "public_key", "streams"} & document.keys()
    )


def _shape(document: Any) -> Any:
    """Names and types without the values; fixed texts of the node's description are kept."""
    if isinstance(document, dict):
        return {name: _shape(value) for name, value in document.items()}
    if isinstance(document, list):
        return [_shape(entry) for entry in document[:1]]
    kept = isinstance(document, str) and (
        document.startswith(("/", "https://")) or document in {"BigchainDB", "1.0.1"}
    )
    return document if kept else type(document).__name__


def test_a_posted_transaction_is_backlog_or_further(client: httpx.Client, stand_ins: dict[str, str]) -> None:
    sample = next(s for s in shared_records("ledger", "http_samples.jsonl") if s["note"] == "in the backlog")
    tx_id = sample["url"].partition("=")[2]
    assert status_of(client, tx_id) in {"backlog", "undecided", "valid"}
