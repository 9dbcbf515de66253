"""A node's wall clock: wrong by up to an hour, and now and then it steps back."""

from tests.simulation.kernel import Kernel

EPOCH = 1_500_000_000.0


class SkewedClock:
    """Wall time of one node; nothing may depend on it."""

    def __init__(self, kernel: Kernel, offset_s: float) -> None:
        self._kernel = kernel
        self._offset_s = offset_s

    def time(self) -> float:
        return EPOCH + self._kernel.now + self._offset_s

    def monotonic(self) -> float:
        return self._kernel.now

    def step(self, seconds: float) -> None:
        """Somebody sets the clock."""
        self._offset_s += seconds
