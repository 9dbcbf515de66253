"""One seed: a federation, its clients, its misfortunes, and what has to hold nevertheless."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from tests.simulation.byzantine import Byzantine
from tests.simulation.clients import Clients
from tests.simulation.clock import EPOCH, SkewedClock
from tests.simulation.invariants import Invariants
from tests.simulation.kernel import Kernel, Pause
from tests.simulation.keys import draw_key
from tests.simulation.liar import LyingConnection
from tests.simulation.log_connection import LogConnection
from tests.simulation.network import Network
from tests.simulation.node import Node
from tests.simulation.node_copy import NodeCopy
from tests.simulation.profile import NEVER, Profile, profile_of
from tests.simulation.shared_log import SharedLog
from tests.simulation.violation import Violation

from lamina.formats.signatures import KeyPair
from lamina.services.ledger.model.membership import ADD, REMOVE, Change, Membership
from lamina.services.ledger.model.status import Status

HEALING_S = 120.0
POSTING_MAX_S = 1000.0
AFTERMATH_S = 10.0
SKEW_S = 3600.0
DEAD_BATTERY = 0.05
LIE_SEQS = (4, 14)
CHANGE_SEQS = (5, 15)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a seed."""

    seed: int
    profile: str
    nodes: int
    events: int
    injected: dict[str, int]
    posted: int
    accepted: int
    valid: int
    rejected: int
    blocks: int
    invalid_blocks: int
    virtual_s: float
    seconds: float
    trace_hash: str
    invariant: str | None
    violation: str | None


