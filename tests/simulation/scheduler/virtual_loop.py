"""An asyncio event loop on virtual time: nothing waits, and one seed is one order of events."""

import asyncio
import random
import selectors
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from hashlib import sha256
from typing import Any

from lamina.kernel.errors import LaminaError


class Tasks(dict["asyncio.Task[Any]", None]):
    """Tasks that die together, in the order in which they began.

    Attributes:
        is_dead: what begins then, from what had happened just before, never gets to its first step.
    """

    is_dead = False


OWNER: ContextVar[Tasks | None] = ContextVar("owner", default=None)
"""Where tasks are listed that die together."""


class Stalled(Exception):
    """Everybody waits and nobody is going to wake anyone."""


class _Leap(selectors.SelectSelector):
    """Instead of waiting, the clock leaps to the next timer."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stalled("everybody waits and nobody is going to wake anyone")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """The clock, the only source of chance, the trace, and the first error that nobody knows what to do with."""

    def __init__(self, seed: int, show: Callable[[str], None] | None = None) -> None:
        self._leap = _Leap()
        super().__init__(self._leap)
        self.chance = random.Random(seed)
        self.notes = 0
        self.broken: asyncio.Future[BaseException] = self.create_future()
        self._show = show
        self._digest = sha256()
        self.set_task_factory(self._make_task)
        self.set_exception_handler(lambda _, context: self._break(context.get("exception")))

    def time(self) -> float:
        return self._leap.now

    @property
    def trace_hash(self) -> str:
        """SHA-256 over every note so far."""
        return self._digest.hexdigest()

    def note(self, text: str) -> None:
        """Write into the trace what happens now."""
        self.notes += 1
        self._digest.update(b"%d %s\n" % (int(self.time() * 1e6), text.encode()))
        if self._show is not None:
            self._show(f"{self.notes:>7} {self.time():10.3f}  {text}")

    def _make_task(
        self, loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, Any], **more: Any
    ) -> "asyncio.Task[Any]":
        task = asyncio.Task(work, loop=loop, **more)
        owner = OWNER.get()
        if owner is not None:
            owner[task] = None
            if owner.is_dead:
                task.cancel()
            task.add_done_callback(lambda done: owner.pop(done, None))
        task.add_done_callback(self._look)
        return task

    def _look(self, task: "asyncio.Task[Any]") -> None:
        failure = None if task.cancelled() else task.exception()
        if failure is not None and not isinstance(failure, LaminaError):
            self._break(failure)

    def _break(self, failure: BaseException | None) -> None:
        if failure is not None and not self.broken.done():
            self.broken.set_result(failure)
