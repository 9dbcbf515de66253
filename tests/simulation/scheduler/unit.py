"""A scheduler unit in the simulator: the production's sequencer on simulated database, signer and clock."""

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, cast

from tests.simulation.scheduler.database import SimulatedDatabase
from tests.simulation.scheduler.misfortune import Misfortune
from tests.simulation.scheduler.server import Server
from tests.simulation.scheduler.virtual_loop import OWNER, Tasks
from tests.simulation.scheduler.wallet import SimulatedSigner

from lamina.services.scheduler.sequencer.line import Submission
from lamina.services.scheduler.sequencer.sequencer import Sequencer
from lamina.services.scheduler.settings import SchedulerSettings

EPOCH_S = 1_600_000_000.0
HEIGHT = 1_500_000
BATCH_MAX = 5


class ConnectionLost(Exception):
    """The unit is gone; whoever asked it learns nothing."""


class Clock:
    """One unit's wall clock, which somebody sets now and then."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.offset_s = 0.0
        self._loop = loop

    def time(self) -> float:
        return EPOCH_S + self._loop.time() + self.offset_s

    def monotonic(self) -> float:
        return self._loop.time()


@dataclass(frozen=True, slots=True)
class Posted:
    """What a client asks for."""

    process_id: bytes
    message_id: bytes
    item: bytes | None
    deep_hashes: tuple[bytes, ...] = ()
    payload: bytes | None = None


class Unit:
    """Starts, answers, dies and starts again."""

    def __init__(self, number: int, server: Server, misfortune: Misfortune) -> None:
        self.number = number
        self.clock = Clock(misfortune.loop)
        self.life = 0
        self.is_up = False
        self._server = server
        self._misfortune = misfortune
        self._tasks = Tasks()
        self._sequencer: Sequencer | None = None

    def start(self) -> None:
        """Begin with nothing in memory."""
        self.life += 1
        self.is_up = True
        self._tasks = Tasks()
        self._sequencer = Sequencer(
            cast("Any", SimulatedDatabase(self._server, self._misfortune)),
            cast("Any", SimulatedSigner(self._misfortune)),
            SchedulerSettings(batch_max=BATCH_MAX, queue_max=self._misfortune.profile.queue_max),
            lambda: HEIGHT,
            self.clock,
        )
        self._own(self._sequencer.run())

    def crash(self) -> None:
        """Everything it was about is gone; what it has sent may still arrive."""
        self.is_up = False
        self._tasks.is_dead = True
        for task in list(self._tasks):
            task.cancel()

    async def post(self, posted: Posted, exclude: tuple[str, ...] = ()) -> bytes:
        """Schedule for a client; one who no longer waits hangs up.

        Raises:
            ConnectionLost: it is down, or dies before it answers.
            LaminaError: its answer.
        """
        if not self.is_up:
            raise ConnectionLost
        life, request = self.life, self._own(self._schedule(posted, exclude))
        try:
            return await request
        except asyncio.CancelledError:
            if not self.is_up or life != self.life:
                raise ConnectionLost from None
            raise

    async def _schedule(self, posted: Posted, exclude: tuple[str, ...]) -> bytes:
        assert self._sequencer is not None
        submission = Submission(posted.message_id, posted.item, exclude, posted.deep_hashes, posted.payload)
        return await self._sequencer.schedule(posted.process_id, submission)

    def _own(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Begin something that dies with the unit, and so does everything that it begins."""
        context = copy_context()
        context.run(OWNER.set, self._tasks)
        return context.run(asyncio.get_running_loop().create_task, work)
