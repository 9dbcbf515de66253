"""The role that `deploy/sql/log-roles.sql` makes: enough for a node, nothing that rewrites the past."""

import secrets
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from tests.deploy.shipped import DEPLOY
from tests.federation import bob, created, sent
from tests.postgres_server import ExternalServer, execute
from tests.running_platform import open_directory
from tests.storage.federation_node import FederationNode, federation_of, settle

from lamina.kernel.storage.database import Database, PoolOptions
from lamina.services.ledger.model.waiting import Submission
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.store import transactions
from lamina.services.ledger.store.rejected import Rejections

FORBIDDEN = (
    "UPDATE ledger_log.blocks SET body = 'x'",
    "UPDATE ledger_log.blocks SET prev = ''",
    "DELETE FROM ledger_log.blocks",
    "UPDATE ledger_log.votes SET body = 'x'",
    "DELETE FROM ledger_log.votes",
    "DELETE FROM ledger_log.changes",
    "DELETE FROM ledger_log.placed",
    "UPDATE ledger_log.claims SET spender_tx_id = ''",
    "TRUNCATE ledger_log.backlog",
    "DROP TABLE ledger_log.blocks",
    "CREATE TABLE ledger_log.mine (x int)",
    "DELETE FROM lamina.migrations",
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that other roles may enter."""
    with open_directory() as directory:
        external = ExternalServer(directory, password="owner").start()
        yield external.dsn
        external.stop()


@pytest.fixture
async def restricted(server: str) -> AsyncIterator[tuple[list[FederationNode], str]]:
    """Two nodes whose log is reached by a role of its own, and that role's address."""
    role = f"node_{secrets.token_hex(4)}"
    execute(server, f"CREATE ROLE {role} LOGIN PASSWORD 'node'")
    async with federation_of(2, server) as nodes:
        owner = nodes[0].log._database._options.dsn
        script = (DEPLOY / "sql" / "log-roles.sql").read_text().replace(':"role"', role)
        execute(owner, script)
        parts = urlsplit(owner)
        dsn = urlunsplit(parts._replace(netloc=f"{role}:node@" + parts.netloc.rpartition("@")[2]))
        database = await Database.connect(PoolOptions(dsn))
        for node in nodes:
            node.log._database = database
        yield nodes, dsn
        await database.close()


async def test_a_node_works_with_it(restricted: tuple[list[FederationNode], str]) -> None:
    nodes, _ = restricted
    asset, unknown = created(n=1), created(n=2)
    assert await nodes[0].acceptance.accept([parse_transaction(asset)]) == [None]
    await settle(nodes)
    handed_on = sent(asset, bob)
    assert await nodes[1].acceptance.accept([parse_transaction(handed_on)]) == [None]
    await settle(nodes)
    assert await transactions.find_status(nodes[0].database, handed_on["id"]) == "valid"
    orphan = parse_transaction(sent(unknown, bob))
    log = nodes[0].log
    await log.submit([Submission(orphan, nodes[0].key.public)])
    (stale,) = await log.find_stale(-1.0, 10)
    assert await log.reassign(stale, nodes[1].key.public)
    await settle(nodes)
    rejections = Rejections(log._database, "ledger_log")
    assert await rejections.count() == 1
    assert await rejections.purge(older_than_days=0, limit=10) == 1
    for node in nodes:
        await node.watch.step()


async def test_it_cannot_change_the_past(restricted: tuple[list[FederationNode], str]) -> None:
    connection = await asyncpg.connect(restricted[1])
    allowed = []
    for statement in FORBIDDEN:
        try:
            await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            continue
        allowed.append(statement)
    await connection.close()
    assert allowed == []
