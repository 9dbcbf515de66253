import pytest

from lamina.formats.conditions import der
from lamina.formats.errors import FormatError


@pytest.mark.parametrize(
    ("size", "header"),
    [(0, "8000"), (1, "8001"), (127, "807f"), (128, "808180"), (255, "8081ff"), (256, "80820100"),
     (65536, "8083010000")],
)  # fmt: skip
def test_lengths_are_minimal_and_read_back(size: int, header: str) -> None:
    encoded = der.element(0x80, bytes(size))
    assert encoded == bytes.fromhex(header) + bytes(size)
    reader = der.Reader(encoded)
    assert reader.octets(0x80, size) == bytes(size)
    reader.finish()


@pytest.mark.parametrize(
    ("value", "content"),
    [(0, "00"), (1, "01"), (127, "7f"), (128, "0080"), (255, "00ff"), (256, "0100"), (131072, "020000"),
     (2**31, "0080000000"), (2**32 - 1, "00ffffffff")],
)  # fmt: skip
def test_integers_are_minimal_and_read_back(value: int, content: str) -> None:
    encoded = der.integer(0x81, value)
    assert encoded.hex() == f"81{len(content) // 2:02x}{content}"
    assert der.Reader(encoded).integer(0x81, 2**32 - 1) == value


@pytest.mark.parametrize("content", ["", "0001", "000000", "80", "ff", "0100000000", "00ffffffffff"])
def test_integers_that_are_not_minimal_or_out_of_range_are_refused(content: str) -> None:
    encoded = der.element(0x81, bytes.fromhex(content))
    with pytest.raises(FormatError):
        der.Reader(encoded).integer(0x81, 2**32 - 1)


@pytest.mark.parametrize(
    "encoded",
    [
        "", "80", "8001", "8080", "808000", "80810100", "8081", "808105", "8082000100",
        "80820080" + "00" * 128, "80850000000001" + "00", "8084ffffffff", "80ff", "810100",
    ],
)  # fmt: skip
def test_elements_that_are_cut_indefinite_or_not_minimal_are_refused(encoded: str) -> None:
    with pytest.raises(FormatError):
        der.Reader(bytes.fromhex(encoded)).content(0x80)


def test_an_element_may_not_pass_the_end_of_its_parent() -> None:
    reader = der.Reader(bytes.fromhex("a0038002aabbcc")).enter(0xA0)
    with pytest.raises(FormatError):
        reader.content(0x80)
    split_length = der.Reader(bytes.fromhex("a0028081ff")).enter(0xA0)
    with pytest.raises(FormatError):
        split_length.content(0x80)


def test_trailing_bytes_are_refused() -> None:
    reader = der.Reader(b"\x80\x01\x00\x00")
    reader.content(0x80)
    assert not reader.at_end
    with pytest.raises(FormatError):
        reader.finish()


def test_set_members_are_sorted_and_repeats_kept() -> None:
    assert der.set_of(0xA1, [b"\x81\x00", b"\x80\x01\xff", b"\x80\x00", b"\x81\x00"]).hex() == (
        "a109" + "8000" + "8001ff" + "8100" + "8100"
    )
