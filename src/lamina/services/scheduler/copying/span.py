"""The range of a migration, as the original's program reads it (spec/scheduler.md 19.1)."""

from dataclasses import dataclass

from lamina.services.scheduler.errors import BadRange

_MAX = 2**62


@dataclass(frozen=True, slots=True)
class Span:
    """Positions by time, the oldest message first: from `first` on, `count` of them at most."""

    first: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Read `0` (all), `1000` (all from there on) or `0-1000` (up to there, exclusively).

        Raises:
            BadRange: it is none of them.
        """
        first_text, dash, end_text = text.partition("-")
        if (first := _position(first_text)) is None:
            raise BadRange("Invalid starting offset")
        if not dash:
            return cls(first, _MAX)
        end = _position(end_text)
        if end is None or end < first:
            raise BadRange("Invalid records to pull")
        return cls(first, end - first)

    @property
    def name(self) -> str:
        """Of its own file."""
        return f"{self.first}-" if self.count == _MAX else f"{self.first}-{self.first + self.count}"


def _position(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(_MAX)) or int(text) > _MAX:
        return None
    return int(text)
