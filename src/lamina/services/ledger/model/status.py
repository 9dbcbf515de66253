"""Where a block or transaction stands; the numbers are those of the tables."""

from enum import IntEnum


class Status(IntEnum):
    """Undecided until its election ends, then frozen."""

    UNDECIDED = 0
    VALID = 1
    INVALID = 2

    @property
    def word(self) -> str:
        """The wire word."""
        return self.name.lower()
