"""Time as a dependency, so that tests and the simulator can own it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Wall time in seconds since the epoch and a monotonic time in seconds."""

    def time(self) -> float:
        """Wall time, seconds since 1970-01-01 UTC. Never used for safety."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never step back."""
        ...


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        """Wall time, seconds since 1970-01-01 UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Monotonic seconds."""
        return time.monotonic()
