"""A transaction that stands in the primary's backlog and on no standby is not accepted, though readers see it."""

import asyncio

from tests.ledger_transactions import Wallet
from tests.quorum_cluster import QuorumCluster, wait_until
from tests.storage.ledger_node import LedgerNode, accept_all

from lamina.kernel.errors import CommitUnknown
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.kernel.storage.migrate import load, migrate
from lamina.services.ledger.model.transaction import Transaction
from lamina.services.ledger.service import MIGRATIONS, NAME


async def test_what_only_the_primary_has_is_not_accepted(whole_cluster: QuorumCluster) -> None:
    primary, standby = whole_cluster.primary, whole_cluster.standbys[0]
    database = await Database.connect(PoolOptions(whole_cluster.dsn))
    await migrate(database, load(NAME, MIGRATIONS))
    node = await LedgerNode(database).begin()
    document = Wallet().create()
    for each in whole_cluster.standbys:
        each.stop_receiving()

    intake, other = node.intake(), node.intake()
    running = [asyncio.ensure_future(each.run()) for each in (intake, other)]
    first = asyncio.ensure_future(intake.submit(document))
    await asyncio.to_thread(primary.cancel_waiting, 1)
    await asyncio.to_thread(
        wait_until, lambda: primary.value("SELECT count(*) FROM ledger.backlog") == 1, "the row to be seen"
    )
    for outcome in await asyncio.gather(first, other.submit(document), return_exceptions=True):
        assert isinstance(outcome, CommitUnknown), outcome

    await asyncio.to_thread(standby.follow, primary)
    for each in running:
        each.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    (outcome,) = await accept_all(node.intake(), [document])
    assert isinstance(outcome, Transaction)
    await database.close()
