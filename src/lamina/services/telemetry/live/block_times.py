"""How long a chain's last best blocks took to come, and their mean."""

from collections import deque

TIMES_KEPT = 50


class BlockTimes:
    """The last `TIMES_KEPT` block times."""

    __slots__ = ("_sum_ms", "_times_ms")

    def __init__(self) -> None:
        self._times_ms: deque[int] = deque()
        self._sum_ms = 0

    @property
    def mean_ms(self) -> int | None:
        """Their mean in whole milliseconds; None before the first."""
        return self._sum_ms // len(self._times_ms) if self._times_ms else None

    def push(self, time_ms: int) -> None:
        """Take in one block time."""
        if len(self._times_ms) == TIMES_KEPT:
            self._sum_ms -= self._times_ms.popleft()
        self._times_ms.append(time_ms)
        self._sum_ms += time_ms

    def clear(self) -> None:
        """Forget them all."""
        self._times_ms.clear()
        self._sum_ms = 0
