"""One seed: units on one database and one wallet, their clients, their misfortunes, and what has to hold."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from unittest.mock import patch

from tests.simulation.scheduler.clients import Clients
from tests.simulation.scheduler.misfortune import Misfortune
from tests.simulation.scheduler.profile import NEVER, profile_of
from tests.simulation.scheduler.promises import Promises
from tests.simulation.scheduler.unit import EPOCH_S, Unit
from tests.simulation.scheduler.virtual_loop import Stalled, VirtualLoop
from tests.simulation.violation import Violation

from lamina.services.scheduler.model.head import NONE, Head
from lamina.services.scheduler.rules import assignment

TROUBLE_S = 6.0
PATIENCE_S = 400.0
DOWN_S = 2.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a seed."""

    seed: int
    profile: str
    notes: int
    injected: dict[str, int]
    answers: dict[str, int]
    posted: int
    assignments: int
    virtual_s: float
    seconds: float
    trace_hash: str
    promise: str | None
    violation: str | None


class Simulation:
    """The world of one seed."""

    def __init__(self, seed: int, show: Callable[[str], None] | None = None) -> None:
        self.seed = seed
        self.loop = VirtualLoop(seed, show)
        self.profile = profile_of(seed)
        self.misfortune = Misfortune(self.loop, self.profile)
        self.promises = Promises()
        self.units = [
            Unit(number, self.promises.server, self.misfortune) for number in range(self.profile.units)
        ]
        self.clients = Clients(self.misfortune, self.units, self.promises)

    def run(self) -> Outcome:
        """Trouble, then healing, then quiet."""
        begun = time.perf_counter()
        promise = violation = None
        try:
            with patch.object(assignment, "secrets", _Anchors(self.loop)):
                self.loop.run_until_complete(self._run())
        except Violation as found:
            promise, violation = found.invariant, str(found)
        except Stalled as found:
            promise, violation = "E", f"E: {found}"
        except Exception as error:  # whatever production code lets through is a finding
            promise, violation = "crash", f"a task died: {error!r}"
        virtual_s = self.loop.time()
        self._close()
        if violation is not None:
            violation = f"seed {self.seed}, note {self.loop.notes}: {violation}"
        return Outcome(
            seed=self.seed,
            profile=self.profile.name,
            notes=self.loop.notes,
            injected=dict(self.misfortune.injected),
            answers=dict(self.promises.answers),
            posted=self.clients.posted,
            assignments=len(self.promises.server.messages),
            virtual_s=virtual_s,
            seconds=time.perf_counter() - begun,
            trace_hash=self.loop.trace_hash,
            promise=promise,
            violation=violation,
        )

    async def _run(self) -> None:
        processes = [self._spawn() for _ in range(self.profile.processes)]
        for unit in self.units:
            unit.start()
        writing = [
            asyncio.create_task(self.clients.write(process_id, self.profile.messages))
            for process_id in processes
            for _ in range(self.profile.writers)
        ]
        troubles = [
            asyncio.create_task(self._trouble(happen, every_s))
            for happen, every_s in (
                (self._crash, self.profile.crash_every_s),
                (self._step_clock, self.profile.clock_step_every_s),
            )
            if every_s < NEVER
        ]
        written = asyncio.create_task(_all(writing))
        await self._wait(written, TROUBLE_S)
        for trouble in troubles:
            trouble.cancel()
        self._heal()
        await self._wait(written, PATIENCE_S)
        if not written.done():
            raise Violation("E", f"{sum(not task.done() for task in writing)} of those who post still wait")
        self.promises.check_end()

    async def _wait(self, written: "asyncio.Task[None]", timeout_s: float) -> None:
        """Let things happen until all is written, for so long, or until something breaks."""
        broken = self.loop.broken
        await asyncio.wait([written, broken], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if broken.done():
            raise broken.result()

    def _spawn(self) -> bytes:
        """A process, with an assignment of its own or without."""
        chance = self.loop.chance
        process_id, ts = chance.randbytes(32), int(EPOCH_S * 1000)
        head = Head(NONE, None, None, ts)
        if chance.random() < 0.5:
            head = Head(0, chance.randbytes(32), sha256(process_id).digest(), ts)
        self.promises.server.heads[process_id] = head
        self.promises.begin(process_id, (head.nonce, head.assignment_id or b"", head.hash_chain or b"", ts))
        return process_id

    # Misfortunes

    async def _trouble(self, happen: Callable[[], None], every_s: float) -> None:
        while True:
            await asyncio.sleep(self.loop.chance.expovariate(1 / every_s))
            happen()

    def _crash(self) -> None:
        unit = self.loop.chance.choice(self.units)
        if unit.is_up:
            self.misfortune.count("crash")
            unit.crash()
            self.loop.call_later(self.loop.chance.random() * DOWN_S, self._restart, unit)

    def _restart(self, unit: Unit) -> None:
        if not unit.is_up:
            self.loop.note(f"unit {unit.number} starts")
            unit.start()

    def _step_clock(self) -> None:
        unit = self.loop.chance.choice(self.units)
        self.misfortune.count("clock_step")
        unit.clock.offset_s = self.loop.chance.uniform(-self.profile.clock_step_s, self.profile.clock_step_s)

    def _heal(self) -> None:
        """Every unit is up, and no clock is behind what was written."""
        self.misfortune.heal()
        for unit in self.units:
            unit.clock.offset_s = self.profile.clock_step_s
            self._restart(unit)

    def _close(self) -> None:
        """Let everything end where it is."""
        while tasks := asyncio.all_tasks(self.loop):
            for task in tasks:
                task.cancel()
            self.loop.run_until_complete(asyncio.wait(tasks, timeout=1.0))
        self.loop.close()


async def _all(tasks: Sequence["asyncio.Task[None]"]) -> None:
    await asyncio.wait(tasks)


class _Anchors:
    """Randomness of assignments, from the seed."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def token_bytes(self, count: int) -> bytes:
        return self._loop.chance.randbytes(count)


def simulate(seed: int, show: Callable[[str], None] | None = None) -> Outcome:
    """Play one seed."""
    return Simulation(seed, show).run()
