"""JSON as the ledger hashes and signs it: one byte string per value (spec/ledger.md 1.2).

Parsing keeps what hashing must see: integers stay exact, floats stay floats, the last duplicate member wins.
Not for rendering answers: where the bytes are free, orjson alone is the tool.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import msgspec
import orjson

from lamina.formats.errors import FormatError
from lamina.formats.float_text import float_text

DEPTH_MAX = 224
"""Containers inside one another that `parse` admits; 100 levels of details (spec/ledger.md 1.4) make 205."""

ENCODE_DEPTH_MAX = 254
"""The same for `encode`, which is orjson's own bound: a parsed document still fits inside a block."""

INT_CHARS_MAX = 4300
"""Longest text of an integer, sign included; the bound of CPython's and msgspec's own conversions."""

_type_of: Callable[[object], type[object]] = type
_decode = msgspec.json.Decoder().decode
_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)
_CONTAINERS = frozenset((dict, list))
_LITERALS = frozenset((str, bool, type(None)))
_PLAIN = _LITERALS | {int}
_LETTER_ESCAPES = tuple(
    (f"\\u{code:04x}".encode(), f"\\u{code:04X}".encode()) for code in (0x0B, 0x0E, 0x0F, *range(0x1A, 0x20))
)
# What orjson writes by itself.
_INT_MIN, _INT_MAX = -(2**63), 2**64 - 1
# A byte that UTF-8 never holds.
_ESCAPED_BACKSLASH = b"\xff"


