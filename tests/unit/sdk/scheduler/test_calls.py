"""What the client asks, and how it reads the answers."""

import json

import pytest

from lamina.sdk.scheduler import NotFound, Refused, SchedulerError, calls

PROCESS = "p" * 43


def test_absent_parameters_are_left_out_and_the_others_are_text() -> None:
    call = calls.page(PROCESS, 3, None, 10, "nonce")
    assert (call.method, call.path) == ("GET", f"/{PROCESS}")
    assert call.query == {
        "process-id": PROCESS, "from-nonce": "3", "limit": "10", "show-anchor": "true",
    }  # fmt: skip
    assert calls.page(PROCESS, None, None, None, "nonce").query["from-nonce"] == "-1"
    assert "from" not in calls.page(PROCESS, None, None, None, "timestamp").query
    by_time = calls.page(PROCESS, 3, 5, None, "timestamp")
    assert (by_time.query["from"], by_time.query["to"]) == ("3", "5")


def test_what_is_posted() -> None:
    item = calls.post(b"item")
    assert (item.method, item.query, item.body) == ("POST", {}, b"item")
    assert item.headers == {"Content-Type": "application/octet-stream"}
    assigned = calls.assign(PROCESS, "i", ["Data", "Anchor"], base_layer=True)
    assert assigned.query == {
        "process-id": PROCESS, "assign": "i", "base-layer": "", "exclude": "Data,Anchor",
    }  # fmt: skip
    assert (assigned.method, assigned.body) == ("POST", b"")
    assert set(calls.assign(PROCESS, "i", [], base_layer=False).query) == {"process-id", "assign"}


def test_an_id_is_one_segment_whatever_it_holds() -> None:
    assert calls.process("a/../b?c").path == "/processes/a%2F..%2Fb%3Fc"
    assert calls.latest("a/b").path == "/a%2Fb/latest"
    assert calls.message("a/b", None).path == "/a%2Fb"


@pytest.mark.parametrize(
    ("status", "body", "kind", "text"),
    [
        (400, {"error": "Message or Process not found"}, NotFound, "Message or Process not found"),
        (400, {"error": 'NotFound("Process not found")'}, NotFound, 'NotFound("Process not found")'),
        (400, {"error": "Type tag not present"}, Refused, "Type tag not present"),
        (403, {"error": "This SU is read only"}, Refused, "This SU is read only"),
        (503, {"error": "gateway height unknown"}, SchedulerError, "gateway height unknown"),
        (200, {"edges": []}, SchedulerError, "not what was asked for"),
        (200, ["assignment"], SchedulerError, "not what was asked for"),
    ],
)
def test_errors_by_status(status: int, body: object, kind: type[SchedulerError], text: str) -> None:
    with pytest.raises(SchedulerError, match=text.replace("(", r"\(").replace(")", r"\)")) as caught:
        calls.message("i", None).result(status, json.dumps(body).encode())
    assert type(caught.value) is kind
    assert caught.value.status == status


def test_answers_that_are_no_units_are_quoted() -> None:
    with pytest.raises(SchedulerError, match="502: Bad Gateway"):
        calls.unit().result(502, b"Bad Gateway")
    with pytest.raises(Refused, match="400: Query deserialize error: invalid digit"):
        calls.unit().result(400, b"Query deserialize error: invalid digit found in string")
    with pytest.raises(SchedulerError, match="the answer has no address"):
        calls.unit().result(200, b"<html>")
