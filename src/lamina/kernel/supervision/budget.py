"""How often something may fail before its owner gives up."""

from collections import deque

from lamina.kernel.clock import Clock

DELAY_MIN_S = 0.1
DELAY_MAX_S = 5.0


class RestartBudget:
    """At most `restarts_max` restarts in any `period_s`; each one waits twice as long as the last.

    A quiet period gives the whole budget back.
    """

    def __init__(self, clock: Clock, *, restarts_max: int = 20, period_s: float = 120.0) -> None:
        self._clock = clock
        self._restarts_max = restarts_max
        self._period_s = period_s
        self._failures: deque[float] = deque()

    def spend(self) -> float | None:
        """Count a failure.

        Returns:
            Seconds to wait before the restart; None when the budget is used up.
        """
        now = self._clock.monotonic()
        while self._failures and now - self._failures[0] > self._period_s:
            self._failures.popleft()
        self._failures.append(now)
        if len(self._failures) > self._restarts_max:
            return None
        return min(DELAY_MAX_S, DELAY_MIN_S * 2 ** (len(self._failures) - 1))
