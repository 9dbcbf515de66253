"""Begin a node's chain, or remove it with everything the ledger keeps."""

from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import Clock
from lamina.kernel.errors import LaminaError
from lamina.kernel.storage import migrate
from lamina.kernel.storage.database import Database
from lamina.kernel.storage.facts import list_clients
from lamina.services.ledger.pipeline.genesis import ensure_genesis
from lamina.services.ledger.store import schema
from lamina.services.ledger.store.schema import MIGRATIONS, NAME


class LedgerInUse(LaminaError):
    """Other Lamina processes work on this database."""

    code = "ledger_in_use"
    exit_code = 4

    def default_hint(self) -> str:
        """They must end first."""
        return "Stop every platform on this database first"


async def create(database: Database, node: KeyPair, clock: Clock) -> bool:
    """Make the tables and the genesis block where they are missing.

    Returns:
        Whether this call began the chain.

    Raises:
        ForeignChain: the chain was begun by another key.
        SchemaNewer, MigrationEdited: see `lamina.kernel.storage.migrate`.
    """
    await migrate.migrate(database, migrate.load(NAME, MIGRATIONS))
    return await ensure_genesis(database, node, clock)


async def drop(database: Database) -> bool:
    """Remove the ledger's tables and everything in them.

    Returns:
        Whether there was anything to remove.

    Raises:
        LedgerInUse: some other process of Lamina is connected.
    """
    if not await schema.exists(database):
        return False
    clients = await list_clients(database)
    if clients:
        raise LedgerInUse(clients=", ".join(clients))
    await schema.drop(database)
    return True
