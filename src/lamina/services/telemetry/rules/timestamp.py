"""RFC 3339 text to the microseconds that PostgreSQL counts (spec/telemetry.md 3.7)."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""Where PostgreSQL's timestamps begin."""
_EPOCH_WITHOUT_ZONE = EPOCH.replace(tzinfo=None)

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:(?P<second>\d\d)(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
SECONDS_KEPT = 4096
_ZULU = (b"Z", b"z")
_DAY_US = 86_400_000_000


def microseconds(text: bytes) -> int | None:
    """The instant, cut to microseconds since 2000-01-01 UTC.

    Args:
        text: a JSON text, quotes included: with an offset, any number of fractional digits; `t`, `z` and a
            blank are tolerated.

    Returns:
        None where the text is no such instant, or lies outside of the years 1 to 9999 in UTC.
    """
    at = -2 if text[-2:-1] in _ZULU else -7
    fraction = text[21:at]
    if text[20:21] == b"." and fraction.isdigit():
        second = _whole_second(text[1:20] + text[at:-1])
        if second is not None:
            return second + int(fraction[:6].ljust(6, b"0"))
    return _microseconds(msgspec.json.decode(text, type=str))


@lru_cache(SECONDS_KEPT)
def _whole_second(text: bytes) -> int | None:
    """Nodes talk of the present: few seconds, many times."""
    return _microseconds(text.decode()) if text.isascii() else None


def _microseconds(text: str) -> int | None:
    match = _RFC_3339.fullmatch(text)
    if match is None:
        return None
    leap = match["second"] == "60"
    try:
        instant = datetime.fromisoformat(_without_leap(text) if leap else text.upper())
    except ValueError:
        return None
    if not _FIRST <= instant <= _LAST:
        return None
    passed = instant - EPOCH + timedelta(seconds=leap)
    return passed.days * _DAY_US + passed.seconds * 1_000_000 + passed.microseconds


def _without_leap(text: str) -> str:
    return text[:17].upper() + "59" + text[19:].upper()


def parse_moment(text: str) -> datetime | None:
    """Zone-less ISO text as UTC, or with an offset, as readers write it; None where it is neither."""
    if not _ISO.fullmatch(text):
        return None
    try:
        found = datetime.fromisoformat(text.upper())
        return found if found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def moment(microseconds: int) -> datetime:
    """The zone-less UTC time of such microseconds."""
    return _EPOCH_WITHOUT_ZONE + timedelta(microseconds=microseconds)


def day_of(microseconds: int) -> datetime:
    """The zone-less begin of their day in UTC."""
    return moment(microseconds - microseconds % _DAY_US)
