"""Hostile input to the scheduler (distribution-and-reliability 14, spec/scheduler.md 7): refused by its rule, never a fault."""

import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from tests import plain_http
from tests.data_items import signed
from tests.properties.test_ans104_properties import mutations
from tests.scheduler_unit import MESSAGE_TAGS, Unit, message, scheduler_running, signer, spawn, tags_of
from tests.shared_data import shared_data

from lamina.formats.ans104 import BUNDLE_TAGS, Draft, SignatureType, SignedItem, bundle_parts, parse, sign
from lamina.formats.avro_tags import Tag

BODY_BYTES_MAX = 10_485_760
BUILDER = "error in builder: BuilderError("
PATIENCE_S = 30.0
searched = settings(
    max_examples=150, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@pytest.fixture(scope="module")
def unit() -> Iterator[Unit]:
    with scheduler_running() as running:
        wait_height(running)
        yield running
        faults = [
            event for event in running.platform.log_events() if event.get("level") in {"error", "critical"}
        ]
        assert faults == []


def wait_height(unit: Unit) -> None:
    """Wait until the unit knows the network's height: nothing is scheduled before."""
    deadline = time.monotonic() + PATIENCE_S
    while unit.http.get("/timestamp").status_code != 200:
        assert time.monotonic() < deadline, unit.platform.log_tail()
        time.sleep(0.1)


@pytest.fixture(scope="module")
def process(unit: Unit) -> SignedItem:
    spawned = spawn(signer())
    assert unit.post(spawned.to_bytes()).status_code == 200
    return spawned


@pytest.fixture(autouse=True)
def _stays_up(unit: Unit, process: SignedItem) -> Iterator[None]:
    """Whatever came before, the next message is scheduled."""
    yield
    assert unit.post(message(signer(), process, os.urandom(8)).to_bytes()).status_code == 200


# --- items ---

GOOD = signed(SignatureType.ED25519).to_bytes()
HEADER = 2 + 64 + 32
TAGS = HEADER + 33 + 33  # where their count stands
TAG_BYTES = parse(GOOD).tag_bytes


def replaced(position: int, raw: bytes) -> bytes:
    return GOOD[:position] + raw + GOOD[position + len(raw) :]


def with_tags(count: int, raw: bytes) -> bytes:
    return GOOD[:TAGS] + struct.pack("<QQ", count, len(raw)) + raw


BAD_ITEMS = {
    "nothing": b"",
    "half a type": b"\1",
    "type 0": replaced(0, b"\0\0"),
    "type 8": replaced(0, b"\x08\0"),
    "type 65535": replaced(0, b"\xff\xff"),
    "another type": replaced(0, b"\1\0"),
    "cut in the signature": GOOD[:40],
    "cut in the owner": GOOD[: HEADER - 1],
    "cut in the target": GOOD[: HEADER + 20],
    "cut in the anchor": GOOD[: HEADER + 33 + 20],
    "cut in the sizes": GOOD[: TAGS + 9],
    "cut in the tags": GOOD[: TAGS + 16 + 5],
    "target 2": replaced(HEADER, b"\2"),
    "target 255": replaced(HEADER, b"\xff"),
    "anchor 2": replaced(HEADER + 33, b"\2"),
    "tags: one more than there are": replaced(TAGS, struct.pack("<Q", 4)),
    "tags: none of them": replaced(TAGS, struct.pack("<Q", 0)),
    "tags: 2^63": replaced(TAGS, struct.pack("<Q", 2**63)),
    "tags: 2^64 - 1": replaced(TAGS, b"\xff" * 8),
    "tag bytes: past the end": replaced(TAGS + 8, struct.pack("<Q", len(GOOD))),
    "tag bytes: 2^63": replaced(TAGS + 8, struct.pack("<Q", 2**63)),
    "tag bytes: 2^64 - 1": replaced(TAGS + 8, b"\xff" * 8),
    "tag bytes: none": replaced(TAGS + 8, bytes(8)),
    "a block of 2^62 tags": with_tags(1, b"\xfe" + b"\xff" * 8 + b"\1"),
    "a block of -2^63 tags": with_tags(1, b"\xff" * 9 + b"\1" + b"\2"),
    "a block whose size is another": with_tags(1, b"\1\x40\2a\2b\0"),
    "a text of negative length": with_tags(1, b"\2\1a\2b\0"),
    "a text past the end": with_tags(1, b"\2\x7ea\2b\0"),
    "a text of 2^62 bytes": with_tags(1, b"\2\xfe" + b"\xff" * 8 + b"\1"),
    "text that is not UTF-8": with_tags(1, b"\2\2\xff\2b\0"),
    "half a surrogate pair": with_tags(1, b"\2\6\xed\xa0\x80\2b\0"),
    "no end of the tags": with_tags(1, b"\2\2a\2b"),
    "bytes after the tags": with_tags(1, b"\2\2a\2b\0\0"),
    "an integer without end": with_tags(1, b"\xff" * 40),
    "more tags than are read": with_tags(10_001, b"\xa2\x9c\x01" + bytes(20_002) + b"\0"),
    "JSON": json.dumps({"id": "x" * 43}).encode(),
    "JSON, 100,000 deep": b"[" * 100_000,
    "ten million zeros": bytes(10_000_000),
    "random": os.urandom(3000),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_ITEMS)
def test_bytes_that_are_no_item(unit: Unit, name: str) -> None:
    answer = unit.post(BAD_ITEMS[name])
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/json")
    assert answer.json()["error"].startswith(BUILDER)


def test_every_manifest_item_cut_anywhere(unit: Unit) -> None:
    manifest = shared_data("scheduler", "manifest.json")
    for entry in json.loads(manifest.read_bytes())["items"]:
        raw = (manifest.parent / entry["file"]).read_bytes()
        for cut in range(0, min(len(raw), 1200), 97):
            answer = unit.post(raw[:cut])
            assert answer.status_code == 400, (entry["name"], cut)
            assert "error" in answer.json()


def test_limits_of_ans104_where_they_are_asked_for(process: SignedItem) -> None:
    by = signer()
    with scheduler_running(strict_ans104=True) as strict:
        wait_height(strict)
        spawned = spawn(by)
        assert strict.post(spawned.to_bytes()).status_code == 200
        within = message(by, spawned, b"", *[Tag("n" * 5, "v")] * 100)
        assert strict.post(within.to_bytes()).status_code == 200
        for more in (
            [Tag("n", "v")] * 126,
            [Tag("n" * 1025, "v")],
            [Tag("n", "v" * 3073)],
            [Tag("n" * 900, "v")] * 5,
        ):
            answer = strict.post(message(by, spawned, b"", *more).to_bytes())
            assert (answer.status_code, answer.json()["error"][: len(BUILDER)]) == (400, BUILDER)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def manifest_items() -> list[bytes]:
    manifest = shared_data("scheduler", "manifest.json")
    entries = json.loads(manifest.read_bytes())["items"]
    found = [(manifest.parent / entry["file"]).read_bytes() for entry in entries]
    return [raw for raw in found if 0 < len(raw) < 5000]


@searched
@given(st.binary(max_size=2000) | st.deferred(lambda: st.sampled_from(manifest_items()).flatmap(mutations)))
@example(b"")
def test_any_bytes_have_an_answer_of_the_rules(unit: Unit, body: bytes) -> None:
    answer = unit.post(body)
    assert answer.status_code in {200, 400}, (answer.status_code, body)
    document = answer.json()
    assert set(document) == ({"id", "timestamp"} if answer.status_code == 200 else {"error"})
    if answer.status_code == 200:
        assert document["id"] == parse(body).id


@settings(searched, max_examples=60)
@given(
    st.lists(st.tuples(texts, texts), max_size=5),
    st.binary(max_size=60),
    texts,
    st.binary(min_size=32, max_size=32),
)
@example([("\0", "\0"), ("", "")], b"\0\xff", "\0,,\U0001f6b2", b"\xff" * 32)
def test_whatever_is_well_signed_is_read_as_it_was_said(
    unit: Unit, process: SignedItem, pairs: list[tuple[str, str]], data: bytes, exclude: str, anchor: bytes
) -> None:
    tags = [Tag(*pair) for pair in pairs]
    item = sign(Draft((*MESSAGE_TAGS, *tags), target=process.id_bytes, anchor=anchor, data=(data,)), signer())
    answer = unit.post(item.to_bytes(), exclude=exclude)
    if any(text.endswith("+link") for pair in pairs for text in pair):
        assert answer.status_code == 400
        return
    assert answer.status_code == 200, answer.text
    node = unit.get(f"/{item.id}")
    assert [(tag["name"], tag["value"]) for tag in node["message"]["tags"]][3:] == pairs
    assert node["message"]["data"] == data.decode("utf-8", "replace")
    excluded = [tag["value"] for tag in node["assignment"]["tags"] if tag["name"] == "Exclude"]
    assert excluded == exclude.replace("\0", "\ufffd").split(",")
    latest = unit.get(f"/{process.id}/latest")
    assert latest == node


# --- bundles ---


def nested(depth: int) -> bytes:
    by, data = signer(), b"innermost"
    for _ in range(depth):
        data = b"".join(bundle_parts([sign(Draft(BUNDLE_TAGS, data=(data,)), by)]))
    return data


BAD_BUNDLES = {
    "no table": b"",
    "a count of 2^64 - 1": b"\xff" * 32,
    "an item of 2^63 bytes": (1).to_bytes(32, "little") + (2**63).to_bytes(32, "little") + bytes(32),
    "an item of no bytes": (1).to_bytes(32, "little") + bytes(64),
    "another id than the table's": (1).to_bytes(32, "little")
    + len(GOOD).to_bytes(32, "little")
    + bytes(32)
    + GOOD,
    "bytes after the last": b"".join(bundle_parts([])) + b"x",
    "three hundred deep": nested(300),
}


@pytest.mark.parametrize("name", BAD_BUNDLES)
def test_what_a_message_carries_is_not_opened(unit: Unit, process: SignedItem, name: str) -> None:
    item = message(signer(), process, BAD_BUNDLES[name], *BUNDLE_TAGS)
    assert unit.post(item.to_bytes()).status_code == 200
    assert unit.get(f"/{item.id}")["message"]["id"] == item.id


# --- requests ---


def test_a_body_over_the_limit(unit: Unit) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(BODY_BYTES_MAX // 65_536 + 2):
            yield bytes(65_536)

    for body in (bytes(BODY_BYTES_MAX + 1), chunks()):
        answer = unit.http.post("/", content=body)
        assert (answer.status_code, answer.headers["content-type"]) == (413, "text/plain; charset=utf-8")
    with socket.create_connection(("127.0.0.1", 9000 + unit.platform.offset), timeout=PATIENCE_S) as peer:
        peer.sendall(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 99999999999\r\n\r\n")
        assert peer.recv(65_536).startswith(b"HTTP/1.1 413 ")


def test_bodies_that_stand_still_are_cut_off_and_hold_up_nobody(unit: Unit, process: SignedItem) -> None:
    body = message(signer(), process, b"late").to_bytes()
    head = b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: %d\r\n\r\n" % len(body)
    peers = [
        socket.create_connection(("127.0.0.1", 9000 + unit.platform.offset), timeout=PATIENCE_S)
        for _ in range(50)
    ]
    for peer in peers:
        peer.sendall(head + body[:20])
    assert unit.post(message(signer(), process, b"meanwhile").to_bytes()).status_code == 200
    for peer in peers:
        answer = peer.recv(65_536)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
        peer.close()


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Forwarded-Host", "Host"])
def test_forged_headers_change_nothing(unit: Unit, process: SignedItem, name: str) -> None:
    for value in (
        "127.0.0.1",
        "169.254.169.254, 10.0.0.1",
        "for=unknown",
        "x" * 2000,
        "'; DROP TABLE scheduler.heads",
    ):
        answer = unit.http.post(
            "/", content=message(signer(), process, os.urandom(8)).to_bytes(), headers={name: value}
        )
        assert answer.status_code == 200, (name, value)


NUMBERS = ["-1", "0", "1", "+5", "2147483647", "2147483648", "-2147483649", "9223372036854775807", "9" * 25, "1e3", "0x1",
           "١", " 1", "1 ", "", "NaN", "undefined", "1;DROP TABLE scheduler.messages", "' OR 1=1 --"]  # fmt: skip


@pytest.mark.parametrize("name", ["limit", "from", "to", "from-nonce", "to-nonce"])
def test_numbers_of_a_list(unit: Unit, process: SignedItem, name: str) -> None:
    bits = 31 if name == "limit" else 63
    for value in NUMBERS:
        answer = unit.http.get(f"/{process.id}", params={name: value})
        plain = value.removeprefix("+").removeprefix("-")
        is_number = plain.isascii() and plain.isdigit() and -(2**bits) <= int(value) < 2**bits
        is_right = is_number and not (name == "limit" and int(value) < 0)
        assert answer.status_code == (200 if is_right else 400), (name, value, answer.text)
        if is_right:
            assert set(answer.json()) == {"page_info", "edges"}


@pytest.mark.parametrize("path", ["/{}", "/{}/latest", "/processes/{}"])
def test_ids_that_name_nothing(unit: Unit, path: str) -> None:
    for text in (
        "x",
        "x" * 42,
        "x" * 44,
        "é" * 43,
        "%00" * 43,
        "..%2f..%2fetc",
        "x" * 5000,
        "'%20OR%201=1--",
        "=" * 43,
        "_" * 43,
    ):
        answer = unit.http.get(path.format(text))
        if "%00" in text:
            assert (answer.status_code, answer.content) == (404, b"")
        else:
            assert answer.status_code == 400, (text, answer.status_code)
            assert "error" in answer.json()


def test_queries_beyond_their_limits(unit: Unit, process: SignedItem) -> None:
    for query in ("&".join(f"a{number}=" for number in range(65)), "exclude=" + "," * 8190):
        assert unit.http.get(f"/{process.id}?{query}").status_code == 400


def test_more_values_of_exclude_than_allowed(unit: Unit, process: SignedItem) -> None:
    item = message(signer(), process, os.urandom(8))
    targets = ({}, {"process-id": process.id, "assign": item.id, "base-layer": ""})
    for params, content in zip(targets, (item.to_bytes(), b""), strict=True):
        refused = unit.http.post("/", content=content, params={**params, "exclude": "," * 1000})
        assert refused.status_code == 400
        assert refused.json() == {"error": "exclude has more than 1000 values; name fewer fields"}
    assert unit.http.get(f"/{item.id}").status_code == 400
    assert unit.post(item.to_bytes(), exclude="," * 999).status_code == 200
    assert len(unit.get(f"/{item.id}")["assignment"]["tags"]) == 10 + 1000


def test_the_same_item_a_hundred_times(unit: Unit, process: SignedItem) -> None:
    item = message(signer(), process, os.urandom(8)).to_bytes()
    answers = [unit.post(item) for _ in range(100)]
    assert [answer.status_code for answer in answers] == [200, *[400] * 99]
    assert {answer.text for answer in answers[1:]} == {
        '{"error":"MessageExists(\\"Message already exists\\")"}'
    }


def test_a_message_for_nobody(unit: Unit) -> None:
    lost = sign(Draft(MESSAGE_TAGS, target=b"\0" * 32), signer())
    assert unit.post(lost.to_bytes()).json() == {"error": 'NotFound("Process not found")'}
    nowhere = sign(Draft(MESSAGE_TAGS), signer())
    assert "Length mismatch 32 - " in unit.post(nowhere.to_bytes()).json()["error"]


def test_an_answer_of_a_list_is_the_stored_one(unit: Unit, process: SignedItem) -> None:
    """After everything above: one chain without a gap."""
    nodes: list[dict[str, Any]] = unit.edges(process.id)
    nonces = [int(tags_of(node["assignment"])["Nonce"]) for node in nodes]
    assert nonces == list(range(len(nodes)))


def test_methods_and_paths_that_are_not_there(unit: Unit) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE"):
        answer = unit.http.request(method, "/")
        assert (answer.status_code, answer.content) == (404, b""), method
    assert plain_http.get(f"{unit.url}/a/b/c/d").status_code == 404
