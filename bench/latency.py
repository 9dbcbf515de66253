"""Percentiles of measured times."""

import math
from collections.abc import Sequence

import msgspec


class Latency(msgspec.Struct):
    """Milliseconds."""

    p50: float
    p90: float
    p99: float
    max: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Latency | None":
        """Percentiles of measured times; None where there are none."""
        if not seconds:
            return None
        ordered = sorted(seconds)
        return cls(*(round(ordered[_rank(len(ordered), share)] * 1e3, 2) for share in (0.5, 0.9, 0.99, 1.0)))


def _rank(count: int, share: float) -> int:
    return max(0, math.ceil(count * share) - 1)
