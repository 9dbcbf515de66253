"""What this node says of itself to telemetry, in the words that other chains' nodes use."""

from collections.abc import Mapping, Sequence
from typing import Any

from lamina.kernel.storage.database import Database
from lamina.services.ledger.store import news
from lamina.services.ledger.store.news import Heads

CHAIN = "Lamina ledger"


class LedgerReporter:
    """Tells blocks, votes, decisions and the backlog; holds where it told last."""

    def __init__(self, database: Database, public_key: str) -> None:
        """Start from now: what happened before is not news.

        Args:
            database: this node's.
            public_key: this node's, its identity to telemetry.
        """
        self._database = database
        self._public_key = public_key
        self._heads: Heads | None = None

    async def introduce(self) -> Mapping[str, Any]:
        """Who this is."""
        genesis = await news.find_genesis(self._database)
        known = {"network_id": self._public_key, "chain": CHAIN, "authority": True}
        return known if genesis is None else {**known, "genesis_hash": f"0x{genesis}"}

    async def tell(self) -> Sequence[Mapping[str, Any]]:
        """What happened since the last time.

        Raises:
            DatabaseUnavailable: it will be told next time.
        """
        first = self._heads is None
        found = await news.read(self._database, self._heads or Heads(0, 0), self._public_key)
        self._heads = found.heads
        blocks, decided = found.blocks, found.decided
        said: list[Mapping[str, Any]] = [_interval(blocks, decided, found.waiting)]
        if first:
            blocks, decided = blocks[-1:], decided[-1:]
        else:
            said += [
                {"msg": "ledger.vote", "block": f"0x{block}", "is_valid": is_valid}
                for block, is_valid in found.votes
            ]
        said += [
            {"msg": "block.import", "height": height, "best": f"0x{block}", "origin": "Own"}
            for height, block in blocks
        ]
        said += [
            {"msg": "notify.finalized", "height": str(height), "best": f"0x{block}"}
            for height, block in decided
        ]
        return said


def _interval(
    blocks: Sequence[tuple[int, str]], decided: Sequence[tuple[int, str]], waiting: int
) -> Mapping[str, Any]:
    """The regular word; heights only where they are new."""
    said: dict[str, Any] = {"msg": "system.interval", "txcount": waiting}
    if blocks:
        height, block = blocks[-1]
        said |= {"height": height, "best": f"0x{block}"}
    if decided:
        height, block = max(decided)
        said |= {"finalized_height": height, "finalized_hash": f"0x{block}"}
    return said
