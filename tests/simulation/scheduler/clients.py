"""Those who post: one message after another each, patient or not, some the same message through several doors."""

import asyncio
from collections.abc import Sequence
from hashlib import sha256

from tests.simulation.scheduler.misfortune import Misfortune
from tests.simulation.scheduler.promises import Promises
from tests.simulation.scheduler.unit import ConnectionLost, Posted, Unit
from tests.simulation.violation import Violation

from lamina.kernel.errors import LaminaError
from lamina.services.scheduler.errors import MessageExists, ProcessNotFound

BACK_OFF_S = 2.0
HANG_UP_S = 0.05
BARE, SAID, RESPELLED, LOST_PROCESS = 0.1, 0.1, 0.05, 0.02
SAYINGS = 6
DOORS = 3
NOWHERE = bytes(32)


class Clients:
    """Everybody who posts in one seed."""

    def __init__(self, misfortune: Misfortune, units: Sequence[Unit], promises: Promises) -> None:
        self._misfortune = misfortune
        self._chance = misfortune.loop.chance
        self._units = units
        self._promises = promises
        self.posted = 0

    async def write(self, process_id: bytes, count: int) -> None:
        """Post one message after another to a process."""
        for _ in range(count):
            await asyncio.sleep(self._chance.random() * 0.05)
            await self._say(self._make(process_id))

    def _make(self, process_id: bytes) -> Posted:
        chance = self._chance
        self.posted += 1
        if chance.random() < LOST_PROCESS:
            return Posted(NOWHERE, chance.randbytes(32), b"")
        if chance.random() < BARE:
            return Posted(process_id, chance.randbytes(32), None)
        hashes: tuple[bytes, ...] = ()
        if chance.random() < SAID:
            hashes = (sha256(b"said %d" % chance.randrange(SAYINGS)).digest(), chance.randbytes(32))
        payload = None
        if chance.random() < RESPELLED:
            payload = sha256(b"signed %d" % chance.randrange(SAYINGS)).digest()
        return Posted(process_id, chance.randbytes(32), chance.randbytes(8), hashes, payload)

    async def _say(self, posted: Posted) -> None:
        """Post until the outcome is known."""
        profile = self._misfortune.profile
        if posted.item is not None and self._misfortune.strikes("duplicate", profile.duplicate):
            doors = [self._chance.choice(self._units) for _ in range(DOORS)]
            await asyncio.gather(*(self._post(unit, posted) for unit in doors))
        elif posted.item is not None and self._misfortune.strikes("hang_up", profile.hang_up):
            await self._hang_up(posted)
        while await self._post(self._chance.choice(self._units), posted) == "unknown":
            if posted.item is None:
                return  # once more would be one more assignment
            await asyncio.sleep(self._chance.random() * BACK_OFF_S)

    async def _hang_up(self, posted: Posted) -> None:
        self._promises.told(posted, "unknown")
        request = asyncio.create_task(self._post(self._chance.choice(self._units), posted))
        await asyncio.wait([request], timeout=self._chance.random() * HANG_UP_S)
        request.cancel()
        await asyncio.wait([request])
        if not request.cancelled():
            await request

    async def _post(self, unit: Unit, posted: Posted) -> str:
        """Post once; returns the answer."""
        if unit.is_up:
            self._promises.came((unit.number, unit.life), posted)
        answer, assignment_id = "stored", None
        try:
            assignment_id = await unit.post(posted)
        except MessageExists as refusal:
            answer = "said" if "Deep hash" in refusal.detail else "exists"
        except ProcessNotFound:
            if posted.process_id != NOWHERE:
                raise Violation("A", "a process is said to be unknown that is there") from None
            answer = "nowhere"
        except (LaminaError, ConnectionLost):
            answer = "unknown"
        if posted.process_id == NOWHERE and answer not in {"nowhere", "unknown"}:
            raise Violation("A", f"a message to nobody is {answer}")
        self._misfortune.loop.note(f"{posted.message_id.hex()[:8]} is {answer} by unit {unit.number}")
        self._promises.told(posted, answer, assignment_id)
        return answer
