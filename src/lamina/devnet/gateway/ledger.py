"""What the pretended network knows: a height that moves, and items with the height they came at."""

import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from lamina.formats.ans104.item import DataItem

GENESIS_S = 1_577_836_800  # 2020-01-01: heights look like those of a network that is some years old


@dataclass(frozen=True, slots=True)
class Known:
    """An item and where it lies."""

    item: DataItem
    height: int


class PretendedNetwork:
    """In memory, bounded: the oldest items are forgotten."""

    def __init__(self, block_s: float, items_max: int) -> None:
        """Start with no items."""
        self._block_s = block_s
        self._items_max = items_max
        self._items: OrderedDict[str, Known] = OrderedDict()

    @property
    def height(self) -> int:
        """The height now; it follows the clock, so it survives a restart."""
        return int((time.time() - GENESIS_S) / self._block_s)

    def time_s(self, height: int) -> int:
        """When a height was reached, in seconds since 1970."""
        return int(GENESIS_S + height * self._block_s)

    def add(self, item: DataItem) -> None:
        """Remember an item; one that came before stays where it is."""
        self._items.setdefault(item.id, Known(item, self.height))
        while len(self._items) > self._items_max:
            self._items.popitem(last=False)

    def find(self, item_id: str) -> Known | None:
        """An item by its id."""
        return self._items.get(item_id)

    def newest_first(self) -> Iterator[Known]:
        """Everything that is remembered."""
        return reversed(self._items.values())
