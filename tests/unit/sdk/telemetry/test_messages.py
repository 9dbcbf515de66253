"""Messages as the client writes them, and where it sends them."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from lamina.sdk.telemetry import Identity
from lamina.sdk.telemetry.intake import intake_url
from lamina.sdk.telemetry.messages import message
from lamina.services.telemetry.rules import document, timestamp


def test_a_message_is_one_that_telemetry_stores() -> None:
    east = datetime(2021, 1, 13, 12, 22, 20, 53527, tzinfo=timezone(timedelta(hours=1)))
    said = document.read(message("block.import", {"height": 2**70, "name": "Zoë"}, east))
    assert said.msg == b'"block.import"'
    stored = json.loads(message("block.import", {"height": 2**70, "name": "Zoë"}, east))
    assert (stored["height"], stored["name"], stored["level"]) == (2**70, "Zoë", "INFO")
    assert timestamp.microseconds(f'"{stored["ts"]}"'.encode()) == timestamp.microseconds(
        b'"2021-01-13T11:22:20.053527Z"'
    )


def test_what_is_no_json_is_refused_before_it_is_sent() -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        message("a", {"x": float("nan")})
    with pytest.raises(TypeError):
        message("a", {"x": b"bytes"})


def test_the_hello_is_a_nodes() -> None:
    identity = Identity("Qm1", "Alice", "Dev", startup_time=datetime(2020, 1, 1, tzinfo=UTC))
    hello = identity.hello()
    assert (hello["network_id"], hello["startup_time"], "genesis_hash" in hello) == (
        "Qm1",
        "1577836800000",
        False,
    )
    assert Identity("Qm1", "A", "D", genesis_hash="0x1").hello()["genesis_hash"] == "0x1"


@pytest.mark.parametrize(
    ("url", "audit", "intake"),
    [
        ("http://localhost:8080", False, "ws://localhost:8080/"),
        ("http://localhost:8080/", True, "ws://localhost:8080/audit"),
        ("https://h/telemetry/", False, "wss://h/telemetry"),
        ("wss://h/telemetry", True, "wss://h/telemetry/audit"),
        ("ws://[::1]:80/submit", False, "ws://[::1]:80/submit"),
    ],
)
def test_where_nodes_connect(url: str, *, audit: bool, intake: str) -> None:
    assert intake_url(url, audit=audit) == intake


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://h/", "ws:///x", ""])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match="not an address"):
        intake_url(url, audit=False)
