"""Query strings of every quality."""

import pytest

from lamina.kernel.web.params import ParameterError, QueryTooLarge, parse_query


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        (b"", []),
        (b"a=1", [("a", "1")]),
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"a", [("a", "")]),
        (b"a=", [("a", "")]),
        (b"=a", [("", "a")]),
        (b"&&a=1&", [("a", "1")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"q=one+two%20three", [("q", "one two three")]),
        (b"q=%C3%A9", [("q", "é")]),
        ("q=é".encode(), [("q", "é")]),
        (b"q=%zz%4", [("q", "%zz%4")]),
        (b"q=%ff", [("q", "\ufffd")]),
        (b"q=a%00b", [("q", "a\ufffdb")]),
        (b"q=%ed%a0%80", [("q", "\ufffd\ufffd\ufffd")]),
        (b"%61=%26%3D", [("a", "&=")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
    ],
)
def test_parse_query(raw: bytes, pairs: list[tuple[str, str]]):
    assert parse_query(raw, count_max=10, length_max=100) == pairs


def test_bounds():
    assert len(parse_query(b"a&" * 10, count_max=10, length_max=20)) == 10
    with pytest.raises(QueryTooLarge):
        parse_query(b"a&" * 11, count_max=10, length_max=100)
    with pytest.raises(QueryTooLarge) as caught:
        parse_query(b"a" * 101, count_max=10, length_max=100)
    assert caught.value.http_status == 400


def test_parameter_error_keeps_both_halves():
    error = ParameterError("spent", 'Boolean value must be "true" or "false" (lowercase)')
    assert (error.parameter, error.http_status) == ("spent", 400)
    assert error.text in error.detail
