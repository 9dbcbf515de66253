"""spec/telemetry.md 3.5, 3.7: what is stored of a message, and why one is not."""

import json

import pytest

from lamina.services.telemetry.rules import document
from lamina.services.telemetry.rules.document import Unstorable

TS = b'"ts":"2021-03-01T12:00:00Z"'


def deep(depth: int) -> bytes:
    return b'{"a":' + b"[" * depth + b"]" * depth + b"," + TS + b"}"


STORED_AS_THEY_CAME = {
    "flat": b'{"msg":"x","level":"INFO",' + TS + b"}",
    "bare": b'{"anything":{"a":[1,2,{"b":null}]},' + TS + b"}",
    "newline at the end": b'{"msg":"x",' + TS + b"}\n",
    "spaces": b' \t\r\n{ "msg" : "x" , ' + TS + b" } ",
    "empty key": b'{"":"",' + TS + b"}",
    "payload beside msg": b'{"msg":"outer","payload":{"msg":"inner"},' + TS + b"}",
    "payload without msg": b'{"id":1,"payload":{"a":1},' + TS + b"}",
    "payload whose msg is no text": b'{"id":1,"payload":{"msg":5},' + TS + b"}",
    "payload that is no object": b'{"id":1,"payload":["msg"],' + TS + b"}",
    "duplicate keys": b'{"a":1,"a":2,' + TS + b"}",
    "long number": b'{"a":' + b"9" * 5000 + b"," + TS + b"}",
    "exponents of three digits": b'{"a":[1e999,-1.5E-999,1e+0000000999],' + TS + b"}",
    "text that looks like a number": b'{"a":"[1e99999]","b":": 1e99999",' + TS + b"}",
    "deep": deep(400),
    "not ASCII": '{"a":"\u2603 \U0001f600",'.encode() + TS + b"}",
    "escaped": b'{"a":"\\u2603\\ud83d\\ude00\\\\u0000",' + TS + b"}",
    "everything escaped": b'{"\\u0061":"\\"\\\\\\/\\b\\f\\n\\r\\t",' + TS + b"}",
}


@pytest.mark.parametrize("payload", STORED_AS_THEY_CAME.values(), ids=STORED_AS_THEY_CAME)
def test_stored_as_it_came(payload: bytes) -> None:
    read = document.read(payload)
    assert read.logs == payload
    assert read.node is None
    assert read.created_at == 667_915_200_000_000


