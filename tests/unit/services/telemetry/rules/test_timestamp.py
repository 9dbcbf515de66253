"""spec/telemetry.md 3.7: RFC 3339 with an offset, cut to microseconds; anything else is no time."""

import json

import pytest

from lamina.services.telemetry.rules.timestamp import microseconds, moment

TIMES = {
    "2021-01-13T12:22:20.053527101+01:00": "2021-01-13T11:22:20.053527",
    "2021-03-01T12:00:00.123456789+00:00": "2021-03-01T12:00:00.123456",
    "2021-03-01T12:00:00.999999999Z": "2021-03-01T12:00:00.999999",
    "2021-03-01T12:00:00.5+05:30": "2021-03-01T06:30:00.500000",
    "2021-03-01T12:00:00Z": "2021-03-01T12:00:00",
    "2021-03-01t12:00:00z": "2021-03-01T12:00:00",
    "2021-03-01 12:00:00.25-08:00": "2021-03-01T20:00:00.250000",
    "2021-03-01T12:00:00-00:00": "2021-03-01T12:00:00",
    "2021-12-31T23:59:59.9-23:59": "2022-01-01T23:58:59.900000",
    "2020-02-29T00:00:00Z": "2020-02-29T00:00:00",
    "2016-12-31T23:59:60Z": "2017-01-01T00:00:00",
    "2016-12-31T23:59:60.5Z": "2017-01-01T00:00:00.500000",
    "0001-01-01T00:00:00Z": "0001-01-01T00:00:00",
    "9999-12-31T23:59:59.999999Z": "9999-12-31T23:59:59.999999",
    "2021-03-01T12:00:00." + "1" * 1000 + "Z": "2021-03-01T12:00:00.111111",
}


def json_text(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


@pytest.mark.parametrize(("text", "expected"), TIMES.items(), ids=[text[:40] for text in TIMES])
def test_times(text: str, expected: str) -> None:
    found = microseconds(json_text(text))
    assert found is not None
    assert moment(found).isoformat() == expected


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2021-03-01", "2021-03-01T12:00:00", "2021-03-01T12:00:00.123", "1614600000",
        "2021-03-01T12:00Z", "2021-03-01T12:00:00+0100", "2021-03-01T12:00:00+01", "2021-03-01T12:00:00 Z",
        "2021-13-01T12:00:00Z", "2021-02-29T12:00:00Z", "2021-03-01T24:00:00Z", "2021-03-01T12:60:00Z",
        "2021-03-01T12:00:61Z", "2021-03-01T12:00:00.Z", "2021-03-01T12:00:00,5Z", "2021-03-01T12:00:00+24:00",
        "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "0000-01-01T00:00:00Z",
        "12021-03-01T12:00:00Z", "-2021-03-01T12:00:00Z", "2021-03-01T12:00:00Z\n", " 2021-03-01T12:00:00Z",
        "٢٠٢١-03-01T12:00:00Z", "2021-W09-1T12:00:00Z", "2021-03-01_12:00:00Z",
    ],
)  # fmt: skip
def test_texts_that_are_no_time(text: str) -> None:
    assert microseconds(json_text(text)) is None


@pytest.mark.parametrize("escaped", [b'"2021-03-01T12:00:00.5\\u005a"', b'"\\u0032021-03-01T12:00:00.5Z"'])
def test_an_escape_is_the_character(escaped: bytes) -> None:
    assert microseconds(escaped) == microseconds(b'"2021-03-01T12:00:00.5Z"') is not None
