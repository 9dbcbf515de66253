"""A node's votes, one block after another in log order (spec/ledger.md 5.3).

The signed vote becomes durable before anybody is told of it; after a crash nothing is signed twice.
"""

from lamina.kernel.storage.database import Connection
from lamina.services.ledger.errors import (
    CyclicBlockchainError,
)
from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.federation import Federation
from lamina.services.ledger.rules import block as rules
from lamina.services.ledger.store import blocks, chain, votes


async def check_block(
    cx: Connection, document: object, federation: Federation, *, strict_owners: bool
) -> LedgerBlock:
    """Check a block, in the log or not, by itself and against the chain.

    Raises:
        ValidationError, SchemaValidationError, UnreadableBody: the first rule broken.
    """
    block = rules.open_block(document, federation.members)
    tx_ids = [tx.id for tx in block.transactions]
    view = rules.BlockView(
        spends=await chain.view_at_append(cx, block.transactions),
        live_elsewhere=await chain.find_live_elsewhere(cx, tx_ids, block.id),
        genesis=await blocks.find_first(cx),
    )
    rules.check(block, view, strict_owners=strict_owners)
    return block


async def find_last_voted(cx: Connection, voter: str) -> str | None:
    """The end of the chain that a node's votes form; the genesis block where it has not voted.

    Returns:
        A block's id; None while the log is empty.

    Raises:
        CyclicBlockchainError: the votes form a circle.
    """
    last = await votes.find_newest(cx, voter)
    if last is None:
        return await blocks.find_first(cx)
    seen = {last}
    while following := await votes.find_following(cx, voter, last):
        if following in seen:
            raise CyclicBlockchainError(f"the votes of {voter} lead from block {following} back to it")
        seen.add(following)
        last = following
    return last
