"""spec/telemetry.md 3.2: the socket's address, unless whoever may say otherwise does."""

import pytest

from lamina.kernel.errors import ConfigurationError
from lamina.services.telemetry.rules.address import (
    ADDRESS_CHARACTERS_MAX,
    UNKNOWN,
    AddressRule,
    AllowList,
    bare,
)

PROXY = ("10.1.2.3", 4711)
FORWARDED = [
    (b"forwarded", b'for="[2001:db8:cafe::17]";proto=http, for=192.0.2.43'),
    (b"x-forwarded-for", b"203.0.113.7, 10.0.0.1"),
    (b"x-real-ip", b"198.51.100.9"),
]


@pytest.mark.parametrize("text", ["false", "", "0", "no", "OFF", " False "])
def test_no_header_is_believed_by_default(text: str) -> None:
    assert AddressRule.parse(text).address(PROXY, FORWARDED) == "10.1.2.3:4711"


@pytest.mark.parametrize(
    ("client", "shown"),
    [
        (("203.0.113.7", 51234), "203.0.113.7:51234"),
        (("::1", 51234), "[::1]:51234"),
        (("2001:db8::1", 1), "[2001:db8::1]:1"),
        (("203.0.113.7", 0), "203.0.113.7"),
        (("", 0), UNKNOWN),
        (None, UNKNOWN),
    ],
)
def test_socket_addresses(client: tuple[str, int] | None, shown: str) -> None:
    assert AddressRule.parse("false").address(client, []) == shown


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        (FORWARDED, "[2001:db8:cafe::17]"),
        (FORWARDED[1:], "203.0.113.7"),
        (FORWARDED[2:], "198.51.100.9"),
        ([], "10.1.2.3:4711"),
        ([(b"forwarded", b"for=192.0.2.60; proto=http; by=203.0.113.43")], "192.0.2.60"),
        ([(b"forwarded", b'proto=http; For="192.0.2.60:80"')], "192.0.2.60:80"),
        ([(b"forwarded", b"proto=http"), *FORWARDED[1:]], "203.0.113.7"),
        ([(b"forwarded", b'for=""'), *FORWARDED[2:]], "198.51.100.9"),
        ([(b"x-forwarded-for", b"   "), *FORWARDED[2:]], "198.51.100.9"),
        ([(b"x-forwarded-for", b" 203.0.113.7 ")], "203.0.113.7"),
        ([(b"x-forwarded-for", b"first"), (b"x-forwarded-for", b"second")], "first"),
        ([(b"x-forwarded-for", b"\xe9\xff")], "éÿ"),
        ([(b"x-forwarded-for", b"9" * 10_000)], "9" * ADDRESS_CHARACTERS_MAX),
    ],
)
def test_headers_where_anybody_is_believed(headers: list[tuple[bytes, bytes]], shown: str) -> None:
    assert AddressRule.parse("true").address(PROXY, headers) == shown
    assert AddressRule.parse("10.0.0.0/8, 192.168.0.1").address(PROXY, headers) == shown
    assert AddressRule.parse("192.168.0.0/16").address(PROXY, headers) == "10.1.2.3:4711"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7:51234", "203.0.113.7"), ("203.0.113.7", "203.0.113.7"), ("[::1]:51234", "::1"),
        ("[::1]", "::1"), ("::1", "::1"), ("2001:db8::1", "2001:db8::1"), (UNKNOWN, UNKNOWN), ("", ""),
    ],
)  # fmt: skip
def test_bare_addresses(address: str, expected: str) -> None:
    assert bare(address) == expected


def test_the_allow_list() -> None:
    allowed = AllowList("203.0.113.0/24, 2001:db8::/32,198.51.100.9")
    for address in ("203.0.113.7:1", "[2001:db8::1]:51234", "198.51.100.9", "[::ffff:203.0.113.7]:51234"):
        assert allowed.allows(address), address
    for address in (
        "203.0.114.7:1",
        "[2001:db9::1]:1",
        "198.51.100.10",
        UNKNOWN,
        "",
        "garbage",
        "203.0.113.7.1",
    ):
        assert not allowed.allows(address), address
    assert all(AllowList(text).allows("garbage") for text in ("", " , "))


@pytest.mark.parametrize("text", ["maybe", "10.0.0.0/33", "10.0.0.0/8,somewhere", "10.0.0"])
def test_networks_that_are_none(text: str) -> None:
    with pytest.raises(ConfigurationError):
        AddressRule.parse(text)
    with pytest.raises(ConfigurationError, match="allowed_cidrs") as refused:
        AllowList(text)
    assert refused.value.hint
