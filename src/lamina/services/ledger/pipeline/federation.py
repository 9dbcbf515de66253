"""One process's share in a federation: the shared log, this node's copy, and the rounds of its work.

The logic is `consensus`; here it meets PostgreSQL, wake-ups and alarms. A round that fails because a database
is away is made again; one that ends in an integrity alarm is made again too, and takes no part until the log
and the copy agree.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from lamina.formats.base58 import decode_key
from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair
from lamina.kernel.contracts import Check, Task
from lamina.kernel.errors import CommitUnknown, ConfigurationError, DatabaseUnavailable
from lamina.kernel.observability.statsd import Statsd
from lamina.kernel.process import Kernel
from lamina.kernel.settings.platform import PostgresSettings
from lamina.kernel.storage import migrate
from lamina.kernel.storage.database import Database, PoolOptions, RowsRefused
from lamina.kernel.storage.wakeup import Wakeups
from lamina.services.ledger.consensus.acceptance import Acceptance
from lamina.services.ledger.consensus.assignment import FAR_AHEAD, Assignment
from lamina.services.ledger.consensus.builder import Builder, BuilderLimits
from lamina.services.ledger.consensus.checkpointer import Checkpointer
from lamina.services.ledger.consensus.decider import Decider
from lamina.services.ledger.consensus.follower import Follower
from lamina.services.ledger.consensus.opened_blocks import OpenedBlocks
from lamina.services.ledger.consensus.reassignment import Reassignment
from lamina.services.ledger.consensus.roster import Roster
from lamina.services.ledger.consensus.watch import Watch
from lamina.services.ledger.errors import IntegrityAlarm
from lamina.services.ledger.metrics import BLOCK_TRANSACTIONS, BLOCKS, CONTRADICTIONS, REJECTED
from lamina.services.ledger.model.block import read_voters
from lamina.services.ledger.model.membership import MEMBERS_MAX, Membership
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.timestamp import write_timestamp
from lamina.services.ledger.pipeline.alarm import Alarm
from lamina.services.ledger.pipeline.genesis import make_genesis
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import log, membership, shared_log
from lamina.services.ledger.store.rejected import Rejections
from lamina.services.ledger.store.shared_log import SharedLog
from lamina.services.ledger.store.verified_copy import VerifiedCopy

_log = structlog.get_logger("lamina.ledger.federation")

WATCH_PERIOD_S = 2.0
"""How long after one look at the log the next begins. Three looks go over all rows: any change is seen within
ten seconds (consensus/rewrites.py; `ledger.watch_rows_max` bounds a look)."""
CHECKPOINT_PERIOD_S = 5.0
"""How often is asked whether a checkpoint is due, and those of others are looked at."""
REASSIGN_PERIOD_S = 5.0
"""How often the backlog is searched for stale transactions (spec/ledger.md 5.5)."""


class FederationMember:
    """A node of a federation, as one process of it."""

    def __init__(self, kernel: Kernel, node: KeyPair, log_database: Database) -> None:
        self._settings = kernel.settings.get(LedgerSettings)
        self._node = node
        self._clock = kernel.clock
        self._database = kernel.database
        self._log_database = log_database
        self.log = SharedLog(log_database)
        self.rejections = Rejections(log_database, shared_log.NAME)
        self._copy = VerifiedCopy(kernel.database)
        self._configured = frozenset(_checked((node.public, *self._settings.keyring)))
        self.roster = Roster(Membership.of(self._configured))
        self._assignment = Assignment(node.public, self.roster)

    @classmethod
    async def open(cls, kernel: Kernel, node: KeyPair) -> "FederationMember":
        """Open the shared log; nothing need answer there yet."""
        dsn = kernel.settings.get(LedgerSettings).log_dsn
        assert dsn is not None, "the service asks before"
        options = PoolOptions.of(
            kernel.settings.get(PostgresSettings),
            dsn.get_secret_value(),
            application="lamina ledger log",
            is_lazy=True,
        )
        database = await Database.connect(options)
        kernel.resources.push_async_callback(database.close)
        return cls(kernel, node, database)

    async def load_roster(self) -> None:
        """Read who the members are: those of the first block, and the changes that stand.

        Raises:
            ConfigurationError: the first block's members are not those of `ledger.keyring`.
            DatabaseUnavailable: neither the copy nor the log can be asked.
        """
        genesis = await log.read(self._database, 0, 1) or await self.log.read(0, 1)
        if genesis:
            changes = await membership.read(self._database)
            self.roster.know(Membership.of(self._check_voters(genesis[0].body), changes))

    def _check_voters(self, genesis: bytes) -> frozenset[str]:
        """The members at the beginning; a node that joined later is none of them."""
        voters = read_voters(genesis)
        if self._configured not in (voters, voters | {self._node.public}):
            raise ConfigurationError(
                "ledger.keyring is not the membership that the log began with",
                hint="Set ledger.keyring to: " + ",".join(sorted(voters - {self._node.public})),
            )
        return voters

    async def keep_roster(self) -> None:
        """Go on reading it, for a process that does not follow the log itself."""
        while True:
            await asyncio.sleep(self._settings.poll_idle_ms / 1000)
            with contextlib.suppress(DatabaseUnavailable):
                await self.load_roster()

    def keyring(self) -> Sequence[str]:
        """The other members as known now: those of the configuration in its order, then those that joined."""
        members = self.roster().at(FAR_AHEAD) - {self._node.public}
        configured = [key for key in self._settings.keyring if key in members]
        return [*configured, *sorted(members - set(configured))]

    async def prepare(self) -> bool:
        """Make the log's tables, and begin the log if nobody has.

        Returns:
            Whether this call began it.

        Raises:
            ConfigurationError: it was begun by other members than the configured ones.
            DatabaseUnavailable: the log does not answer, and this node has no copy to serve from either.
        """
        try:
            await self._migrate()
            timestamp = write_timestamp(self._clock.time())
            has_begun = await self.log.begin(make_genesis(self._node, sorted(self._configured), timestamp))
            await self.load_roster()
        except DatabaseUnavailable as failure:
            if (await self._copy.run("ledger.read_tip", lambda cx: cx.lock_tip())).seq == 0:
                raise
            _log.warning("the shared log does not answer; serving the copy", reason=failure.detail)
            return False
        return has_begun

    async def _migrate(self) -> None:
        """Only where something is to be done: a node's role may not be able to (deploy/sql/log-roles.sql)."""
        migrations = migrate.load(shared_log.NAME, shared_log.MIGRATIONS)
        if await migrate.pending(self._log_database, migrations):
            await migrate.migrate(self._log_database, migrations)

    def acceptance(self) -> Acceptance:
        """What a web worker accepts transactions with."""
        return Acceptance(self.log, self._copy, self._assignment, strict_owners=self._settings.strict_owners)

    def check_log(self) -> Check:
        """Readiness: without the log nothing can be accepted or decided."""

        async def check() -> str | None:
            reason = await self._log_database.check()
            return None if reason is None else f"The shared log: {reason}"

        return Check("log", check)

    def rounds(self, statsd: Statsd) -> "Rounds":
        """The work of the process that builds, follows and counts."""
        settings, strict, clock = self._settings, self._settings.strict_owners, self._clock
        limits = BuilderLimits(settings.block_transactions_max, settings.block_bytes_max)
        node, members, opened = self._node, self.roster, OpenedBlocks()
        work = Work(
            Follower(self.log, self._copy, node, members, opened, strict_owners=strict, clock=clock),
            Decider(self.log, self._copy, members, self._assignment),
            Builder(
                self.log, self._copy, node, members, limits, opened=opened, strict_owners=strict, clock=clock
            ),
            Reassignment(self.log, self._assignment, delay_s=float(settings.backlog_reassign_delay_s)),
            Watch(self.log, self._copy, rows_max=settings.watch_rows_max),
            Checkpointer(self.log, self._copy, node, members, clock),
        )
        return Rounds(work, Wakeups(self._log_database, shared_log.CHANNELS), settings, statsd)


