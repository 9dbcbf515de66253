"""The inside of one node of a federation on a test's databases: no HTTP, no processes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from tests.postgres_server import drop_database, new_database

from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import SystemClock
from lamina.kernel.storage import migrate
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.services.ledger.consensus.acceptance import Acceptance
from lamina.services.ledger.consensus.assignment import Assignment
from lamina.services.ledger.consensus.builder import Builder, BuilderLimits
from lamina.services.ledger.consensus.checkpointer import Checkpointer
from lamina.services.ledger.consensus.decider import Decider
from lamina.services.ledger.consensus.follower import Follower
from lamina.services.ledger.consensus.opened_blocks import OpenedBlocks
from lamina.services.ledger.consensus.roster import Roster
from lamina.services.ledger.consensus.watch import Watch
from lamina.services.ledger.model.membership import Membership
from lamina.services.ledger.pipeline.genesis import make_genesis
from lamina.services.ledger.store import shared_log
from lamina.services.ledger.store.schema import MIGRATIONS, NAME
from lamina.services.ledger.store.shared_log import SharedLog
from lamina.services.ledger.store.verified_copy import VerifiedCopy

WATCH_ROWS_MAX = 400_000
LIMITS = BuilderLimits(transactions_max=1000, bytes_max=8 * 2**20)


@dataclass
class FederationNode:
    """A key, the shared log, a copy of its own, and the logic on them."""

    key: KeyPair
    database: Database
    log: SharedLog
    roster: Roster
    follower: Follower
    decider: Decider
    builder: Builder
    acceptance: Acceptance
    watch: Watch
    checkpointer: Checkpointer

    async def round(self) -> bool:
        """Everything a node does, once; whether anything moved."""
        built = await self.builder.step()
        copied = await self.follower.step()
        counted = await self.decider.step()
        if copied or counted.decided:
            self.builder.look_again()
        return bool(built.blocks or built.refused or copied or counted.looked_at)


def make_node(key: KeyPair, database: Database, log: SharedLog, members: Sequence[str]) -> FederationNode:
    """A node whose membership is fixed."""
    roster, copy, clock = Roster(Membership.of(members)), VerifiedCopy(database), SystemClock()
    assignment, opened = Assignment(key.public, roster), OpenedBlocks()
    return FederationNode(
        key, database, log, roster,
        Follower(log, copy, key, roster, opened, strict_owners=True, clock=clock),
        Decider(log, copy, roster, assignment),
        Builder(log, copy, key, roster, LIMITS, opened=opened, strict_owners=True, clock=clock),
        Acceptance(log, copy, assignment, strict_owners=True),
        Watch(log, copy, rows_max=WATCH_ROWS_MAX),
        Checkpointer(log, copy, key, roster, clock),
    )  # fmt: skip


@asynccontextmanager
async def federation_of(count: int, server_dsn: str) -> AsyncIterator[list[FederationNode]]:
    """Nodes on fresh databases, with their genesis block in the log."""
    keys = [KeyPair.generate() for _ in range(count)]
    members = sorted(key.public for key in keys)
    async with AsyncExitStack() as stack:

        async def opened(service: str, package: str, connections: int = 3) -> Database:
            dsn = new_database(server_dsn)
            stack.callback(drop_database, server_dsn, dsn)
            database = await Database.connect(PoolOptions(dsn, connections_max=connections))
            stack.push_async_callback(database.close)
            await migrate.migrate(database, migrate.load(service, package))
            return database

        log = SharedLog(await opened(shared_log.NAME, shared_log.MIGRATIONS, 3 * count))
        assert await log.begin(make_genesis(keys[0], members, "1500000000"))
        yield [make_node(key, await opened(NAME, MIGRATIONS), log, members) for key in keys]


@asynccontextmanager
async def extra_node(nodes: Sequence[FederationNode], server_dsn: str) -> AsyncIterator[FederationNode]:
    """A node with a new key that is no member yet; it knows the members of the beginning."""
    dsn = new_database(server_dsn)
    database = await Database.connect(PoolOptions(dsn, connections_max=3))
    try:
        await migrate.migrate(database, migrate.load(NAME, MIGRATIONS))
        members = sorted(node.key.public for node in nodes)
        yield make_node(KeyPair.generate(), database, nodes[0].log, members)
    finally:
        await database.close()
        drop_database(server_dsn, dsn)


async def settle(nodes: Sequence[FederationNode]) -> None:
    """Let every node work beside the others until nothing moves."""
    while any(await asyncio.gather(*(node.round() for node in nodes))):
        pass
