import datetime as dt
import enum
import json
import math
import time
import uuid

import pytest
from tests.canonical_reference import canonical

from lamina.formats import canonical_json
from lamina.formats.canonical_json import DEPTH_MAX, ENCODE_DEPTH_MAX, INT_CHARS_MAX, encode, parse
from lamina.formats.errors import FormatError


class Weight(float):
    """A float that is not exactly one."""


class Colour(enum.Enum):
    RED = 1


def nested(depth: int, leaf: object = None) -> object:
    value = [] if leaf is None else [leaf]
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (' {"b": 1, "a": [true, false, null]}\n', '{"a":[true,false,null],"b":1}'),
        ('{"a":1,"a":2}', '{"a":2}'),
        ("[1, 1.0, -0, -0.0, 1E2]", "[1,1.0,0,-0.0,100.0]"),
        ("[1e-400]", "[0.0]"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ('["\\u001f","\\u0000","\\b\\f\\n\\r\\t","\\/"]', '["\\u001F","\\u0000","\\b\\f\\n\\r\\t","/"]'),
        ('"\\\\u001f"', '"\\\\u001f"'),
        ('{"\\u001b":"\\u001a","\\\\\\u000e":0}', '{"\\u001B":"\\u001A","\\\\\\u000E":0}'),
        ('"\\ud83d\\ude00\\u2028\\u007f"', '"\U0001f600\u2028\x7f"'),
        ('["e\\u0301","\\u00e9"]', '["e\u0301","\xe9"]'),
    ],
)
def test_parse_then_encode(text: str, expected: str) -> None:
    assert encode(parse(text.encode())) == expected.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"{", b"[1,]", b'{"a":1,}', b"{} {}", b"01", b"1.", b".5", b"+1", b"'a'", b"nul",
        b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e999", b'"\x01"', b'"\\x"', b"// c\n1",
        b"\xef\xbb\xbf{}", b'"\xff"', b'{"\xff":1}', b'"\xed\xa0\x80"', b'"\xc0\x80"',
        b'"\\ud800"', b'"\\udc00"', b'"\\ud800\\u0041"', b'{"\\ud800":1}',
    ],
)  # fmt: skip
def test_texts_that_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        parse(data)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":'])
def test_depth_bombs_are_refused_quickly(opening: bytes) -> None:
    started = time.perf_counter()
    for text in (opening * 100_000, b"[" * 100_000 + b"]" * 100_000):
        with pytest.raises(FormatError):
            parse(text)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("leaf", [b"", b"1", b'"a","b"'])
def test_depth_bound_is_exact(leaf: bytes) -> None:
    def text(depth: int) -> bytes:
        return b"[" * depth + leaf + b"]" * depth

    assert encode(parse(text(DEPTH_MAX))) == text(DEPTH_MAX)
    with pytest.raises(FormatError):
        parse(text(DEPTH_MAX + 1))
    assert parse(text(3), depth_max=3)
    with pytest.raises(FormatError):
        parse(text(4), depth_max=3)


def test_many_brackets_are_not_depth() -> None:
    wide = [[] for _ in range(DEPTH_MAX * 3)]
    assert parse(json.dumps(wide).encode()) == wide
    brackets = "[{" * DEPTH_MAX * 2
    assert parse(json.dumps(brackets).encode()) == brackets
    assert parse(json.dumps({"a": brackets}).encode(), depth_max=1) == {"a": brackets}


def test_integer_bound_is_the_same_both_ways() -> None:
    for text in ("9" * INT_CHARS_MAX, "-" + "9" * (INT_CHARS_MAX - 1)):
        assert encode(parse(text.encode())) == text.encode()
    for text in ("9" * (INT_CHARS_MAX + 1), "-" + "9" * INT_CHARS_MAX, "9" * 10_000_000):
        with pytest.raises(FormatError):
            parse(text.encode())
    for value in (10**INT_CHARS_MAX, -(10 ** (INT_CHARS_MAX - 1)), 10**100_000):
        with pytest.raises(FormatError):
            encode([value])


@pytest.mark.parametrize(
    "value",
    [
        {"price": 0.1 + 0.2, "count": 3, "tags": ["a", 1.0], "none": None, "nested": {"x": [1e21, True]}},
        [1e16, 1e-7, -0.0, 5e-324],
        1.0,
        (1, 2.5, ("a", None)),
        {"t": (1, 2)},
        [-(2**63), 2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**30],
        {"b": 2**70, "a": "\x1f", "\x0b": [0.5]},
        "\\u001f\x1f\\\\u001b\x1b\\",
        {"\uffff": 1, "\U0001f600": 2, "z": 3, "Z": 4, "": 5, "a\0": 6, "a": 7, "ab": 8},
    ],
)
def test_python_values_agree_with_the_reference(value: object) -> None:
    assert encode(value) == canonical(value).encode()


@pytest.mark.parametrize(
    "value",
    [
        math.nan, math.inf, {"a": math.nan}, {"a": [None, -math.inf]},
        b"bytes", {1: 2}, {None: 1}, {"a": {1.5: 1}},
        "\ud800", {"\udfff": 1}, ["ok", 1.5, "\ud800"], {1, 2}, object(), Weight(1.5), [Weight(1.5), 2.5],
        Colour.RED, [uuid.UUID(int=1)], {"on": dt.date(2020, 1, 1)},
        {"a": 1.5, 2: 1}, 1j,
    ],
)  # fmt: skip
def test_values_without_a_canonical_form_are_refused(value: object) -> None:
    with pytest.raises(FormatError):
        encode(value)


@pytest.mark.parametrize("leaf", ["text", 1.5, 2**70])
def test_encode_depth_bound_is_exact(leaf: object) -> None:
    assert encode(nested(ENCODE_DEPTH_MAX, leaf)) == canonical(nested(ENCODE_DEPTH_MAX, leaf)).encode()
    with pytest.raises(FormatError):
        encode(nested(ENCODE_DEPTH_MAX + 1, leaf))


def test_a_value_that_holds_itself_is_refused() -> None:
    value: list[object] = []
    value += [value, value]
    with pytest.raises(FormatError):
        encode(value)


def test_encode_leaves_its_argument_alone() -> None:
    value = {"b": [1.5, {"c": 2**70}], "a": (1,)}
    before = repr(value)
    encode(value)
    assert repr(value) == before


def test_no_transaction_of_a_mebibyte_takes_long() -> None:
    """The dearest contents per byte: empty containers, long integers, escapes, distinct floats."""
    texts = [
        b"[" + b"[]," * 340_000 + b"[]]",
        b"[" + b",".join([b"9" * 4300] * 240) + b"]",
        b'"' + b"\\u001f\\\\" * 130_000 + b'"',
        json.dumps([index / 7 for index in range(50_000)]).encode(),
    ]
    for text in texts:
        started = time.process_time()
        encode(parse(text))
        assert time.process_time() - started < 3


def test_self_test_passes_with_the_installed_libraries() -> None:
    canonical_json.self_test()
