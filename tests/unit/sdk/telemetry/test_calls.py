"""What the client asks, and how it reads the answers."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from lamina.sdk.telemetry import NotFound, Refused, TelemetryError, calls

MOMENT = datetime(2020, 3, 25, 13, 17, 9, 8000)  # noqa: DTZ001 - zone-less, as users write it


def test_absent_parameters_are_left_out_and_the_others_are_text() -> None:
    call = calls.logs("Qm1", {"msg": None, "limit": 3, "start_time": MOMENT})
    assert (call.method, call.path) == ("GET", "/nodes/logs")
    assert call.query == {"peer_id": "Qm1", "limit": "3", "start_time": "2020-03-25T13:17:09.008000"}


def test_times_with_a_zone_are_asked_in_utc() -> None:
    east = MOMENT.replace(tzinfo=timezone(timedelta(hours=2)))
    assert calls.chains(east).query == {"at": "2020-03-25T11:17:09.008000"}
    assert calls.chains(MOMENT.replace(tzinfo=UTC)).query == {"at": "2020-03-25T13:17:09.008000"}


def test_a_peer_id_is_one_segment_whatever_it_holds() -> None:
    assert calls.reputation_of("a/../b?c", {}).path == "/reputation/a%2F..%2Fb%3Fc"
    assert calls.series("a/b", "peers", "p90", {}).path == "/nodes/a%2Fb/series"
    assert calls.chain_nodes("0x/1", {"stale": False}).query == {"stale": "false"}


def test_a_body_is_posted_as_json() -> None:
    call = calls.add_benchmark_event(3, "warmup", "start", MOMENT)
    assert (call.method, call.headers) == ("POST", {"Content-Type": "application/json"})
    assert call.content is not None
    assert json.loads(call.content) == {
        "benchmark_id": 3, "name": "warmup", "phase": "start", "created_at": "2020-03-25T13:17:09.008000",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "content", "kind", "message"),
    [
        (400, b"Json deserialize error: no", Refused, "Json deserialize error: no"),
        (413, b"too large", Refused, "too large"),
        (404, b'{"error":"There is no such chain now"}', NotFound, "There is no such chain now"),
        (500, b'"Error while processing query"', TelemetryError, "Error while processing query"),
        (502, b"<html>" + b"x" * 999, TelemetryError, "<html>" + "x" * 194),
    ],
)
def test_errors_are_told_in_telemetrys_words(
    status: int, content: bytes, kind: type[TelemetryError], message: str
) -> None:
    with pytest.raises(TelemetryError) as caught:
        calls.nodes().result(status, content)
    assert type(caught.value) is kind
    assert (caught.value.status, caught.value.message) == (status, message)


def test_an_answer_that_is_no_json_is_not_telemetrys() -> None:
    with pytest.raises(TelemetryError, match="200: the answer is not telemetry's"):
        calls.nodes().result(200, b"<html>")
