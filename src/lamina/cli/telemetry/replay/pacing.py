"""How fast to send."""

import asyncio

STEP_S = 0.005
"""Shorter waits than this are saved up: a clock's tick is no message's worth."""


class Pacer:
    """A rate for all connections together."""

    def __init__(self, rate: float | None) -> None:
        """Keep a rate.

        Args:
            rate: messages per second; None is as fast as they go.
        """
        self._pause_s = 0.0 if rate is None else 1.0 / rate
        self._due = 0.0

    async def wait(self) -> None:
        """Wait until the next message may go."""
        if not self._pause_s:
            return
        now = asyncio.get_running_loop().time()
        # What was missed during an interruption is not caught up with a burst.
        self._due = max(self._due, now - STEP_S) + self._pause_s
        if self._due - now > STEP_S:
            await asyncio.sleep(self._due - now)
