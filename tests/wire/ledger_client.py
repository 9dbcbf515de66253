"""What wire tests do with a ledger: post, wait, fill it with the shared vectors."""

import time
from typing import Any

import httpx
from tests.shared_data import shared_records

VALID_WITHIN_S = 10.0


def post(client: httpx.Client, transaction: Any) -> httpx.Response:
    """POST one transaction document."""
    return client.post("/api/v1/transactions", json=transaction)


def status_of(client: httpx.Client, tx_id: str) -> str | None:
    """The word of `GET /statuses`, or None for 404."""
    answer = client.get("/api/v1/statuses", params={"transaction_id": tx_id})
    return answer.json()["status"] if answer.status_code == 200 else None


def wait_until_valid(client: httpx.Client, tx_id: str) -> None:
    """Poll until valid; fails after `VALID_WITHIN_S`."""
    deadline = time.monotonic() + VALID_WITHIN_S
    while (status := status_of(client, tx_id)) != "valid":
        assert time.monotonic() < deadline, f"{tx_id} is {status} after {VALID_WITHIN_S} s"
        time.sleep(0.01)


def store_valid_vectors(client: httpx.Client) -> dict[str, dict[str, Any]]:
    """Post every valid vector in file order, each valid before the next."""
    vectors = {record["name"]: record for record in shared_records("ledger", "valid_transactions.jsonl")}
    for name, vector in vectors.items():
        transaction = vector["transaction"]
        answer = post(client, transaction)
        assert answer.status_code == 202, (name, answer.text)
        assert answer.json() == transaction, name
        assert answer.headers["location"] == f"../statuses?transaction_id={transaction['id']}"
        wait_until_valid(client, transaction["id"])
    return vectors
