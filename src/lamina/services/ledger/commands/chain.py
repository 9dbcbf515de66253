"""Begin a node's chain, or remove it with everything the ledger keeps."""

from lamina.kernel.errors import LaminaError
from lamina.kernel.process import Kernel
from lamina.kernel.storage import migrate
from lamina.kernel.storage.database import Database
from lamina.kernel.storage.facts import list_clients
from lamina.services.ledger.node import load_node
from lamina.services.ledger.pipeline.federation import FederationMember
from lamina.services.ledger.pipeline.genesis import ensure_genesis
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import schema
from lamina.services.ledger.store.schema import MIGRATIONS, NAME


class LedgerInUse(LaminaError):
    """Other Lamina processes work on this database."""

    code = "ledger_in_use"
    exit_code = 4

    def default_hint(self) -> str:
        """They must end first."""
        return "Stop every platform on this database first"


async def create(kernel: Kernel) -> bool:
    """Make the tables and the genesis block where they are missing; a federation's in the log it shares.

    Returns:
        Whether this call began the chain.

    Raises:
        ForeignChain: the chain was begun by another key.
        ConfigurationError: the federation's log was begun by other members.
        SchemaNewer, MigrationEdited: see `lamina.kernel.storage.migrate`.
    """
    await migrate.migrate(kernel.database, migrate.load(NAME, MIGRATIONS))
    node = load_node(kernel.settings)
    if kernel.settings.get(LedgerSettings).log_dsn is None:
        return await ensure_genesis(kernel.database, node, kernel.clock)
    return await (await FederationMember.open(kernel, node)).prepare()


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
