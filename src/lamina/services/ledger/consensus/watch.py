"""Compares the shared log with this node's copy again and again: what is past may not change.

The follower sees a lie about what comes next; the watch sees a row of the past that was rewritten, deleted or
put in (distribution-and-reliability 6.5, 6.6). It reads digests, so that a long log costs little: the newest
blocks each time, and the older ones in turn.
"""

from collections.abc import Sequence
from functools import partial

from lamina.services.ledger.consensus.ledger_copy import CopyTransaction, LedgerCopy
from lamina.services.ledger.consensus.ordered_log import OrderedLog
from lamina.services.ledger.errors import LedgerConflict
from lamina.services.ledger.model.entry import Digest

WINDOW = 512
"""Blocks compared at a time: the newest ones, and as many of the older ones in turn."""
WINDOW_BYTES = 8 * 2**20
"""Size past which fewer are: both databases hash them all."""


class Watch:
    """Watches the log for one node."""

    def __init__(self, log: OrderedLog, copy: LedgerCopy) -> None:
        self._log = log
        self._copy = copy
        self._turn = 0

    async def step(self) -> None:
        """Compare the newest blocks and the next of the older ones.

        Raises:
            LedgerConflict: the log says something else of a block than it did when it was copied.
            DatabaseUnavailable: nothing was compared.
        """
        head = await self._copy.run("ledger.read_tip", lambda cx: cx.lock_tip())
        extent = await self._log.measure()
        if extent.last_seq != extent.head_seq:
            raise LedgerConflict(
                f"The log's last block is at {extent.last_seq}, it says that it ends at {extent.head_seq}.",
                seq=extent.last_seq,
            )
        if extent.last_seq < head.seq:
            raise LedgerConflict(
                f"The log ends at {extent.last_seq}, the copy at {head.seq}.", seq=extent.last_seq + 1
            )
        older = await self._compare_up_to(head.seq)
        self._turn = await self._compare_up_to(min(self._turn, older) or older)
        if extent.last_vote < await self._copy.run(
            "ledger.read_vote_cursor", lambda cx: cx.read_vote_cursor()
        ):
            # The log was restored and counts its votes anew; looking at one again changes nothing.
            await self._copy.run("ledger.restart_votes", lambda cx: cx.move_vote_cursor(0))

    async def _compare_up_to(self, until_seq: int) -> int:
        """Compare the blocks that end at a position; returns the position before them."""
        after_seq = await self._copy.run("ledger.find_window", partial(_window, until_seq))
        if after_seq < until_seq:
            await self._compare(after_seq, until_seq)
        return after_seq

    async def _compare(self, after_seq: int, until_seq: int) -> None:
        own = await self._copy.run("ledger.read_digests", partial(_digests, after_seq, until_seq))
        shared = await self._log.read_digests(after_seq, until_seq)
        for mine, theirs in zip(own, shared, strict=False):
            if mine != theirs:
                raise LedgerConflict(
                    f"Block {mine.block_id} at position {mine.seq} is not the one that was copied.",
                    seq=mine.seq,
                )
        if len(own) != len(shared):
            raise LedgerConflict(
                f"The log lacks blocks between {after_seq + 1} and {until_seq}.", seq=until_seq
            )


async def _window(until_seq: int, cx: CopyTransaction) -> int:
    return await cx.find_window(until_seq, blocks_max=WINDOW, bytes_max=WINDOW_BYTES)


async def _digests(after_seq: int, until_seq: int, cx: CopyTransaction) -> Sequence[Digest]:
    return await cx.read_digests(after_seq, until_seq)
