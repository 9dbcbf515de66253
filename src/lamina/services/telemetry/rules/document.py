"""What a node sent, to what is stored: both shapes, and what must not be stored (spec/telemetry.md 3.5, 3.7).

The text of a message goes to the database as it came: parsing is for looking, never for writing again.
"""

import json
import re
from typing import NoReturn, cast

import msgspec

from lamina.services.telemetry.model.message import Document
from lamina.services.telemetry.rules.timestamp import microseconds

EXPONENT_DIGITS_MAX = 3
"""jsonb prints 1e131071 as 131,072 characters: a short message must not become a long answer."""

_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_LARGE_EXPONENT = re.compile(rb"[:,\[]\s*-?\d+(?:\.\d+)?[eE][+-]?0*[1-9]\d{%d}" % EXPONENT_DIGITS_MAX)
_DIGITS_AND_E = bytes.maketrans(b"123456789E", b"000000000e")
_BEFORE_NUMBERS = (b"", b":", b",", b"[", b" ", b"\t", b"\r", b"\n")
_LONG_EXPONENT = b"0e" + b"0" * (EXPONENT_DIGITS_MAX + 1)
_ABSENT = msgspec.Raw(b"")


class Unstorable(Exception):
    """The message is not stored; the connection stays.

    Attributes:
        reason: a label, one of few.
        is_json: whether it counts as a message.
    """

    def __init__(self, reason: str, *, is_json: bool) -> None:
        """Keep why.

        Args:
            reason: a label, one of few.
            is_json: whether it counts as a message.
        """
        super().__init__(reason)
        self.reason = reason
        self.is_json = is_json


class _Seen(msgspec.Struct):
    """The members that matter of a message; the rest is checked for being JSON, and skipped."""

    msg: msgspec.Raw = _ABSENT
    ts: msgspec.Raw = _ABSENT
    id: msgspec.Raw = _ABSENT
    payload: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Seen).decode


def read(payload: bytes) -> Document:
    """Take a data message.

    Args:
        payload: of a text or binary message, whole.

    Raises:
        Unstorable: it is not JSON, no object, has no usable `ts`, or numbers that jsonb would blow up.
    """
    seen = _look(payload)
    shape = payload.translate(_DIGITS_AND_E, b"+-")
    if _LONG_EXPONENT in shape and _looks_large(shape) and _has_large_exponent(payload):
        raise Unstorable("number", is_json=True)
    if b"\\u0000" in payload:
        payload = _NUL.sub(rb"\1\\ufffd", payload)
        seen = _look(payload)
    msg, ts = bytes(seen.msg), bytes(seen.ts)
    if msg:
        return Document(payload, msg, _time(ts), None)
    own = bytes(seen.payload)
    inner = _inner(own)
    if inner is None:
        return Document(payload, b"", _time(ts), None)
    node, own_ts = bytes(seen.id), bytes(inner.ts)
    parts = [own[:-1]]
    if not own_ts:
        parts.append(b',"ts":' + ts)
    if node:
        parts.append(b',"telemetry_id":' + node)
    parts.append(b"}")
    return Document(b"".join(parts), bytes(inner.msg), _time(own_ts or ts), node or None)


def _look(payload: bytes) -> _Seen:
    try:
        if not payload.isascii():
            payload.decode()
        return _decode(payload)
    except msgspec.ValidationError:
        raise Unstorable("no_object", is_json=_is_json(payload)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Unstorable("no_json", is_json=False) from None
    except RecursionError:
        raise Unstorable("depth", is_json=False) from None


def _is_json(payload: bytes) -> bool:
    try:
        msgspec.json.decode(payload, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _inner(own: bytes) -> _Seen | None:
    """The node's own object where the message is an envelope around it."""
    if not own.startswith(b"{"):
        return None
    inner = _decode(own)
    return inner if bytes(inner.msg).startswith(b'"') else None


def _time(ts: bytes) -> int:
    if not ts:
        raise Unstorable("no_ts", is_json=True)
    if not ts.startswith(b'"'):
        raise Unstorable("ts_type", is_json=True)
    created_at = microseconds(ts)
    if created_at is None:
        raise Unstorable("ts_format", is_json=True)
    return created_at


class _LargeExponentError(Exception):
    pass


def _looks_large(shape: bytes) -> bool:
    """Whether there may be a large exponent, of a payload with every digit 0 and every E e.

    A hash in hexadecimal often holds the like of 5e1234, but what is before that is no begin of a number.
    """
    at = shape.find(_LONG_EXPONENT)
    while at >= 0:
        if shape[: at + 1].rstrip(b"0.")[-1:] in _BEFORE_NUMBERS:
            return True
        at = shape.find(_LONG_EXPONENT, at + 1)
    return False


def _has_large_exponent(payload: bytes) -> bool:
    """Look at every number as it is written; text that looks like one is no number."""
    if not _LARGE_EXPONENT.search(payload):
        return False

    def check(number: str) -> float:
        exponent = number.lower().partition("e")[2].lstrip("+-").lstrip("0")
        return _refuse() if len(exponent) > EXPONENT_DIGITS_MAX else 0.0

    try:
        json.loads(payload, parse_float=check, parse_int=cast("type[int]", len))
    except (_LargeExponentError, RecursionError):
        return True
    return False


def _refuse() -> NoReturn:
    raise _LargeExponentError
