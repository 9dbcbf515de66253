"""How often and how long one call tries again (distribution-and-reliability section 4)."""

import asyncio
import random
import time

TRIES_MAX = 8
ANSWER_S = 4.0  # tries together, and the wait for a commit: a write must have its 503 within 5 s (13.6)
DELAY_MIN_S = 0.01
DELAY_MAX_S = 1.0


class Patience:
    """The retry budget of one call: at most 8 tries in 4 s, full jitter between 10 ms and 1 s."""

    def __init__(self) -> None:
        self._tries = 0
        self._deadline = time.monotonic() + ANSWER_S

    @property
    def left_s(self) -> float:
        """Seconds until nothing is tried again."""
        return self._deadline - time.monotonic()

    @property
    def is_exhausted(self) -> bool:
        """Whether the try that just failed was the last one."""
        return self._tries >= TRIES_MAX - 1 or self.left_s <= 0

    async def pause(self) -> None:
        """Wait before the next try, longer each time."""
        ceiling = min(DELAY_MAX_S, DELAY_MIN_S * 2**self._tries)
        self._tries += 1
        await asyncio.sleep(random.uniform(0, ceiling))  # noqa: S311 - jitter, not a secret
