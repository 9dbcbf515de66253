"""Virtual time: coroutines driven by hand from one heap, the same way every time for one seed."""

import heapq
import random
from collections.abc import Callable, Coroutine, Generator
from hashlib import sha256
from typing import Any


class Pause:
    """What a simulated port awaits: so many virtual seconds."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __await__(self) -> Generator[float, None, None]:
        yield self.seconds


class Process:
    """One coroutine that the kernel drives."""

    __slots__ = ("coroutine", "is_alive", "name")

    def __init__(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        self.name = name
        self.coroutine = coroutine
        self.is_alive = True


class Kernel:
    """The clock, the only source of chance, and the order in which things happen."""

    def __init__(self, seed: int, show: Callable[[str], None] | None = None) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.events = 0
        self._show = show
        self._digest = sha256()
        self._heap: list[tuple[float, int, str, Process | Callable[[], None]]] = []
        self._pushed = 0

    @property
    def trace_hash(self) -> str:
        """SHA-256 over every event and note so far."""
        return self._digest.hexdigest()

    def note(self, text: str) -> None:
        """Write into the trace what happened within the present event."""
        self._digest.update(text.encode())
        if self._show is not None:
            self._show(f"{self.events:>7} {self.now:10.3f}  {text}")

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, None], after_s: float = 0.0) -> Process:
        """Let a coroutine begin."""
        process = Process(name, coroutine)
        self._push(after_s, name, process)
        return process

    def call_later(self, name: str, after_s: float, function: Callable[[], None]) -> None:
        """Let something happen later that nobody can stop."""
        self._push(after_s, name, function)

    def kill(self, process: Process) -> None:
        """Drop a coroutine where it is suspended; what it holds in memory is gone."""
        if process.is_alive:
            process.is_alive = False
            process.coroutine.close()

    def run(self, until_s: float, is_done: Callable[[], bool] | None = None) -> bool:
        """Let things happen until a moment, or until something holds.

        Returns:
            Whether it held.
        """
        heap = self._heap
        while heap and heap[0][0] <= until_s:
            at, _, name, target = heapq.heappop(heap)
            if isinstance(target, Process) and not target.is_alive:
                continue
            self.now = at
            self.events += 1
            self._digest.update(b"%d %d %s\n" % (self.events, int(at * 1e6), name.encode()))
            if isinstance(target, Process):
                self._resume(target)
            else:
                target()
            if is_done is not None and self.events % 32 == 0 and is_done():
                return True
        self.now = until_s
        return is_done is not None and is_done()

    def close(self) -> None:
        """Let everything end where it is."""
        for _, _, _, target in self._heap:
            if isinstance(target, Process):
                self.kill(target)
        self._heap.clear()

    def _resume(self, process: Process) -> None:
        try:
            seconds = process.coroutine.send(None)
        except StopIteration:
            process.is_alive = False
        else:
            if process.is_alive:
                self._push(seconds, process.name, process)

    def _push(self, after_s: float, name: str, target: Process | Callable[[], None]) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (self.now + after_s, self._pushed, name, target))
