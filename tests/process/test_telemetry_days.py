"""`/nodes/logs` finds everything, however far its days lie apart (spec/telemetry.md 6.5)."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.telemetry_service import Telemetry, connected, telemetry_running

PEER = "12D3KooWDays"
NOW = datetime.now(UTC)
MOMENTS = sorted(
    f"{text}Z"
    for text in (
        "0001-01-01T00:00:00.000001", "1969-12-31T23:59:59.999999", "1999-12-31T23:59:59", "2000-01-01T00:00:00",
        "9999-12-31T23:59:59",
        *(f"{NOW + timedelta(days=days):%Y-%m-%dT%H:%M:%S.%f}" for days in (-400, -60, -2, -1, 1, 2, 3, 4, 70)),
        *(f"{NOW + timedelta(days=days):%Y-%m-%d}T00:00:00" for days in (-9, -1, 0, 1, 2, 3, 4)),
        *(f"{NOW - timedelta(seconds=number):%Y-%m-%dT%H:%M:%S.%f}" for number in range(1, 8)),
    )
)  # fmt: skip
ALL = {"start_time": "0001-01-01T00:00:00", "end_time": "9999-12-31T23:59:59"}
FIRST, LAST = MOMENTS[0], MOMENTS[-1]


@pytest.fixture(scope="module")
def telemetry():
    with telemetry_running(page_rows=3) as running:
        messages = [{"msg": f"type {number % 3}", "ts": ts} for number, ts in enumerate(MOMENTS)]
        # Three connections, one of them for the audit; dates run through all of them.
        for number, path in enumerate(("/", "/audit", "/")):
            greeting = connected(PEER, MOMENTS[10 + number])
            running.send([greeting, *messages[number::3]], path)
        running.wait_stored(PEER, len(MOMENTS) + 3)
        yield running


def moments(telemetry: Telemetry, **params: object) -> list[str]:
    rows = telemetry.get("/nodes/logs", peer_id=PEER, **{"limit": 1000, **params})
    return [row["logs"]["ts"] for row in rows if row["msg"] != "system.connected"]


def test_every_moment_is_found_in_order(telemetry: Telemetry) -> None:
    assert moments(telemetry, **ALL) == [each for each in reversed(MOMENTS) if each != LAST]
    assert moments(telemetry, start_time="0001-01-01T00:00:00.000001") == [
        each for each in reversed(MOMENTS) if FIRST < each < f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    ]


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 4, 7, 20])
def test_the_newest_come_first(telemetry: Telemetry, limit: int) -> None:
    rows = telemetry.get("/nodes/logs", peer_id=PEER, limit=limit, **ALL)
    assert rows == telemetry.get("/nodes/logs", peer_id=PEER, limit=1000, **ALL)[:limit]


def test_a_type_is_found_wherever_it_is(telemetry: Telemetry) -> None:
    expected = [ts for number, ts in enumerate(MOMENTS) if number % 3 == 1 and ts != LAST]
    assert moments(telemetry, msg="type 1", **ALL) == expected[::-1]
    assert moments(telemetry, msg="none", **ALL) == []


def test_both_ends_are_excluded(telemetry: Telemetry) -> None:
    inner = MOMENTS[3:-3]
    found = moments(telemetry, start_time=inner[0].rstrip("Z"), end_time=inner[-1].rstrip("Z"))
    assert found == [each for each in reversed(MOMENTS) if inner[0] < each < inner[-1]]
