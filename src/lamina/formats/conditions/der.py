"""The part of DER that crypto-conditions use: one-byte tags, definite lengths, small integers.

The reader is strict: it refuses indefinite and non-minimal lengths, values past the end and trailing bytes.
"""

from collections.abc import Iterable

from lamina.formats.errors import FormatError

_LENGTH_BYTES_MAX = 4


def element(tag: int, content: bytes) -> bytes:
    """Tag, minimal length, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def integer(tag: int, value: int) -> bytes:
    """A non-negative INTEGER: minimal two's complement, big-endian."""
    return element(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def set_of(tag: int, members: Iterable[bytes]) -> bytes:
    """A SET OF: encodings in ascending byte order, equal ones kept."""
    return element(tag, b"".join(sorted(members)))


class Reader:
    """Reads the elements of one stretch of bytes from left to right."""

    __slots__ = ("_data", "_end", "_position")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        """Read `data[start:end]`."""
        self._data = data
        self._position = start
        self._end = len(data) if end is None else end

    @property
    def position(self) -> int:
        """Offset of the next byte."""
        return self._position

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._position == self._end

    def peek(self) -> int:
        """The tag of the next element, which stays unread.

        Raises:
            FormatError: nothing is left.
        """
        if self._position >= self._end:
            raise FormatError(f"DER: an element is missing at byte {self._position}")
        return self._data[self._position]

    def enter(self, tag: int) -> "Reader":
        """A reader for the content of the next element, which must carry `tag`.

        Raises:
            FormatError: another tag, or a length that is not minimal or passes the end.
        """
        start, end = self._content(tag)
        return Reader(self._data, start, end)

    def content(self, tag: int) -> bytes:
        """The content of the next element, which must carry `tag`.

        Raises:
            FormatError: as `enter`.
        """
        start, end = self._content(tag)
        return self._data[start:end]

    def octets(self, tag: int, size: int) -> bytes:
        """The content of the next element, which must carry `tag` and have `size` bytes.

        Raises:
            FormatError: as `enter`, or another size.
        """
        content = self.content(tag)
        if len(content) != size:
            raise FormatError(f"DER: {size} bytes expected before byte {self._position}, not {len(content)}")
        return content

    def integer(self, tag: int, maximum: int) -> int:
        """A minimal INTEGER of 0..`maximum` under `tag`.

        Raises:
            FormatError: as `enter`, not minimal, or out of range.
        """
        content = self.content(tag)
        value = int.from_bytes(content, "big", signed=True)
        if not 0 <= value <= maximum or len(content) != value.bit_length() // 8 + 1:
            raise FormatError(f"DER: a minimal integer of 0..{maximum} expected before byte {self._position}")
        return value

    def finish(self) -> None:
        """Refuse bytes that nobody read.

        Raises:
            FormatError: something is left.
        """
        if not self.at_end:
            raise FormatError(f"DER: trailing bytes from byte {self._position}")

    def _content(self, tag: int) -> tuple[int, int]:
        """Bounds of the next element's content; moves past it."""
        if self.peek() != tag:
            raise FormatError(f"DER: tag {tag:#04x} expected at byte {self._position}")
        start, size = self._length(self._position + 1)
        end = start + size
        if end > self._end:
            raise FormatError(f"DER: the element at byte {self._position} passes the end")
        self._position = end
        return start, end

    def _length(self, position: int) -> tuple[int, int]:
        """Where the content starts, and its size."""
        if position >= self._end:
            raise FormatError(f"DER: a length is missing at byte {position}")
        first = self._data[position]
        if first < 0x80:
            return position + 1, first
        count = first & 0x7F
        start = position + 1 + count
        size = int.from_bytes(self._data[position + 1 : min(start, self._end)], "big")
        if not 1 <= count <= _LENGTH_BYTES_MAX or start > self._end or size < max(0x80, 1 << 8 * (count - 1)):
            raise FormatError(f"DER: the length at byte {position} is not definite and minimal")
        return start, size
