"""The inside of one ledger node on a test's database: no HTTP, no processes."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.ledger_transactions import Document

from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import SystemClock
from lamina.kernel.observability.statsd import Statsd
from lamina.kernel.storage.database import Database
from lamina.kernel.storage.wakeup import Wakeups
from lamina.services.ledger.pipeline.accept import Intake, LocalAcceptance
from lamina.services.ledger.pipeline.block import BlockBuilder
from lamina.services.ledger.pipeline.genesis import ensure_genesis
from lamina.services.ledger.pipeline.seal import Seal
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import backlog

STATSD = Statsd("localhost")


@dataclass
class LedgerNode:
    """A key, a database and settings, and what is made of them."""

    database: Database
    key: KeyPair = field(default_factory=KeyPair.generate)
    settings: LedgerSettings = field(default_factory=LedgerSettings)

    async def begin(self) -> "LedgerNode":
        """Begin the chain."""
        await ensure_genesis(self.database, self.key, SystemClock())
        return self

    def builder(self, database: Database | None = None) -> BlockBuilder:
        """A block builder, of this node's own pool or another one."""
        own = database or self.database
        wakeups = Wakeups(own, (backlog.CHANNEL,))
        return BlockBuilder(own, wakeups, self.key, self.settings, clock=SystemClock(), statsd=STATSD)

    def intake(self, database: Database | None = None) -> Intake:
        """What accepts posted transactions."""
        acceptance = LocalAcceptance(
            database or self.database, self.key, strict_owners=self.settings.strict_owners
        )
        return Intake(acceptance, self.settings, STATSD)

    async def enqueue(self, documents: Iterable[Document]) -> None:
        """Put transactions into the backlog as if they had been accepted, whatever the chain says of them."""
        seal = Seal(self.key)
        parsed = [parse_transaction(document) for document in documents]
        await backlog.insert(self.database, [(tx, seal.of(tx.body)) for tx in parsed], self.key.public)

    async def build_all(self) -> None:
        """Build blocks until nothing waits."""
        builder = self.builder()
        while (await builder.step()).taken:
            pass

    async def make_valid(self, documents: Iterable[Document]) -> None:
        """Accept transactions and build their blocks."""
        await self.enqueue(documents)
        await self.build_all()


async def accept_all(intake: Intake, documents: Iterable[Document]) -> list[object]:
    """Post documents all at once; a transaction or an error for each."""
    task = asyncio.create_task(intake.run())
    try:
        return await asyncio.gather(*(intake.submit(each) for each in documents), return_exceptions=True)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
