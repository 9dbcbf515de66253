"""Blocks this process has already taken apart, so that the same bytes are not read and verified twice.

What a node built itself it has checked transaction by transaction; what it must wait with it has read. Only
the very same bytes count, and the chain's rules are always applied anew (architecture 4).
"""

from typing import NamedTuple

from lamina.services.ledger.model.block import LedgerBlock
from lamina.services.ledger.model.entry import Entry

KEPT = 8


class Opened(NamedTuple):
    """A block, and whether this node has verified every signature over its transactions."""

    block: LedgerBlock
    is_verified: bool


class OpenedBlocks:
    """The newest few."""

    def __init__(self) -> None:
        self._opened: dict[str, Opened] = {}

    def remember(self, block: LedgerBlock, *, is_verified: bool) -> None:
        """Keep a block that was built or read just now."""
        self._opened[block.id] = Opened(block, is_verified)
        while len(self._opened) > KEPT:
            del self._opened[next(iter(self._opened))]

    def find(self, entry: Entry) -> Opened | None:
        """The block an entry holds, if it was taken apart before and not a byte differs."""
        opened = self._opened.get(entry.block_id)
        return opened if opened is not None and opened.block.body == entry.body else None
