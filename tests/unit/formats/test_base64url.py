import base64

import pytest

from lamina.formats import base64url
from lamina.formats.errors import FormatError


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"\xfb\xff\xfe", "-__-"),
        (b"\0" * 3, "AAAA"),
    ],
)
def test_known_pairs(data: bytes, text: str) -> None:
    assert base64url.encode(data) == text
    assert base64url.decode(text) == data


def test_all_bytes_agree_with_the_standard_library() -> None:
    for size in range(64):
        data = bytes((size * 7 + index * 41) % 256 for index in range(size))
        assert base64url.encode(data) == base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize(
    "text", ["+a", "/a", "aa==", "aa=", "a a a", "aaa\n", "éé", "aa\ud800a", "aa\0a", "!!!!"]
)
def test_other_alphabets_and_padding_are_refused(text: str) -> None:
    with pytest.raises(FormatError):
        base64url.decode(text)


@pytest.mark.parametrize("text", ["a", "aaaaa", "a" * 1_000_001])
def test_impossible_lengths_are_refused(text: str) -> None:
    with pytest.raises(FormatError):
        base64url.decode(text)


@pytest.mark.parametrize("text", ["Zh", "Zm9", "__", "AB", "AAB", "AAAAA_", "-"])
def test_trailing_bits_must_be_zero(text: str) -> None:
    with pytest.raises(FormatError):
        base64url.decode(text)


def test_every_value_has_one_text() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    accepted = 0
    for first in alphabet:
        for second in alphabet:
            try:
                assert base64url.encode(base64url.decode(first + second)) == first + second
            except FormatError:
                continue
            accepted += 1
    assert accepted == 256
