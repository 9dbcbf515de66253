"""What a client of `/feed` asks for."""

from dataclasses import dataclass
from datetime import datetime

Pair = tuple[str, str]
"""A peer id and a message type."""


@dataclass(frozen=True, slots=True)
class Aggregate:
    """How times are summed up: `kind` is mean, median, min, max or percentile90; the interval in seconds."""

    kind: str
    interval_s: int


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Send me this pair's messages that are newer than `since`."""

    pair: Pair
    since: datetime
    aggregate: Aggregate | None


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Send no more of this pair."""

    pair: Pair
