"""spec/telemetry.md 6.1: what of a query string counts."""

from datetime import UTC, datetime, timedelta

import pytest

from lamina.services.telemetry.api.query import BEGINNING, END, Query, now
from lamina.services.telemetry.rules.timestamp import parse_moment

DEFAULT = datetime(2000, 1, 1)  # noqa: DTZ001 - zone-less UTC


def query(text: str) -> Query:
    return Query({"type": "http", "query_string": text.encode()}, 8192)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2019-01-01T00:00:00", "2019-01-01T00:00:00"),
        ("2019-01-01T00:00:00.5", "2019-01-01T00:00:00.500000"),
        ("2019-01-01T00:00:00.123456789", "2019-01-01T00:00:00.123456"),
        ("2019-01-01T00:00", "2019-01-01T00:00:00"),
        ("2019-01-01 00:00:00", "2019-01-01T00:00:00"),
        ("2019-01-01T00:00:00Z", "2019-01-01T00:00:00"),
        ("2019-01-01t00:00:00z", "2019-01-01T00:00:00"),
        ("2019-01-01T00:00:00.25+05:30", "2018-12-31T18:30:00.250000"),
        ("2019-01-01T00:00:00-0800", "2019-01-01T08:00:00"),
    ],
)
def test_times(text: str, expected: str) -> None:
    moment = parse_moment(text)
    assert moment is not None
    assert moment.isoformat() == expected


@pytest.mark.parametrize(
    "text",
    ["", "now", "2019-01-01", "2019-13-01T00:00:00", "2019-02-29T00:00:00", "1546300800", "2019-01-01T25:00:00",
     "0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "2019-01-01T00:00:00; DROP TABLE x", "2019-W01-1T00:00:00"],
)  # fmt: skip
def test_what_is_no_time_counts_as_absent(text: str) -> None:
    assert parse_moment(text) is None
    assert (
        Query({"query_string": b"start_time=" + text.encode()}, 8192).time("start_time", DEFAULT) is DEFAULT
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("limit=5", 5), ("limit=0", 0), ("limit=%2B7", 7), ("limit=1000000000", 1000), ("limit=-1", 100), ("", 100),
        ("limit=", 100), ("limit=ten", 100), ("limit=1.5", 100), ("limit=2147483648", 100), ("limit=" + "9" * 5000, 100),
        ("limit=3&limit=4", 3), ("limit=%D9%A3", 100), ("Limit=5", 100), ("limit=+5", 100),
    ],
)  # fmt: skip
def test_limits(text: str, expected: int) -> None:
    assert query(text).limit(100, 1000) == expected


@pytest.mark.parametrize("age_s", [0, 1, 60, 86_400])
def test_ages(age_s: int) -> None:
    since = query(f"max_age_s={age_s}").since_age(None)
    assert since is not None
    assert abs(now() - timedelta(seconds=age_s) - since) < timedelta(seconds=5)


def test_ages_beyond_the_calendar() -> None:
    assert query(f"max_age_s={2**63 - 1}").since_age(60) == BEGINNING
    assert query(f"max_age_s={-(2**63)}").since_age(60) == END
    assert query("max_age_s=5000000000").since_age(60) == BEGINNING
    assert query("max_age_s=x").since_age(None) is None
    assert query(f"max_age_s={2**63}").since_age(None) is None
    default = query("").since_age(60)
    assert default is not None
    assert abs(datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=60) - default) < timedelta(
        seconds=5
    )


def test_too_much_counts_as_nothing() -> None:
    assert query("peer_id=x&" + "a" * 8192).text("peer_id") is None
    assert query("&".join(["peer_id=x", *["a=1"] * 64])).text("peer_id") is None
    assert query("peer_id=%00%ff").text("peer_id") == "\ufffd\ufffd"
