"""The first block of a chain: made once, adopted by later starts (distribution-and-reliability G12)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from lamina.formats import transaction as build
from lamina.formats.signatures import KeyPair
from lamina.kernel.clock import Clock
from lamina.kernel.storage.database import Connection, Database
from lamina.services.ledger.errors import ForeignChain
from lamina.services.ledger.model.block import LedgerBlock, seal_block
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.timestamp import write_timestamp
from lamina.services.ledger.rules.form import parse_transaction
from lamina.services.ledger.store import log

_GENESIS_SEQ = 1


def make_genesis(node: KeyPair, voters: Sequence[str], timestamp: str) -> LedgerBlock:
    """The genesis block of spec/ledger.md 1.5; it is never voted on."""
    document = build.sign(build.genesis(node.public), [node])
    return seal_block([parse_transaction(document)], node=node, voters=voters, timestamp=timestamp)


async def begin(database: Database, genesis: LedgerBlock) -> bool:
    """Put a genesis block into an empty log; of several who try at once, one does.

    Returns:
        Whether this call did.
    """

    async def work(cx: Connection) -> bool:
        head = await log.lock_head(cx)
        if head.seq == 0:
            await log.append(cx, head, genesis, Status.UNDECIDED)
        return head.seq == 0

    return await database.run("ledger.create_genesis", work)


async def ensure_genesis(database: Database, node: KeyPair, clock: Clock) -> bool:
    """Begin the chain if nobody has; several processes may call it at once.

    Returns:
        Whether this call began it.

    Raises:
        ForeignChain: the chain in this database was begun by a key that is not this node's.
    """
    created = await begin(database, make_genesis(node, [node.public], write_timestamp(clock.time())))
    if not created:
        await _check_ours(database, node)
    return created


async def _check_ours(database: Database, node: KeyPair) -> None:
    genesis = (await log.read(database, _GENESIS_SEQ - 1, 1))[0]
    document: dict[str, Any] = msgspec.json.decode(genesis.body)
    if node.public not in document["block"]["voters"]:
        raise ForeignChain(genesis=genesis.block_id, begun_by=document["block"]["node_pubkey"])
