"""A finished block goes into the ordered log, undecided, and its transactions out of the backlog.

Whether it is valid is for the votes to say; refused is only what the log cannot hold.
"""

from lamina.kernel.errors import CommitUnknown
from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.errors import (
    DoubleSpend,
    DuplicateTransaction,
    GenesisBlockAlreadyExistsError,
    OperationError,
)
from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.rules.block import is_genesis
from lamina.services.ledger.store import backlog, chain, log


async def append_block(database: Database, block: LedgerBlock) -> bool:
    """Append a block that `rules.block.open_block` let pass.

    Returns:
        Whether it is new; a block that is in the log already stays as it is.

    Raises:
        GenesisBlockAlreadyExistsError, OperationError: it cannot stand at the log's end.
        DuplicateTransaction, DoubleSpend: a transaction or an output of it is in another live block.
        CommitUnknown: it may be in the log; appending it again is safe.
    """

    async def work(cx: Connection) -> bool:
        # The backlog before the head, as the block builder locks them.
        await backlog.delete(cx, [tx.id for tx in block.transactions])
        head = await log.lock_head(cx)
        if await log.holds(cx, block.id):
            return False
        _check_place(block, head)
        await _check_free(cx, block)
        await log.append(cx, head, block, Status.UNDECIDED)
        return True

    try:
        return await database.run("ledger.write_block", work)
    except CommitUnknown:
        if await log.is_appended(database, block.id):
            return True
        raise


def _check_place(block: LedgerBlock, head: log.Head) -> None:
    if is_genesis(block) and head.seq > 0:
        raise GenesisBlockAlreadyExistsError("Cannot create the Genesis block")
    if head.seq == 0 and not is_genesis(block):
        raise OperationError("The chain has no genesis block.", hint="Create the genesis block first.")


async def _check_free(cx: Connection, block: LedgerBlock) -> None:
    """Say in words what the unique indexes would refuse."""
    live = await chain.find_live(cx, [tx.id for tx in block.transactions])
    if live:
        raise DuplicateTransaction(f"transaction `{min(live)}` is already in another block")
    view = await chain.view_at_append(cx, block.transactions)
    for tx in block.transactions:
        for wanted in tx.spends:
            if view.spenders.get(wanted):
                raise DoubleSpend(f"input `{wanted.tx_id}` was already spent")
