"""How often each value occurs."""

from typing import TypedDict

Bucket = tuple[int, int | None]
"""From a number, including it, up to another, or without end."""

Key = str | int | bool | Bucket
KEYS_MAX = 10


class RankingObject(TypedDict):
    """A ranking as it is sent: values with their counts, the sum of all others, nodes without a value."""

    list: list[tuple[Key, int]]
    other: int
    unknown: int


class Ranking:
    """Counts of the values of one property; all of one type."""

    __slots__ = ("_counts", "_unknown")

    def __init__(self) -> None:
        self._counts: dict[Key, int] = {}
        self._unknown = 0

    def add(self, key: Key | None) -> None:
        """Count a node with this value, or with none."""
        if key is None:
            self._unknown += 1
        else:
            self._counts[key] = self._counts.get(key, 0) + 1

    def remove(self, key: Key | None) -> None:
        """Count it no more."""
        if key is None:
            self._unknown -= 1
        elif self._counts[key] == 1:
            del self._counts[key]
        else:
            self._counts[key] -= 1

    def most_frequent(self) -> RankingObject:
        """The `KEYS_MAX` most frequent values, the most frequent first."""
        ranked = sorted(self._counts.items(), key=_by_frequency)
        other = sum(count for _, count in ranked[KEYS_MAX:])
        return {"list": ranked[:KEYS_MAX], "other": other, "unknown": self._unknown}

    def ordered(self) -> RankingObject:
        """All values, the smallest first."""
        return {"list": sorted(self._counts.items(), key=_by_key), "other": 0, "unknown": self._unknown}


def _by_key(entry: tuple[Key, int]) -> tuple[int, int | str]:
    key = entry[0][0] if isinstance(entry[0], tuple) else entry[0]
    return 0, key


def _by_frequency(entry: tuple[Key, int]) -> tuple[int, int | str]:
    return -entry[1], _by_key(entry)[1]