REFUSED = {
    b"": ("no_json", False),
    b"hello": ("no_json", False),
    b"5": ("no_object", True),
    b"[]": ("no_object", True),
    b"null": ("no_object", True),
    b'"text"': ("no_object", True),
    b"9" * 5000: ("no_object", True),
    b"{}": ("no_ts", True),
    b'{"msg":"x"}': ("no_ts", True),
    b'{"ts":null}': ("ts_type", True),
    b'{"ts":1614600000}': ("ts_type", True),
    b'{"ts":{"a":1}}': ("ts_type", True),
    b'{"ts":""}': ("ts_format", True),
    b'{"ts":"2021-03-01T12:00:00"}': ("ts_format", True),
    b'{"ts":"2021-03-01T12:00:00Z\\u0000"}': ("ts_format", True),
    b'{"ts":"\\ud800"}': ("no_json", False),
    b'{"id":1,"payload":{"msg":"x"}}': ("no_ts", True),
    b"{" + TS + b"}x": ("no_json", False),
    b"{" + TS + b"}{}": ("no_json", False),
    b"{" + TS: ("no_json", False),
    b"\xef\xbb\xbf{" + TS + b"}": ("no_json", False),
    b'{"a":"\xff",' + TS + b"}": ("no_json", False),
    b'{"a":"\xed\xa0\x80",' + TS + b"}": ("no_json", False),
    b'{"a":"\xc0\x80",' + TS + b"}": ("no_json", False),
    b'{"a":"\\ud800",' + TS + b"}": ("no_json", False),
    b'{"\\udfff":1,' + TS + b"}": ("no_json", False),
    b'{"a":"\\udc00\\ud800",' + TS + b"}": ("no_json", False),
    b'{"a":"\x00",' + TS + b"}": ("no_json", False),
    b'{"a":"\n",' + TS + b"}": ("no_json", False),
    b'{"a":NaN,' + TS + b"}": ("no_json", False),
    b'{"a":-Infinity,' + TS + b"}": ("no_json", False),
    b'{"a":01,' + TS + b"}": ("no_json", False),
    b'{"a":1.,' + TS + b"}": ("no_json", False),
    b'{"a":+1,' + TS + b"}": ("no_json", False),
    b"{'a':1," + TS + b"}": ("no_json", False),
    b'{"a":"\\q",' + TS + b"}": ("no_json", False),
    b'{"a":1e9999,' + TS + b"}": ("number", True),
    b'{"a":[0,-1.5E+0131071],' + TS + b"}": ("number", True),
    b'{"a": \n1e-99999,' + TS + b"}": ("number", True),
    b'{"id":1,"payload":{"msg":"x","a":1e9999},' + TS + b"}": ("number", True),
    deep(100_000): ("depth", False),
}  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "reason", "is_json"),
    [(payload, *why) for payload, why in REFUSED.items()],
    ids=[repr(payload[:50]) for payload in REFUSED],
)
def test_not_stored(payload: bytes, reason: str, *, is_json: bool) -> None:
    with pytest.raises(Unstorable) as refused:
        document.read(payload)
    assert (refused.value.reason, refused.value.is_json) == (reason, is_json)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b'{"a":"\\u0000"}', b'{"a":"\\ufffd"}'),
        (b'{"\\u0000":1}', b'{"\\ufffd":1}'),
        (b'{"a":"\\u0000\\u0000x\\u0000"}', b'{"a":"\\ufffd\\ufffdx\\ufffd"}'),
        (b'{"a":"\\\\u0000"}', b'{"a":"\\\\u0000"}'),
        (b'{"a":"\\\\\\u0000"}', b'{"a":"\\\\\\ufffd"}'),
        (b'{"a":"\\\\\\\\u0000\\u0000"}', b'{"a":"\\\\\\\\u0000\\ufffd"}'),
    ],
)
def test_nul_becomes_the_replacement_character(sent: bytes, kept: bytes) -> None:
    read = document.read(sent[:-1] + b"," + TS + b"}")
    assert read.logs == kept[:-1] + b"," + TS + b"}"


def test_nul_in_an_envelope() -> None:
    read = document.read(b'{"id":1,"payload":{"msg":"a\\u0000b"},' + TS + b"}")
    assert json.loads(read.logs)["msg"] == "a\ufffdb"
    assert json.loads(read.msg) == "a\ufffdb"


@pytest.mark.parametrize(
    ("sent", "kept", "node"),
    [
        (
            {"id": 1, "ts": "2021-03-01T12:00:00Z", "payload": {"msg": "x", "id": 77}},
            {"msg": "x", "id": 77, "ts": "2021-03-01T12:00:00Z", "telemetry_id": 1},
            b"1",
        ),
        (
            {"id": 2, "payload": {"msg": "x"}, "ts": "2021-03-01T12:00:00Z"},
            {"msg": "x", "ts": "2021-03-01T12:00:00Z", "telemetry_id": 2},
            b"2",
        ),
        (
            {
                "id": 2**64 - 1,
                "ts": "2000-01-01T00:00:00Z",
                "payload": {"msg": "x", "ts": "2021-03-01T12:00:00Z"},
            },
            {"msg": "x", "ts": "2021-03-01T12:00:00Z", "telemetry_id": 2**64 - 1},
            b"18446744073709551615",
        ),
        (
            {"ts": "2021-03-01T12:00:00Z", "payload": {"msg": ""}, "more": 1},
            {"msg": "", "ts": "2021-03-01T12:00:00Z"},
            None,
        ),
    ],
)
def test_envelopes(sent: dict[str, object], kept: dict[str, object], node: bytes | None) -> None:
    for payload in (
        json.dumps(sent).encode(),
        json.dumps(sent, separators=(",", ":")).encode(),
        json.dumps(sent, indent=2).encode(),
    ):
        read = document.read(payload)
        assert json.loads(read.logs) == kept
        assert read.node == node
        assert read.created_at == 667_915_200_000_000