class Simulation:
    """The world of one seed."""

    def __init__(
        self, seed: int, nodes: int, transactions: int, show: Callable[[str], None] | None = None
    ) -> None:
        self.seed = seed
        self.kernel = Kernel(seed, show)
        self.profile = _fit(profile_of(seed), nodes)
        keys = [draw_key(self.kernel.random) for _ in range(nodes)]
        names = [key.public for key in keys]
        outsiders = [nodes - 1] if self.profile.is_byzantine else []
        self.membership = self._make_membership(names)
        self.watch = Invariants(self.membership, names, outsiders)
        self.log = SharedLog(lambda: self.kernel.now, self.watch.left)
        self.watch.log = self.log
        self.network = Network(self.kernel, self.log, self.profile)
        self.liar = LyingConnection(0, self.network, self.log, self.watch)
        honest = [number for number in range(nodes) if number not in outsiders]
        self.nodes = [self._make_node(number, keys[number]) for number in honest]
        self.clients = Clients(self.kernel, self.nodes, self.watch.book, transactions)
        self._posted = transactions
        self.byzantine: Byzantine | None = None
        for number in outsiders:
            others = [name for name in names if name != keys[number].public]
            connection = LogConnection(number, self.network, self.log, None)
            self.byzantine = Byzantine(
                keys[number], self.kernel, connection, self.membership, self.clients, others
            )

    def _make_membership(self, names: list[str]) -> Membership:
        """In some seeds the last node joins later, or leaves."""
        if not self.profile.changes_members:
            return Membership.of(names)
        seq = self.kernel.random.randint(*CHANGE_SEQS)
        if self.kernel.random.random() < 0.5:
            return Membership.of(names[:-1], [Change(seq, ADD, names[-1])])
        return Membership.of(names, [Change(seq, REMOVE, names[-1])])

    def _make_node(self, number: int, key: KeyPair) -> Node:
        if number == 0 and self.profile.lie is not None:
            connection: LogConnection = self.liar
            self.liar.lie = self.profile.lie
            self.liar.lie_seq = self.kernel.random.randint(*LIE_SEQS)
            self.watch.misled = number
        else:
            connection = LogConnection(number, self.network, self.log, self.watch)
        offset_s = self.kernel.random.uniform(-SKEW_S, SKEW_S)
        if self.kernel.random.random() < DEAD_BATTERY:
            self.network.count("clock_of_1970")
            offset_s = -EPOCH
        clock = SkewedClock(self.kernel, offset_s)
        copy = NodeCopy(number, key.public, self.network, self.watch)
        return Node(
            number,
            key,
            self.kernel,
            connection,
            copy,
            self.membership,
            clock,
            self.watch,
            self.profile.workers,
        )

    def run(self) -> Outcome:
        """Trouble, then healing, then quiet."""
        begun = time.perf_counter()
        invariant = violation = None
        try:
            self._run()
        except Violation as found:
            invariant, violation = found.invariant, str(found)
        except Exception as error:  # whatever production code lets through is a finding
            invariant, violation = "crash", f"a task died: {error!r}"
        finally:
            self.kernel.close()
        if violation is not None:
            violation = f"seed {self.seed}, event {self.kernel.events}: {violation}"
        decided = Counter(self.watch.decided.values())
        return Outcome(
            seed=self.seed,
            profile=self.profile.name,
            nodes=len(self.nodes) + (self.byzantine is not None),
            events=self.kernel.events,
            injected=dict(self.network.injected),
            posted=self._posted,
            accepted=len(self.watch.accepted),
            valid=len(self.watch.book.transactions),
            rejected=len(self.log.rejected),
            blocks=len(self.log.blocks),
            invalid_blocks=decided[Status.INVALID],
            virtual_s=self.kernel.now,
            seconds=time.perf_counter() - begun,
            trace_hash=self.kernel.trace_hash,
            invariant=invariant,
            violation=violation,
        )

    def _run(self) -> None:
        kernel = self.kernel
        for node in self.nodes:
            node.start()
        kernel.spawn("clients", self.clients.post_all(), 3.0)
        if self.byzantine is not None:
            kernel.spawn("byzantine", self.byzantine.misbehave(), 5.0)
        for name, trouble, every_s in (
            ("crash", self._crash, self.profile.crash_every_s),
            ("partition", self._partition, self.profile.partition_every_s),
            ("clog", self._clog, self.profile.clog_every_s),
            ("stall", self._stall, self.profile.stall_every_s),
            ("clock", self._step_clock, self.profile.clock_step_every_s),
        ):
            if every_s < NEVER:
                kernel.spawn(name, self._trouble(trouble, every_s))
        kernel.run(POSTING_MAX_S, lambda: self.clients.left <= 0)
        kernel.run(kernel.now + AFTERMATH_S)
        self._heal()
        kernel.run(kernel.now + HEALING_S, lambda: not self._has_majority() or self._unrest() is None)
        self.watch.check_end(self._unrest() if self._has_majority() else None)
        if self._has_majority():
            self.watch.check_ended()
        for node in self.nodes:
            node.copy.check_state()
        if self.liar.has_lied and self.nodes[0].alarm is None:
            raise Violation("6.5", "a node was lied to and did not halt")

    # Misfortunes

    async def _trouble(self, happen: Callable[[], Awaitable[None]], every_s: float) -> None:
        while True:
            await Pause(self.kernel.random.expovariate(1 / every_s))
            if self.network.profile is not self.profile:
                return
            await happen()

    async def _crash(self) -> None:
        node = self.kernel.random.choice(self.nodes)
        if node.is_up:
            self.network.count("crash")
            node.crash()
            after_s = self.kernel.random.random() * 8.0
            self.kernel.call_later(f"restart {node.number}", after_s, lambda: self._restart(node))

    def _restart(self, node: Node) -> None:
        if not node.is_up and node.alarm is None:
            node.start()

    async def _partition(self) -> None:
        """Some nodes do not reach the log for a while."""
        apart = self.kernel.random.sample(
            self.nodes, self.kernel.random.randint(1, max(1, len(self.nodes) // 2))
        )
        for node in apart:
            self.network.count("partition")
            self.network.cut_off[node.number] = True
        await Pause(self.kernel.random.random() * 20.0)
        for node in apart:
            self.network.cut_off[node.number] = False

    async def _clog(self) -> None:
        """One after another is cut off, and comes back in another order."""
        order = self.kernel.random.sample(self.nodes, len(self.nodes))
        for node in order:
            self.network.count("clog")
            self.network.cut_off[node.number] = True
            await Pause(self.kernel.random.random() * 3.0)
        for node in self.kernel.random.sample(order, len(order)):
            self.network.cut_off[node.number] = False
            await Pause(self.kernel.random.random() * 3.0)

    async def _stall(self) -> None:
        self.network.count("stall")
        self.network.stalled_until = self.kernel.now + self.kernel.random.random() * 10.0

    async def _step_clock(self) -> None:
        self.network.count("clock_step")
        node = self.kernel.random.choice(self.nodes)
        node.clock.step(self.kernel.random.uniform(-600.0, 60.0))

    # The end

    def _heal(self) -> None:
        """Nothing goes wrong any more; in some seeds a minority is not there any more."""
        self.kernel.note("healing")
        self.network.profile = self.profile.healed()
        self.network.cut_off.clear()
        self.network.stalled_until = 0.0
        if self.byzantine is not None:
            self.byzantine.is_active = False
        voters = self.membership.at(2**40)
        spare = (len(voters) - 1) // 2 if self.profile.stays_down else 0
        for node in self.nodes[len(self.nodes) - spare :] if spare else []:
            node.crash()
        for node in self.nodes[: len(self.nodes) - spare]:
            if not node.is_up and node.alarm is None:
                node.start()

    def _has_majority(self) -> bool:
        members = self.membership.at(self.log.head.seq + 1)
        return 2 * sum(node.is_up and node.copy.key in members for node in self.nodes) > len(members)

    def _unrest(self) -> str | None:
        """What is not settled yet, if a majority is there to settle it."""
        up = [node for node in self.nodes if node.is_up]
        if self.log.backlog:
            return f"{len(self.log.backlog)} transactions wait"
        head = self.log.head
        for node in up:
            if node.copy.head != head:
                return f"node {node.number} stands at {node.copy.head.seq} of {head.seq}"
            if node.copy.undecided:
                return f"node {node.number} has {node.copy.undecided} undecided blocks"
            if node.copy.unreleased:
                return f"node {node.number} has {len(node.copy.unreleased)} unreleased blocks"
        return None


def _fit(profile: Profile, nodes: int) -> Profile:
    """What makes no sense in a small federation is left out."""
    if nodes < 2:
        profile = replace(profile, is_byzantine=False)
    if nodes < 3:
        profile = replace(profile, lie=None, changes_members=False)
    return profile


def simulate(
    seed: int, *, nodes: int = 5, transactions: int = 300, show: Callable[[str], None] | None = None
) -> Outcome:
    """Play one seed to its end."""
    return Simulation(seed, nodes, transactions, show).run()
