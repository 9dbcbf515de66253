"""An honest node: the production steps, looped over; it can die at any suspension and begin again."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from tests.simulation.clock import SkewedClock
from tests.simulation.invariants import Invariants
from tests.simulation.kernel import Kernel, Pause, Process
from tests.simulation.log_connection import LogConnection
from tests.simulation.node_copy import NodeCopy

from lamina.formats import transaction as build
from lamina.formats.signatures import KeyPair
from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable, LaminaError
from lamina.services.ledger.consensus.acceptance import Acceptance
from lamina.services.ledger.consensus.assignment import Assignment
from lamina.services.ledger.consensus.builder import Builder, BuilderLimits
from lamina.services.ledger.consensus.decider import Decider
from lamina.services.ledger.consensus.follower import Follower
from lamina.services.ledger.consensus.opened_blocks import OpenedBlocks
from lamina.services.ledger.consensus.reassignment import Reassignment
from lamina.services.ledger.consensus.roster import Roster
from lamina.services.ledger.consensus.watch import Watch
from lamina.services.ledger.errors import CriticalDuplicateVote, LedgerConflict
from lamina.services.ledger.model.block import LedgerBlock, seal_block
from lamina.services.ledger.model.membership import Membership
from lamina.services.ledger.model.timestamp import write_timestamp
from lamina.services.ledger.model.transaction import Transaction
from lamina.services.ledger.rules.form import parse_transaction

LIMITS = BuilderLimits(transactions_max=24, bytes_max=20_000)
FOLLOW_S, DECIDE_S, BUILD_S, REASSIGN_S, WATCH_S = 1.0, 1.0, 3.0, 3.0, 10.0
WATCH_ROWS_MAX = 4096
STALE_S = 6.0
AGAIN_S = 0.05


class Parts:
    """The production classes a node is made of; planted bugs put others in their place."""

    follower = Follower
    decider = Decider
    builder = Builder
    acceptance = Acceptance


class Node:
    """One process after another of one honest node."""

    def __init__(
        self,
        number: int,
        key: KeyPair,
        kernel: Kernel,
        log: LogConnection,
        copy: NodeCopy,
        membership: Membership,
        clock: SkewedClock,
        watch: Invariants,
        workers: int,
    ) -> None:
        self.number = number
        self.copy = copy
        self.clock = clock
        self.alarm: LaminaError | None = None
        self._key = key
        self._kernel = kernel
        self._log = log
        self._membership = membership
        self._watch = watch
        self._workers = workers
        self._processes: list[Process] = []
        self._acceptance: Acceptance | None = None

    @property
    def is_up(self) -> bool:
        """Whether it takes part."""
        return self._acceptance is not None and self.alarm is None

    def start(self) -> None:
        """Begin from what is committed."""
        assignment = Assignment(self._key.public, lambda: self._membership, self._kernel.random)
        self._acceptance = Parts.acceptance(self._log, self.copy, assignment, strict_owners=True)
        for worker in range(self._workers):
            self._spawn(f"boot{worker}", self._work(assignment))

    async def _work(self, assignment: Assignment) -> None:
        """Begin the log if nobody has, then do what a node does."""
        await self._loop(self._begin, AGAIN_S, once=True)
        opened = OpenedBlocks()
        follower = Parts.follower(
            self._log,
            self.copy,
            self._key,
            Roster(self._membership),
            opened,
            strict_owners=True,
            clock=self.clock,
        )
        decider = Parts.decider(self._log, self.copy, lambda: self._membership, assignment)
        builder = Parts.builder(
            self._log,
            self.copy,
            self._key,
            lambda: self._membership,
            LIMITS,
            opened=opened,
            strict_owners=True,
            clock=self.clock,
        )
        reassignment = Reassignment(self._log, assignment, delay_s=STALE_S)

        async def follow() -> object:
            copied = await follower.step()
            if copied:
                builder.look_again()
            return copied

        async def decide() -> object:
            counted = await decider.step()
            if counted.decided:
                builder.look_again()
            return counted.looked_at

        async def build_blocks() -> object:
            return (await builder.step()).blocks

        self._spawn("follow", self._loop(follow, FOLLOW_S))
        self._spawn("decide", self._loop(decide, DECIDE_S))
        self._spawn("build", self._loop(build_blocks, BUILD_S))
        self._spawn("watch", self._loop(Watch(self._log, self.copy, rows_max=WATCH_ROWS_MAX).step, WATCH_S))
        self._spawn("reassign", self._loop(reassignment.step, REASSIGN_S))

    def _spawn(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        after_s = self._kernel.random.random()
        self._processes.append(self._kernel.spawn(f"{name} {self.number}", coroutine, after_s))

    async def _loop(
        self, step: Callable[[], Awaitable[object]], idle_s: float, *, once: bool = False
    ) -> None:
        while True:
            try:
                is_busy = bool(await step())
                if once:
                    return
            except (DatabaseUnavailable, CommitUnknown):
                is_busy = False
            except (LedgerConflict, CriticalDuplicateVote) as alarm:
                self._halt(alarm)
                return
            await Pause(AGAIN_S if is_busy else idle_s * (0.5 + self._kernel.random.random()))

    async def _begin(self) -> None:
        """Of the first members one begins the log; the others find it begun."""
        if self._key.public in self._membership.at(1) and (await self._log.read_head()).seq == 0:
            await self._log.begin(self._make_genesis())

    def _make_genesis(self) -> LedgerBlock:
        signed = build.sign(build.genesis(self._key.public), [self._key])
        voters = sorted(self._membership.at(1))
        timestamp = write_timestamp(self.clock.time())
        return seal_block([parse_transaction(signed)], node=self._key, voters=voters, timestamp=timestamp)

    def post(self, batch: Sequence[Transaction]) -> None:
        """A client's request reaches the node."""
        self._processes = [process for process in self._processes if process.is_alive]
        if self.is_up:
            self._spawn("post", self._accept(batch))

    async def _accept(self, batch: Sequence[Transaction]) -> None:
        assert self._acceptance is not None
        try:
            refusals = await self._acceptance.accept(batch)
        except (DatabaseUnavailable, CommitUnknown):
            return
        for tx, refusal in zip(batch, refusals, strict=True):
            if refusal is None:
                self._kernel.note(f"{self.number} accepts {tx.id[:8]}")
                self._watch.answered(tx)

    def crash(self) -> None:
        """Stop at once; only what is committed is left."""
        self._acceptance = None
        for process in self._processes:
            self._kernel.kill(process)
        self._processes.clear()
        self.copy.locks.clear()

    def _halt(self, alarm: LaminaError) -> None:
        """Vote and build no more."""
        self._kernel.note(f"{self.number} halts: {alarm}")
        self.alarm = alarm
        for process in self._processes:
            if inspect.getcoroutinestate(process.coroutine) != inspect.CORO_RUNNING:
                self._kernel.kill(process)
