"""What lies between a node and the shared log: delay, loss, doubt, repetition, partitions, stalls, failovers."""

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

from tests.simulation.kernel import Kernel, Pause
from tests.simulation.profile import Profile
from tests.simulation.shared_log import SharedLog

from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable

T = TypeVar("T")
TIMEOUT_S = 4.0
ROUND_TRIP_S = 0.02


class Network:
    """Carries every call of every node."""

    def __init__(self, kernel: Kernel, log: SharedLog, profile: Profile) -> None:
        self.kernel = kernel
        self.profile = profile
        self.injected: Counter[str] = Counter()
        self.cut_off: dict[int, bool] = {}
        self.stalled_until = 0.0
        self._log = log

    def hit(self, fault: str, chance: float) -> bool:
        """Whether this fault happens now."""
        if chance <= 0.0 or self.kernel.random.random() >= chance:
            return False
        self.count(fault)
        return True

    def count(self, fault: str) -> None:
        self.injected[fault] += 1
        self.kernel.note(f"! {fault}")

    async def read(self, node: int, apply: Callable[[], T]) -> T:
        """A call without effect."""
        await self._reach(node)
        result = self._log.look(apply)
        await Pause(self._delay())
        if self.cut_off.get(node):
            raise DatabaseUnavailable
        return result

    async def write(self, node: int, name: str, apply: Callable[[], T]) -> T:
        """A call with one, which may be repeated, or end in doubt."""
        await self._reach(node)
        if self.hit("commit_unknown", self.profile.unknown):
            await self._doubt(name, apply)
        result, number = self._log.execute(apply)
        self.kernel.note(f"{node} {name}")
        if self.hit("duplicate", self.profile.duplicate):
            self.kernel.call_later(f"again {name}", self._delay(), lambda: self._repeat(apply))
        if self.hit("failover", self.profile.failover):
            self.kernel.note(f"lost {self._log.fail_over()}")
        await Pause(self._delay())
        if number in self._log.lost:
            raise CommitUnknown
        if self.cut_off.get(node):
            self.count("answer_cut_off")
            raise CommitUnknown
        self._log.settle(number)
        return result

    async def _reach(self, node: int) -> None:
        """The way to the log.

        Raises:
            DatabaseUnavailable: there is none; nothing happened.
        """
        await Pause(self._delay())
        if self.cut_off.get(node):
            self.count("cut_off")
            await Pause(TIMEOUT_S)
            raise DatabaseUnavailable
        if self.stalled_until > self.kernel.now:
            self.count("stalled")
            wait_s = self.stalled_until - self.kernel.now
            await Pause(min(wait_s, TIMEOUT_S))
            if wait_s > TIMEOUT_S:
                raise DatabaseUnavailable
        if self.hit("drop", self.profile.drop):
            await Pause(TIMEOUT_S * self.kernel.random.random())
            raise DatabaseUnavailable

    async def _doubt(self, name: str, apply: Callable[[], object]) -> None:
        """The connection dies while the commit is on its way: it is done, will be, or will never be."""
        fate = self.kernel.random.choice(("done", "late", "never"))
        self.kernel.note(f"unknown {name} {fate}")
        if fate == "done":
            self._repeat(apply)
        elif fate == "late":
            self.kernel.call_later(f"late {name}", self._delay(), lambda: self._repeat(apply))
        await Pause(self._delay())
        raise CommitUnknown

    def _repeat(self, apply: Callable[[], object]) -> None:
        self._log.execute(apply)

    def _delay(self) -> float:
        if self.hit("slow", self.profile.slow):
            return self.kernel.random.random() * self.profile.slow_max_s
        return ROUND_TRIP_S * self.kernel.random.random()
