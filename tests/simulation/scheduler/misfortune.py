"""What goes wrong, drawn from the seed and counted."""

import asyncio
from collections import Counter

from tests.simulation.scheduler.profile import Profile
from tests.simulation.scheduler.virtual_loop import VirtualLoop


class Misfortune:
    """The faults of one seed."""

    def __init__(self, loop: VirtualLoop, profile: Profile) -> None:
        self.loop = loop
        self.profile = profile
        self.injected: Counter[str] = Counter()

    def heal(self) -> None:
        """From now on nothing goes wrong."""
        self.loop.note("healed")
        self.profile = self.profile.healed()

    def strikes(self, kind: str, likelihood: float) -> bool:
        """Whether a fault happens now."""
        if not likelihood or self.loop.chance.random() >= likelihood:
            return False
        self.count(kind)
        return True

    def count(self, kind: str) -> None:
        """A fault happens now."""
        self.injected[kind] += 1
        self.loop.note(f"! {kind}")

    async def delay(self) -> None:
        """A round trip to the server, some of them slow."""
        await asyncio.sleep(self.delay_s())

    def delay_s(self) -> float:
        """How long something takes."""
        profile, chance = self.profile, self.loop.chance
        if self.strikes("slow", profile.slow):
            return chance.random() * profile.slow_max_s
        return chance.random() * profile.delay_s
