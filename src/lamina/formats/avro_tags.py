"""Tags of data items: an Avro array of records of two strings (spec/scheduler.md 4).

Reading is bounded: a count is believed only as far as the bytes that are there could hold it. Order,
duplicates and empty strings are kept.
"""

from collections.abc import Iterable
from typing import NamedTuple

from lamina.formats.errors import FormatError

_LONG_BYTES_MAX = 10
_LONG_LIMIT = 1 << 64
_TAG_BYTES_MIN = 2
_UNBOUNDED = (1 << 63) - 1


class MalformedTags(FormatError):
    """Bytes are not the Avro encoding of a list of tags, or exceed a limit."""


class Tag(NamedTuple):
    """A name and its value, both any text; neither has to be unique or non-empty."""

    name: str
    value: str


class TagLimits(NamedTuple):
    """How many tags are read, and how large they may be.

    By default sizes are bounded by the item alone. The count is bounded at far more than the 2,048 that the
    original libraries can write (they stop at 4,096 bytes): a tag of two bytes would become an object a
    hundred times as large.
    """

    count_max: int = 10_000
    bytes_max: int = _UNBOUNDED
    name_bytes_max: int = _UNBOUNDED
    value_bytes_max: int = _UNBOUNDED


DEFAULT_LIMITS = TagLimits()
STRICT_LIMITS = TagLimits(count_max=128, bytes_max=4096, name_bytes_max=1024, value_bytes_max=3072)
"""What the ANS-104 text of 2024 asks, and the 4,096 bytes of the original libraries."""


def encode(tags: Iterable[Tag]) -> bytes:
    """Bytes of `tags`: one block and its end, as the original libraries write; nothing for no tags.

    Raises:
        FormatError: a text with half a surrogate pair.
    """
    parts: list[bytes] = []
    try:
        for text in (text for tag in tags for text in tag):
            raw = text.encode()
            parts += (_encode_long(len(raw)), raw)
    except UnicodeEncodeError:
        raise FormatError("tags: a text holds half a surrogate pair") from None
    return b"".join((_encode_long(len(parts) // 4), *parts, b"\0")) if parts else b""


def decode(data: bytes, limits: TagLimits = DEFAULT_LIMITS) -> tuple[Tag, ...]:
    """Tags of `data`; no bytes are no tags.

    Raises:
        MalformedTags: not exactly one Avro array of tags in UTF-8, or beyond `limits`.
    """
    if len(data) > limits.bytes_max:
        raise MalformedTags(f"{len(data)} bytes of tags, at most {limits.bytes_max} are read")
    if not data:
        return ()
    tags: list[Tag] = []
    count, size, position = _decode_block_start(data, 0)
    while count:
        if count > limits.count_max - len(tags):
            raise MalformedTags(f"more than {limits.count_max} tags")
        start = position
        if count * _TAG_BYTES_MIN > len(data) - start:
            raise MalformedTags(f"the block at byte {start} is too short for its {count} tags")
        for _ in range(count):
            name, position = _decode_text(data, position, limits.name_bytes_max)
            value, position = _decode_text(data, position, limits.value_bytes_max)
            tags.append(Tag(name, value))
        if size is not None and position - start != size:
            raise MalformedTags(f"the block at byte {start} is not as long as it says")
        count, size, position = _decode_block_start(data, position)
    if position != len(data):
        raise MalformedTags(f"bytes follow the end of the tags at byte {position}")
    return tuple(tags)


def _decode_block_start(data: bytes, position: int) -> tuple[int, int | None, int]:
    """Count of a block's tags, its size in bytes if given, and where its first tag starts."""
    count, position = _decode_long(data, position)
    if count >= 0:
        return count, None, position
    size, position = _decode_long(data, position)
    return -count, size, position


def _decode_text(data: bytes, position: int, bytes_max: int) -> tuple[str, int]:
    """The string at `position`, and where the next value starts."""
    size, start = _decode_long(data, position)
    end = start + size
    if not start <= end <= len(data):
        raise MalformedTags(f"the text at byte {position} passes the end")
    if size > bytes_max:
        raise MalformedTags(f"the text at byte {position} has more than {bytes_max} bytes")
    try:
        return data[start:end].decode(), end
    except UnicodeDecodeError:
        raise MalformedTags(f"the text at byte {position} is not UTF-8") from None


def _decode_long(data: bytes, position: int) -> tuple[int, int]:
    """The zig-zag integer of 64 bits at `position`, and where the next value starts."""
    if position < len(data) and (byte := data[position]) < 0x80:  # nearly every one
        return (byte >> 1) ^ -(byte & 1), position + 1
    # Compat: encodings longer than needed are read, as every Avro reader does.
    value = shift = 0
    for index, byte in enumerate(data[position : position + _LONG_BYTES_MAX], position + 1):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value >= _LONG_LIMIT:
                break
            return (value >> 1) ^ -(value & 1), index
        shift += 7
    raise MalformedTags(f"no integer of 64 bits at byte {position}")


def _encode_long(value: int) -> bytes:
    """Bytes of a non-negative integer: seven bits each, low ones first, a high bit where more follow."""
    rest = value << 1
    octets = bytearray()
    while rest > 0x7F:
        octets.append(rest & 0x7F | 0x80)
        rest >>= 7
    octets.append(rest)
    return bytes(octets)
