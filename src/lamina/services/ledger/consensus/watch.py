"""Compares the shared log with this node's copy again and again: what is past may not change.

The follower sees a lie about what comes next; the watch sees a row of the past that was rewritten, deleted or
put in (distribution-and-reliability 6.5, 6.6). Each time it compares the newest blocks, those whose rows were
written anew (`rewrites`), and some of all others in turn, by digests that both databases make.

Only blocks are watched. The rest of the log either proves itself or decides nothing about the past: votes,
changes of the membership and checkpoints are signed, and were copied when they were looked at; claims and
places only keep an honest builder from a block that would be voted down, and every node judges by its own;
what waits is no past. `republish` gives all of it back.
"""

from functools import partial

from lamina.services.ledger.consensus.comparison import compare
from lamina.services.ledger.consensus.ledger_copy import CopyTransaction, LedgerCopy
from lamina.services.ledger.consensus.ordered_log import OrderedLog
from lamina.services.ledger.consensus.rewrites import Rewrites
from lamina.services.ledger.errors import LedgerConflict

WINDOW = 512
"""Blocks compared at a time: the newest ones, and as many of the older ones in turn."""
WINDOW_BYTES = 8 * 2**20
"""Size past which fewer are: both databases hash them all."""


class Watch:
    """Watches the log for one node."""

    def __init__(self, log: OrderedLog, copy: LedgerCopy, *, rows_max: int) -> None:
        """Prepare; `rows_max` as `Rewrites`."""
        self._log = log
        self._copy = copy
        self._rewrites = Rewrites(log, copy, rows_max=rows_max)
        self._turn = 0

    async def step(self) -> None:
        """Compare the newest blocks, those whose rows were written anew, and the next of the older ones.

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
        await self._rewrites.step(head.seq)
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
            await compare(self._log, self._copy, range(after_seq + 1, until_seq + 1))
        return after_seq


async def _window(until_seq: int, cx: CopyTransaction) -> int:
    return await cx.find_window(until_seq, blocks_max=WINDOW, bytes_max=WINDOW_BYTES)
