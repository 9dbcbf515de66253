"""Finds rows of the shared log that were written after their blocks were copied, however long the log is.

A log knows which writing of a row it holds (its version), and to read that of every row costs little where to
hash every block does not. A version other than the remembered one proves nothing: a row may be written anew
with the same content, by a restore for one. It says which blocks to compare first; what is compared is always
the content. Whoever can forge versions is found by the turn that `watch` takes over everything.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import structlog

from lamina.services.ledger.consensus.comparison import compare
from lamina.services.ledger.consensus.ledger_copy import CopyTransaction, LedgerCopy
from lamina.services.ledger.consensus.ordered_log import OrderedLog
from lamina.services.ledger.errors import LedgerConflict
from lamina.services.ledger.model.entry import Compared, Range, Version

SPAN = 4096
"""Positions that share one digest of versions; a node holds 32 bytes for each in memory."""
LOOKS = 3
"""In how many steps the whole log is looked at, unless `rows_max` makes it more."""
BATCH = 512
"""Blocks compared in one statement at most."""
BATCH_BYTES = 8 * 2**20
STEP_BYTES = 32 * 2**20
"""What one step compares of blocks whose version is another: after a restore all of them are."""
BLOCK_BYTES_MIN = 4096
"""A block counts as that much at least: a small one has its cost too."""

_log = structlog.get_logger("lamina.ledger.watch")


class Rewrites:
    """Looks for them, for one node."""

    def __init__(self, log: OrderedLog, copy: LedgerCopy, *, rows_max: int) -> None:
        """Prepare.

        Args:
            log: what all nodes share.
            copy: what this node has made of it, and the versions it remembers.
            rows_max: rows whose version one step looks at, in blocks; never less than one span.
        """
        self._log = log
        self._copy = copy
        self._spans_max = max(1, rows_max // SPAN)
        self._next = 0
        self._remembered: dict[int, bytes | None] = {}
        self._doubted: dict[int, bytes | None] = {}
        self._conflict: int | None = None

    async def step(self, until_seq: int) -> None:
        """Look at the versions of the next spans, and compare the blocks of those that have changed.

        Args:
            until_seq: where the copy ends.

        Raises:
            LedgerConflict: the log's past has changed; every step says so until it is restored.
            DatabaseUnavailable: the same is looked at again.
        """
        was_sure = not self._doubted
        await self._look(until_seq)
        left = STEP_BYTES
        for span in self._order():
            left = await self._recheck(span, until_seq, left)
            if left <= 0:
                break
        if was_sure and self._doubted:
            _log.info("rows of the log were written anew; comparing their blocks", spans=len(self._doubted))
        elif not (was_sure or self._doubted):
            _log.info("every block whose row was written anew is compared")

    async def _look(self, until_seq: int) -> None:
        spans_all = -(-until_seq // SPAN)
        count = min(-(-spans_all // LOOKS), self._spans_max)
        spans = [(self._next + n) % spans_all for n in range(count)]
        if not spans:
            return
        remembered = await self._recall(spans, until_seq)
        shown = await self._log.digest_versions([_range(span, until_seq) for span in spans])
        for span, digest in zip(spans, shown, strict=True):
            if digest == remembered[span]:
                self._doubted.pop(span, None)
            elif span not in self._doubted or digest != self._doubted[span]:
                # To the front: what was written just now is not to wait for the rest of a restored log.
                self._doubted.pop(span, None)
                self._doubted = {span: digest, **self._doubted}
        self._next = (spans[-1] + 1) % spans_all

    async def _recall(self, spans: Sequence[int], until_seq: int) -> Mapping[int, bytes | None]:
        """Digests of what is remembered of these spans; that of the last one changes with every block."""
        unknown = [span for span in spans if span not in self._remembered]
        ranges = [_range(span, until_seq) for span in unknown]
        digests = await self._copy.run("ledger.digest_versions", partial(_digest, ranges))
        read = dict(zip(unknown, digests, strict=True))
        self._remembered.update(
            (span, digest) for span, digest in read.items() if (span + 1) * SPAN <= until_seq
        )
        return {**self._remembered, **read}

    def _order(self) -> Sequence[int]:
        """Where the log is wrong comes first: the alarm sounds as long as it is."""
        spans = list(self._doubted)
        return sorted(spans, key=lambda span: span != self._conflict)

    async def _recheck(self, span: int, until_seq: int, left: int) -> int:
        """Compare the blocks of a span whose rows have another version, the newest first.

        Returns:
            How many bytes may still be compared; with 0 some may be left.
        """
        where = _range(span, until_seq)
        theirs = await self._log.read_versions(where)
        own = await self._copy.run("ledger.read_compared", partial(_read, where))
        self._conflict = span  # until it is known to be none
        changed = _changed(own, theirs)
        for batch in _batches(changed):
            if left <= 0:
                break
            await compare(self._log, self._copy, sorted(seq for (seq, _), _ in batch))
            versions = [version for version, _ in batch]
            await self._copy.run("ledger.remember_versions", partial(_remember, versions))
            left -= sum(cost for _, cost in batch)
        else:
            del self._doubted[span]
        self._conflict = None
        self._remembered.pop(span, None)
        return left


def _range(span: int, until_seq: int) -> Range:
    return Range(span * SPAN, min((span + 1) * SPAN, until_seq))


def _changed(own: Sequence[Compared], theirs: Sequence[Version]) -> list[tuple[Version, int]]:
    """Rows with another version than the remembered one, and what it costs to compare each.

    Raises:
        LedgerConflict: the log has other positions than the copy.
    """
    positions, shown = [block.seq for block in own], [row.seq for row in theirs]
    if positions != shown:
        missing = set(positions) - set(shown)
        if missing:
            raise LedgerConflict(f"The log has no block at {min(missing)}.", seq=min(missing))
        raise LedgerConflict("The log has two blocks at one position.", seq=positions[-1])
    changed = [
        (row, max(block.bytes, BLOCK_BYTES_MIN))
        for block, row in zip(own, theirs, strict=True)
        if block.version != row.version
    ]
    changed.sort(key=lambda each: each[0].version, reverse=True)
    return changed


def _batches(changed: Iterable[tuple[Version, int]]) -> Iterator[list[tuple[Version, int]]]:
    batch: list[tuple[Version, int]] = []
    size = 0
    for each in changed:
        if batch and (len(batch) == BATCH or size + each[1] > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(each)
        size += each[1]
    if batch:
        yield batch


async def _digest(ranges: Sequence[Range], cx: CopyTransaction) -> Sequence[bytes | None]:
    return await cx.digest_versions(ranges)


async def _read(where: Range, cx: CopyTransaction) -> Sequence[Compared]:
    return await cx.read_compared(where)


async def _remember(versions: Sequence[Version], cx: CopyTransaction) -> None:
    await cx.remember_versions(versions)
