"""Holds blocks of the shared log against this node's copy by what must never change about them."""

from collections.abc import Sequence
from functools import partial

from lamina.services.ledger.consensus.ledger_copy import CopyTransaction, LedgerCopy
from lamina.services.ledger.consensus.ordered_log import OrderedLog
from lamina.services.ledger.errors import LedgerConflict
from lamina.services.ledger.model.entry import Digest


async def compare(log: OrderedLog, copy: LedgerCopy, positions: Sequence[int]) -> None:
    """Compare what stands at positions that were copied; both databases hash the blocks.

    Args:
        log: what all nodes share.
        copy: what this node has made of it.
        positions: not empty, in order.

    Raises:
        LedgerConflict: the log lacks a block or has another one.
        DatabaseUnavailable: nothing was compared.
    """
    own = await copy.run("ledger.read_digests", partial(_read, positions))
    shared = await log.read_digests(positions)
    for mine, theirs in zip(own, shared, strict=False):
        if mine != theirs:
            raise LedgerConflict(
                f"Block {mine.block_id} at position {mine.seq} is not the one that was copied.", seq=mine.seq
            )
    if len(own) != len(shared):
        first, last = positions[0], positions[-1]
        raise LedgerConflict(
            f"The log has not the blocks between {first} and {last} that were copied.", seq=last
        )


async def _read(positions: Sequence[int], cx: CopyTransaction) -> Sequence[Digest]:
    return await cx.read_digests(positions)