def parse(data: bytes, *, depth_max: int = DEPTH_MAX) -> Any:  # noqa: ANN401 - any JSON value
    """Value of one JSON text in UTF-8.

    Args:
        data: the text, without a byte order mark; white space around it is allowed.
        depth_max: how many containers may stand inside one another.

    Returns:
        dict, list, str, int, float, bool or None, nested.

    Raises:
        FormatError: not one JSON text, not UTF-8, a lone surrogate, NaN or an infinity, a float past the
            range, an integer past `INT_CHARS_MAX`, or nested past `depth_max`.
    """
    try:
        value = _decode(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not a JSON text: {error}") from None
    # No text nests deeper than it has opening brackets, and most have few.
    if data.count(b"{") + data.count(b"[") > depth_max:
        _check_depth(value, depth_max)
    return value


def encode(value: object) -> bytes:
    """Canonical bytes of a value, the ones that are hashed and signed.

    orjson writes them, except what it is known to write otherwise (design/stack-measurements.md 4): floats,
    integers past 64 bits and control characters with a letter digit.

    Args:
        value: dict with str keys, list, tuple, str, int, float, bool or None, nested; exactly these types.

    Raises:
        FormatError: another type, a key that is not a str, a lone surrogate, a float that is not finite, an
            integer past `INT_CHARS_MAX`, or nested past `ENCODE_DEPTH_MAX`.
    """
    try:
        text = orjson.dumps(value, option=_OPTIONS)
    except TypeError:
        text = _encode_numbers_apart(value)
    else:
        if not _is_plain(value):
            text = _encode_numbers_apart(value)
    return _upper_case_escapes(text) if b"\\u00" in text else text


def self_test() -> None:
    """Check that the installed libraries write canonical bytes; run once at start-up.

    Raises:
        FormatError: they would change hashes, so nothing may be signed or verified.
    """
    for text, canonical in _SAMPLES:
        value = parse(text.encode())
        if encode(value) != canonical.encode() or parse(canonical.encode()) != value:
            raise FormatError("the installed orjson or msgspec does not keep canonical JSON")


def _check_depth(value: object, depth_max: int) -> None:
    """Refuse a value with more than `depth_max` containers inside one another."""
    level: list[Any] = [value]
    for _ in range(depth_max + 1):
        level = [node for node in level if _type_of(node) in _CONTAINERS]
        if not level:
            return
        level = list(chain.from_iterable(map(_children, level)))
    raise FormatError(f"nested more than {depth_max} deep")


def _children(node: Any) -> Iterable[Any]:  # noqa: ANN401 - any JSON container
    """Members of an object, items of an array."""
    return node.values() if _type_of(node) is dict else node


def _is_plain(value: object) -> bool:
    """Whether a value that orjson could write holds only types it writes canonically."""
    nodes: list[Any] = [value]
    extend = nodes.extend
    for node in nodes:
        kind = _type_of(node)
        if kind is str:
            continue
        if kind is dict:
            extend(node.values())
        elif kind is list:
            extend(node)
        elif kind not in _PLAIN:
            return False
    return True


def _encode_numbers_apart(value: object) -> bytes:
    """Text of a value whose floats and long integers are written here and only placed by orjson."""
    try:
        return orjson.dumps(_with_number_texts(value, ENCODE_DEPTH_MAX), option=_OPTIONS)
    except TypeError as error:
        raise FormatError(f"no JSON form: {error}") from None


def _with_number_texts(value: Any, depth_left: int) -> object:  # noqa: ANN401 - any JSON value
    """A copy with such numbers replaced by their text; refuses foreign types and too many levels."""
    kind = _type_of(value)
    if kind in _LITERALS:
        return value
    if kind is float:
        return orjson.Fragment(float_text(value))
    if kind is int:
        return value if _INT_MIN <= value <= _INT_MAX else orjson.Fragment(_integer_text(value))
    if not depth_left:
        raise FormatError(f"nested more than {ENCODE_DEPTH_MAX} deep")
    if kind is dict:
        # Texts are most of a transaction and need no look.
        return {
            name: member if _type_of(member) is str else _with_number_texts(member, depth_left - 1)
            for name, member in value.items()
        }
    if kind is list or kind is tuple:
        return [_with_number_texts(item, depth_left - 1) for item in value]
    raise FormatError(f"a {kind.__name__} has no JSON form")


def _integer_text(value: int) -> str:
    """Decimal digits of an integer."""
    try:
        text = str(value)
    except ValueError:
        text = ""
    if not text or len(text) > INT_CHARS_MAX:
        raise FormatError(f"an integer of more than {INT_CHARS_MAX} characters")
    return text


def _upper_case_escapes(text: bytes) -> bytes:
    r"""JSON text with `\u001f` written `\u001F`; an escaped backslash before `u001f` stays what it is."""
    text = text.replace(b"\\\\", _ESCAPED_BACKSLASH)
    for lower, upper in _LETTER_ESCAPES:
        text = text.replace(lower, upper)
    return text.replace(_ESCAPED_BACKSLASH, b"\\\\")


_SAMPLES = (
    ('{"b":[1, -0, true, null],"a":{"a":2,"Z":3,"aa":1}}', '{"a":{"Z":3,"a":2,"aa":1},"b":[1,0,true,null]}'),
    ('{"\U0001f600":1,"\uffff":{},"\\u00e9":[]}', '{"\xe9":[],"\uffff":{},"\U0001f600":1}'),
    (r'"\u000b\u001F\u0000\b\t\n\f\r\""', r'"\u000B\u001F\u0000\b\t\n\f\r\""'),
    (r'"\/\u007f\u2028\u00e9"', '"/\x7f\u2028\xe9"'),
    (r'["\\u001f\u001f\\\u001f"]', r'["\\u001f\u001F\\\u001F"]'),
    ("[-9223372036854775808,18446744073709551615]", "[-9223372036854775808,18446744073709551615]"),
    ("[18446744073709551616,-9223372036854775809]", "[18446744073709551616,-9223372036854775809]"),
    ("[1.0,-0.0,1e16,1e20,1e21]", "[1.0,-0.0,10000000000000000.0,100000000000000000000.0,1e21]"),
    ("[1e-6,1e-7,0.30000000000000004]", "[0.000001,1e-7,0.30000000000000007]"),
    ("9" * INT_CHARS_MAX, "9" * INT_CHARS_MAX),
    ("[" * DEPTH_MAX + "]" * DEPTH_MAX, "[" * DEPTH_MAX + "]" * DEPTH_MAX),
)
