"""Reads access logs line by line: Lamina's JSON, the combined format of web servers, CSV with a header.

A CSV may have a column per fact, or one column that holds whole lines, as log collectors export them.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

_COMBINED = re.compile(
    r"(?P<peer>\S+) \S+ (?P<user>.+?) \[(?P<time>[^\]]{1,64})\] "
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>\d{3}) (?P<bytes>\d+|-)(?P<rest>.*)',
    re.DOTALL,
)
NUMBER_DIGITS_MAX = 18
_SECONDS = re.compile(r"(?:request_time|rt)=(\d+(?:\.\d+)?)")
_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "timestamp": ("timestamp", "time", "date", "datetime", "time_local", "time_iso8601"),
    "method": ("method", "request_method"),
    "path": ("path", "uri", "url", "request_uri"),
    "status": ("status", "status_code"),
    "bytes_sent": ("bytes_sent", "body_bytes_sent", "bytes", "size"),
    "duration_ms": ("duration_ms",),
}
_LINE_COLUMNS = ("logentry", "line", "message", "log", "entry")
_NEEDED = ("timestamp", "status", "bytes_sent")


class Unreadable(ValueError):
    """A line is not one of an access log."""


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request that was answered. Facts a format does not have are None, or an empty text."""

    timestamp: datetime
    status: int
    bytes_sent: int
    method: str = ""
    path: str = ""
    duration_ms: float | None = None


_decode = msgspec.json.Decoder(Request).decode


class LineReader:
    """Reads the lines of one file; its first line decides whether it is CSV."""

    def __init__(self) -> None:
        self._columns: Mapping[str, int] | None = None
        self._is_first = True

    def read(self, line: bytes) -> Request | None:
        """The request of a line; None for the header of a CSV.

        Raises:
            Unreadable: it is no line of an access log.
        """
        if self._is_first:
            self._is_first = False
            self._columns = _header(line)
            if self._columns is not None:
                return None
        try:
            return self._parse(line)
        except (ValueError, OverflowError, csv.Error, msgspec.MsgspecError) as error:
            raise Unreadable(str(error)) from error

    def _parse(self, line: bytes) -> Request:
        if line.startswith(b"{"):
            return _checked(_decode(line))
        text = line.decode("utf-8", "replace")
        if self._columns is None:
            return _combined(text)
        return _row(next(csv.reader([text], strict=True)), self._columns)


def _header(line: bytes) -> Mapping[str, int] | None:
    """Where each fact stands, if this is the header of a CSV of requests."""
    names = [name.strip().lower() for name in line.decode("utf-8-sig", "replace").split(",")]
    names = [name.strip('"') for name in names]
    for each in _LINE_COLUMNS:
        if each in names and len(names) > 1:
            return {"line": names.index(each)}
    columns = {
        fact: names.index(alias)
        for fact, known in _COLUMNS.items()
        for alias in known[::-1]
        if alias in names
    }
    return columns if all(fact in columns for fact in _NEEDED) else None


def _row(cells: Sequence[str], columns: Mapping[str, int]) -> Request:
    if len(cells) <= max(columns.values()):
        raise Unreadable("a row is too short")
    if "line" in columns:
        held = cells[columns["line"]].strip()
        return _checked(_decode(held)) if held.startswith("{") else _combined(held)
    facts = {fact: cells[at].strip() for fact, at in columns.items()}
    return _checked(
        Request(
            _time(facts["timestamp"]),
            _number(facts["status"]),
            _bytes(facts["bytes_sent"]),
            facts.get("method", ""),
            facts.get("path", ""),
            float(facts["duration_ms"]) if facts.get("duration_ms") else None,
        )
    )


def _combined(text: str) -> Request:
    match = _COMBINED.match(text)
    if match is None:
        raise Unreadable("neither JSON nor the combined format")
    method, _, target = match["request"].partition(" ")
    seconds = _SECONDS.search(match["rest"])
    return _checked(
        Request(
            datetime.strptime(match["time"], "%d/%b/%Y:%H:%M:%S %z"),
            int(match["status"]),
            _bytes(match["bytes"]),
            method,
            target.partition(" ")[0].partition("?")[0],
            float(seconds[1]) * 1000 if seconds else None,
        )
    )


def _bytes(text: str) -> int:
    return 0 if text == "-" else _number(text)


def _number(text: str) -> int:
    """Digits only, and no more of them than a count can have: int() alone takes signs and underscores."""
    if not (text.isascii() and text.isdecimal() and len(text) <= NUMBER_DIGITS_MAX):
        raise Unreadable("not a number")
    return int(text)


def _time(text: str) -> datetime:
    """ISO 8601, or as web servers write it; without a zone it is UTC."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z")


def _checked(request: Request) -> Request:
    """With a zone, and with numbers that a request can have."""
    duration_ms = request.duration_ms
    if not 100 <= request.status <= 599 or request.bytes_sent < 0:
        raise Unreadable("a status or size is out of range")
    if duration_ms is not None and not 0 <= duration_ms < float("inf"):
        raise Unreadable("a duration is out of range")
    if request.timestamp.tzinfo is None:
        return msgspec.structs.replace(request, timestamp=request.timestamp.replace(tzinfo=UTC))
    return request
