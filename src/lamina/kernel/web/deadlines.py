"""One timer for the deadlines of all running requests: a timer for each would cost more than routing does."""

import asyncio
import time
from typing import Any

Task = asyncio.Task[Any]

RESOLUTION = 20
"""A deadline is met at most one twentieth of itself late."""


class Deadlines:
    """Cancels tasks that are still watched when their time is up."""

    def __init__(self, timeout_s: float) -> None:
        """Watch nothing yet.

        Args:
            timeout_s: the same for every task, so that the oldest is always the next to expire.
        """
        self._timeout_s = timeout_s
        self._running: dict[Task, float] = {}
        self._expired: set[Task] = set()
        self._timer: asyncio.TimerHandle | None = None

    def watch(self) -> Task:
        """Start the running task's time.

        Returns:
            The task, to be released when it is done.
        """
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("ASGI applications run in tasks")
        self._running[task] = time.monotonic() + self._timeout_s
        if self._timer is None:
            self._timer = task.get_loop().call_later(self._timeout_s / RESOLUTION, self._check)
        return task

    def release(self, task: Task) -> None:
        """Stop the task's time."""
        self._running.pop(task, None)

    def expired(self, task: Task) -> bool:
        """Whether the task was cancelled from here; asked once, the cancellation is taken back."""
        if task not in self._expired:
            return False
        self._expired.remove(task)
        task.uncancel()
        return True

    def _check(self) -> None:
        now = time.monotonic()
        for task in [task for task, deadline in self._running.items() if deadline <= now]:
            del self._running[task]
            self._expired.add(task)
            task.cancel()
        self._timer = None
        if self._running:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._timeout_s / RESOLUTION, self._check)
