import json

import pytest

from lamina.services.scheduler.errors import BadSchedulerList
from lamina.services.scheduler.model.unit import ListedUnit
from lamina.services.scheduler.rules.scheduler_list import parse_list


def test_a_list_of_every_revision() -> None:
    """Fields of the later ones, fields nobody knows, slashes at the end."""
    raw = b"""[{"url": "https://su1"}, {"url": "http://10.0.0.7:9000/base//", "no_route": true, "row_id": 7},
               {"url": "http://[::1]:80/", "wallets_to_route": "a, b", "wallets_only": false}]"""
    assert parse_list(raw) == [
        ListedUnit("https://su1"),
        ListedUnit("http://10.0.0.7:9000/base", no_route=True),
        ListedUnit("http://[::1]:80", wallets_to_route="a, b", wallets_only=False),
    ]
    assert parse_list(b"[]") == []


@pytest.mark.parametrize(
    "url",
    [
        "",
        "su1.example.org",
        "//su1.example.org",
        "ftp://su1",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://:80",
        "http://su1:0",
        "http://su1:65536",
        "http://su1:x",
        "http://[::1",
        "http://user@su1",
        "http://user:secret@su1",
        "http://su1?a=b",
        "http://su1#a",
        "http://su1?",
        "http://su 1",
        "http://su1\r\nset-cookie: a=b",
        "http://s\u00fc1",
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]",
        "http://0.0.0.0:9000",
        "http://224.0.0.1",
        "http://su1/" + "x" * 2048,
    ],
)
def test_no_client_is_sent_there(url: str) -> None:
    with pytest.raises(BadSchedulerList, match=r"\$\[1\]"):
        parse_list(json.dumps([{"url": "http://su1"}, {"url": url}]).encode())


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{}", b"null", b'[{"url": 1}]', b"[{}]", b'["http://su1"]', b'[{"url": "http://su1"}', b"\xff",
        b'[{"url": "http://su1", "no_route": "yes"}]', b'[{"url": "http://su1", "wallets_to_route": ["a"]}]',
        b'[{"url": "http://su1"}, {"url": "http://su1/"}]', b"[" * 100_000,
    ],
)  # fmt: skip
def test_no_list(raw: bytes) -> None:
    with pytest.raises(BadSchedulerList) as caught:
        parse_list(raw)
    assert "run-a-router.md" in caught.value.hint


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(BadSchedulerList) as caught:
        parse_list(b'[{"url": "http://user:hidden@su1"}]')
    assert "hidden" not in caught.value.detail
