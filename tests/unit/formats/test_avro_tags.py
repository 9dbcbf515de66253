import pytest
from tests.cost_bound import costs_at_most

from lamina.formats import avro_tags
from lamina.formats.avro_tags import STRICT_LIMITS, MalformedTags, Tag, TagLimits
from lamina.formats.errors import FormatError

BUNDLE = (Tag("Bundle-Format", "binary"), Tag("Bundle-Version", "2.0.0"))
BUNDLE_BYTES = b"\x04\x1aBundle-Format\x0cbinary\x1cBundle-Version\x0a2.0.0\x00"
LONG_MAX = b"\xfe" + b"\xff" * 8 + b"\x01"
LONG_MIN = b"\xff" * 9 + b"\x01"


def test_example_of_the_specification() -> None:
    assert len(BUNDLE_BYTES) == 44
    assert avro_tags.encode(BUNDLE) == BUNDLE_BYTES
    assert avro_tags.decode(BUNDLE_BYTES) == BUNDLE


def test_no_tags_are_no_bytes_and_an_empty_array_is_read_too() -> None:
    assert avro_tags.encode([]) == b""
    assert avro_tags.decode(b"") == avro_tags.decode(b"\0") == ()


def test_order_duplicates_and_empty_texts_are_kept() -> None:
    tags = (Tag("b", ""), Tag("", "a"), Tag("b", ""), Tag("ключ", "🚲\0"))
    assert avro_tags.decode(avro_tags.encode(tags)) == tags


def test_long_texts_and_many_tags() -> None:
    tags = tuple(Tag(str(number), "x" * 10 * number) for number in range(1000))
    encoded = avro_tags.encode(tags)
    assert encoded[:2] == b"\xd0\x0f"
    assert avro_tags.decode(encoded) == tags


def test_several_blocks_with_and_without_sizes() -> None:
    first, second = BUNDLE_BYTES[1:22], BUNDLE_BYTES[22:-1]
    sized = b"\x01" + bytes((2 * len(first),)) + first
    assert avro_tags.decode(b"\x02" + first + b"\x02" + second + b"\0") == BUNDLE
    assert avro_tags.decode(sized + b"\x02" + second + b"\0") == BUNDLE


def test_integers_longer_than_needed_are_read() -> None:
    assert avro_tags.decode(b"\x82\x00\x82\x80\x00a\x80\x00\x80\x80\x00") == (Tag("a", ""),)


@pytest.mark.parametrize(
    "data",
    [
        b"\x02",  # a tag is missing
        b"\x02\x02a",  # its value is missing
        b"\x02\x02a\x02b",  # the end is missing
        b"\x02\x02a\x02b\x02",  # the second block is missing
        b"\x02\x02a\x02b\0\0",  # bytes follow
        b"\0\x02\x02a\x02b\0",
        b"\x02\x04a\x02b\0",  # a text passes the end
        b"\x02\x02a\x01\0",  # a negative size
        b"\x02\x02\xff\x02b\0",  # not UTF-8
        b"\x02\x06\xed\xa0\x80\x00\0",  # half a surrogate pair
        b"\x01\x06\x02a\x02b\0",  # the block is longer than it says
        b"\x01\x0a\x02a\x02b\0",  # the block is shorter than it says
        b"\x01\x01\x02a\x02b\0",  # the block's size is negative
        b"\x80",  # an integer without end
        b"\x80" * 11,
        b"\xff" * 9 + b"\x02",  # more than 64 bits
        LONG_MAX,
        LONG_MIN + LONG_MAX,
        b"\x02" + LONG_MAX,
        b"\x02" + LONG_MIN,
        b"\xfe\xff\xff\xff\x0f" + bytes(100),  # 2**31 - 1 tags in a hundred bytes
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedTags):
        avro_tags.decode(data)


@pytest.mark.parametrize(
    ("limits", "tags"),
    [
        (STRICT_LIMITS, [Tag("a", "b")] * 129),
        (STRICT_LIMITS, [Tag("a" * 1025, "b")]),
        (STRICT_LIMITS, [Tag("a", "b" * 3073)]),
        (STRICT_LIMITS, [Tag("a" * 1024, "b" * 3068)]),
        (TagLimits(count_max=1), [Tag("", ""), Tag("", "")]),
    ],
)
def test_limits(limits: TagLimits, tags: list[Tag]) -> None:
    encoded = avro_tags.encode(tags)
    assert avro_tags.decode(encoded) == tuple(tags)
    with pytest.raises(MalformedTags):
        avro_tags.decode(encoded, limits)


def test_what_fits_the_limits_is_read() -> None:
    tags = (Tag("a" * 1024, "b" * 3066),)
    encoded = avro_tags.encode(tags)
    assert len(encoded) == STRICT_LIMITS.bytes_max
    assert avro_tags.decode(encoded, STRICT_LIMITS) == tags


def test_limits_count_over_all_blocks() -> None:
    assert len(avro_tags.decode(b"\x02\0\0" * 10_000 + b"\0")) == 10_000
    with pytest.raises(MalformedTags, match="10000"):
        avro_tags.decode(b"\x02\0\0" * 10_001 + b"\0")


def test_ten_megabytes_of_empty_tags_cost_little() -> None:
    data = b"\x80\xad\xe2\x04" + bytes(10_000_001)
    with costs_at_most(seconds=0.1, traced_bytes=100_000), pytest.raises(MalformedTags):
        avro_tags.decode(data)


def test_what_is_no_text_is_not_written() -> None:
    with pytest.raises(FormatError):
        avro_tags.encode([Tag("a", "\ud800")])
