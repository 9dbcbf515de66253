"""Bytes that never change once they are known, kept within a bound: the least recently read goes first."""


class ByteCache:
    """Immutable values by key, in memory of one process."""

    OVERHEAD_BYTES = 256
    """What an entry costs beside its value: two strings' headers and its share of the table."""

    def __init__(self, bytes_max: int) -> None:
        """Start empty.

        Args:
            bytes_max: most bytes kept, overhead included; 0 keeps nothing.
        """
        self._bytes_max = bytes_max
        self._bytes = 0
        self._values: dict[str, bytes] = {}  # in order of reading: dictionaries keep it

    def get(self, key: str) -> bytes | None:
        """The value, which is thereby the last to go."""
        value = self._values.pop(key, None)
        if value is not None:
            self._values[key] = value
        return value

    def put(self, key: str, value: bytes) -> None:
        """Keep a value; what is known already is kept as it is."""
        if key in self._values:
            return
        self._values[key] = value
        self._bytes += len(value) + self.OVERHEAD_BYTES
        while self._bytes > self._bytes_max:
            oldest = next(iter(self._values))
            self._bytes -= len(self._values.pop(oldest)) + self.OVERHEAD_BYTES
