"""Every transaction vector of the original, through the public door (data/ledger/README.md)."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests import plain_http
from tests.running_platform import RunningPlatform
from tests.shared_data import shared_records
from tests.wire.ledger_client import post, status_of, store_valid_vectors, wait_until_valid

# architecture.md 4: `strict_owners` is on, so what the original accepted of foreign owners is refused.
STRICT_OWNERS = {"create_signed_by_other_key", "transfer_owners_before_mismatch"}


@pytest.fixture(scope="module")
def client(platform: RunningPlatform) -> Iterator[httpx.Client]:
    with plain_http.Client(base_url=platform.url, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def stored(client: httpx.Client) -> dict[str, dict[str, Any]]:
    return store_valid_vectors(client)


def test_every_valid_transaction_is_returned_unchanged(
    client: httpx.Client, stored: dict[str, dict[str, Any]]
) -> None:
    for name, vector in stored.items():
        answer = client.get(f"/api/v1/transactions/{vector['transaction']['id']}")
        assert answer.status_code == 200, name
        assert answer.json() == vector["transaction"], name


def test_every_valid_transaction_is_posted_again_without_effect(
    client: httpx.Client, stored: dict[str, dict[str, Any]]
) -> None:
    for name, vector in list(stored.items())[:20]:
        tx_id = vector["transaction"]["id"]
        assert post(client, vector["transaction"]).status_code == 202, name
        assert status_of(client, tx_id) == "valid"
        assert len(client.get("/api/v1/blocks", params={"transaction_id": tx_id}).json()) == 1, name


def test_every_invalid_transaction_gets_its_status_and_message(
    client: httpx.Client, stored: dict[str, dict[str, Any]]
) -> None:
    wrong: list[str] = []
    for vector in shared_records("ledger", "invalid_transactions.jsonl"):
        if "transactions" in vector:
            continue
        assert set(vector["requires"]) <= set(stored)
        answer = _post_vector(client, vector)
        if not _is_expected(vector, answer):
            wrong.append(f"{vector['name']}: {answer.status_code} {answer.text[:200]}")
    assert not wrong, "\n".join(wrong)


def _post_vector(client: httpx.Client, vector: dict[str, Any]) -> httpx.Response:
    if "raw_body" in vector:
        return client.post("/api/v1/transactions", content=vector["raw_body"].encode())
    return post(client, vector["transaction"])


def _is_expected(vector: dict[str, Any], answer: httpx.Response) -> bool:
    if vector["name"] in STRICT_OWNERS:
        return answer.status_code == 400 and answer.json()["message"] == (
            "Invalid transaction (InvalidSignature): Transaction signature is invalid."
        )
    expected = vector["expected"]
    statuses = expected["status"] if isinstance(expected["status"], list) else [expected["status"]]
    if answer.status_code not in statuses:
        return False
    match vector["match"]:
        case "exact":
            return answer.json() == expected["body"]
        case "status":
            return answer.status_code == 202 or "message" in answer.json()
        case prefixed:
            return answer.json()["message"].startswith(prefixed.removeprefix("prefix:"))


def test_of_two_spenders_of_one_output_exactly_one_becomes_valid(
    client: httpx.Client, stored: dict[str, dict[str, Any]]
) -> None:
    vector = next(v for v in shared_records("ledger", "invalid_transactions.jsonl") if "transactions" in v)
    assert set(vector["requires"]) <= set(stored)
    answers = [post(client, transaction) for transaction in vector["transactions"]]
    assert answers[0].status_code == 202
    assert answers[1].status_code in {202, 400}
    if answers[1].status_code == 400:
        assert "DoubleSpend" in answers[1].json()["message"]
    wait_until_valid(client, vector["transactions"][0]["id"])
    assert status_of(client, vector["transactions"][1]["id"]) is None


def test_a_posted_genesis_never_enters_a_block(
    client: httpx.Client, stored: dict[str, dict[str, Any]]
) -> None:
    vector = next(
        v for v in shared_records("ledger", "invalid_transactions.jsonl") if v["name"] == "genesis_posted"
    )
    assert post(client, vector["transaction"]).status_code == 400
    tx_id = vector["transaction"]["id"]
    assert client.get("/api/v1/blocks", params={"transaction_id": tx_id}).json() == []