def _checked(keys: Sequence[str]) -> Sequence[str]:
    """Refuse what cannot be a member, before anything is signed in its name.

    Raises:
        ConfigurationError: a key is no key, or there are too many.
    """
    for key in keys:
        try:
            decode_key(key)
        except FormatError:
            raise ConfigurationError(
                f"ledger.keyring has {key!r}, which is no public key",
                hint="Ask each operator for the output of: lamina ledger export-my-pubkey",
            ) from None
    if len(set(keys)) > MEMBERS_MAX:
        raise ConfigurationError(f"A federation has at most {MEMBERS_MAX} members, not {len(set(keys))}")
    return keys


@dataclass(frozen=True, slots=True)
class Work:
    """What a node does, each by itself."""

    follower: Follower
    decider: Decider
    builder: Builder
    reassignment: Reassignment
    watch: Watch
    checkpointer: Checkpointer


class Rounds:
    """Makes round after round of each kind of work."""

    def __init__(self, work: Work, wakeups: Wakeups, settings: LedgerSettings, statsd: Statsd) -> None:
        self._work = work
        self._wakeups = wakeups
        self._settings = settings
        self._statsd = statsd
        self.alarm = Alarm()

    @property
    def tasks(self) -> Sequence[Task]:
        """What the process runs."""
        return (
            Task("ledger.log_wakeups", self._wakeups.run),
            Task("ledger.follow", lambda: self._repeat("follow", self._follow, shared_log.BLOCKS)),
            Task("ledger.decide", lambda: self._repeat("decide", self._decide, shared_log.VOTES)),
            Task("ledger.build", lambda: self._repeat("build", self._build, shared_log.BACKLOG)),
            Task("ledger.reassign", self._reassign),
            Task("ledger.watch", lambda: self._look("watch", self._work.watch.step, WATCH_PERIOD_S)),
            Task(
                "ledger.checkpoint",
                lambda: self._look("checkpoint", self._work.checkpointer.step, CHECKPOINT_PERIOD_S),
            ),
        )

    async def _repeat(self, work: str, step: Callable[[], Awaitable[bool]], channel: str) -> None:
        busy_s, idle_s = self._settings.poll_busy_ms / 1000, self._settings.poll_idle_ms / 1000
        while True:
            if self.alarm.is_sounding("watch"):
                await asyncio.sleep(busy_s)  # nothing is signed for a log whose past has changed
                continue
            try:
                moved = await step()
            except (DatabaseUnavailable, CommitUnknown, RowsRefused) as failure:
                _log.warning("a round did not finish; nothing is lost", work=work, reason=failure.detail)
                await asyncio.sleep(busy_s)
                continue
            except IntegrityAlarm as alarm:
                self.alarm.sound(work, alarm)
                await asyncio.sleep(idle_s)
                continue
            self.alarm.end(work)
            if not moved:
                await self._wakeups.wait(channel, idle_s)

    async def _follow(self) -> bool:
        copied = await self._work.follower.step()
        if copied:
            self._look_again()
        return copied > 0

    async def _decide(self) -> bool:
        counted = await self._work.decider.step()
        CONTRADICTIONS.inc(counted.contradictions)
        if counted.decided:
            BLOCKS.inc(sum(decided.status is Status.VALID for decided in counted.decided))
            self._wakeups.hint(shared_log.BLOCKS)
            self._look_again()
        return counted.looked_at > 0

    def _look_again(self) -> None:
        """What hung on the copy may be built or judged now."""
        self._work.builder.look_again()
        self._wakeups.hint(shared_log.BACKLOG)

    async def _build(self) -> bool:
        built = await self._work.builder.step()
        for block in built.blocks:
            BLOCK_TRANSACTIONS.observe(len(block.transactions))
            self._statsd.count("pipelines.block.throughput", len(block.transactions))
        for refusal in built.refused:
            REJECTED.labels(refusal.reason).inc()
            _log.warning(
                "transaction rejected", tx_id=refusal.tx_id, reason=refusal.reason, detail=refusal.detail
            )
        if built.blocks or built.refused:
            await asyncio.sleep(self._interval_s(built.taken))
        return bool(built.blocks or built.refused)

    def _interval_s(self, taken: int) -> float:
        """As a node on its own: long under load, short when there are few."""
        shortest, longest = self._settings.block_interval_min_ms, self._settings.block_interval_max_ms
        return min(max(taken, shortest), longest) / 1000

    async def _look(self, work: str, step: Callable[[], Awaitable[object]], period_s: float) -> None:
        """Compare this node with the log or with the others, again and again."""
        while True:
            try:
                await step()
            except (DatabaseUnavailable, CommitUnknown) as failure:
                _log.debug("nothing was compared", work=work, reason=failure.detail)
            except IntegrityAlarm as alarm:
                self.alarm.sound(work, alarm)
            else:
                self.alarm.end(work)
            await asyncio.sleep(period_s)

    async def _reassign(self) -> None:
        while True:
            try:
                moved = await self._work.reassignment.step()
            except (DatabaseUnavailable, CommitUnknown) as failure:
                _log.debug("stale transactions not looked for", reason=failure.detail)
            else:
                if moved:
                    _log.warning("stale transactions given to other nodes", transactions=moved)
            await asyncio.sleep(REASSIGN_PERIOD_S)
