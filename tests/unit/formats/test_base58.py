import time

import pytest

from lamina.formats import base58
from lamina.formats.errors import FormatError


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"\0", "1"),
        (b"\0\0\1", "112"),
        (b"Hello World!", "2NEpo7TZRRrLZSi2U"),
        (bytes.fromhex("0000287fb4cd"), "11233QC4"),
        (b"\xff" * 32, "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG"),
    ],
)
def test_known_pairs(data: bytes, text: str) -> None:
    assert base58.encode(data) == text
    assert base58.decode(text) == data


@pytest.mark.parametrize("text", ["0", "O", "I", "l", " 1", "1\n", "é", "\ud800", "1" * 40 + "+", "\0"])
def test_characters_outside_the_alphabet_are_refused(text: str) -> None:
    with pytest.raises(FormatError):
        base58.decode(text)


def test_long_texts_are_refused_before_arithmetic() -> None:
    started = time.perf_counter()
    with pytest.raises(FormatError):
        base58.decode("z" * 1_000_000)
    assert time.perf_counter() - started < 0.1
    assert len(base58.decode("z" * base58.TEXT_CHARS_MAX)) == 94


def test_data_that_could_not_be_read_back_are_refused() -> None:
    zeros = bytes(base58.TEXT_CHARS_MAX)
    assert base58.decode(base58.encode(zeros)) == zeros
    for data in (bytes(base58.TEXT_CHARS_MAX + 1), b"\xff" * 94, b"\xff" * 1000):
        with pytest.raises(FormatError):
            base58.encode(data)


def test_keys_have_32_bytes() -> None:
    raw = bytes(range(32))
    assert base58.decode_key(base58.encode_key(raw)) == raw
    for wrong in (raw[1:], raw + b"\1"):
        with pytest.raises(FormatError):
            base58.encode_key(wrong)
        with pytest.raises(FormatError):
            base58.decode_key(base58.encode(wrong))


def test_errors_do_not_repeat_the_text() -> None:
    secret = "9" * 43 + "0"
    with pytest.raises(FormatError) as caught:
        base58.decode(secret)
    assert "999" not in str(caught.value)
