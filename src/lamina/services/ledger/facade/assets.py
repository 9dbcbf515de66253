"""Assets through the facade (spec/ledger.md 3.8); they are part of their blocks, not rows of their own."""

from collections.abc import Iterable, Iterator

from lamina.services.ledger import render
from lamina.services.ledger.errors import OperationError
from lamina.services.ledger.facade.document import Document, parsed
from lamina.services.ledger.facade.member import Member
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.rules.search import parse_search
from lamina.services.ledger.store import assets


class Assets(Member):
    """What a node knows of assets; an asset is `{"id": …, "data": …}`."""

    def get_asset_by_id(self, asset_id: str) -> Document | None:
        """What the CREATE with this id made, `{"data": …}`, if it is in a block that is not invalid."""
        found = self.get_assets([asset_id])
        return {"data": found[0]["data"]} if found else None

    def get_assets(self, asset_ids: Iterable[str]) -> list[Document]:
        """Assets whose CREATE is in a block that is not invalid, in chain order; others are left out."""
        ids = [asset_id for asset_id in asset_ids if is_id(asset_id)]
        found = self._wait(assets.find(self.connection.database, ids))
        return [parsed(render.asset(asset_id, body)) for asset_id, body in found]

    def write_assets(self, assets: Iterable[Document]) -> None:
        """Take note of assets that are in the chain already; they come there with their block.

        Raises:
            OperationError: one is not, or the chain has it otherwise.
        """
        given = {asset["id"]: asset["data"] for asset in assets}
        known = {asset["id"]: asset["data"] for asset in self.get_assets(given)}
        missing = [asset_id for asset_id, data in given.items() if known.get(asset_id, _MISSING) != data]
        if missing:
            raise OperationError(
                f"Not in the chain: {', '.join(missing)}", hint="Write the block; its assets come with it."
            )

    def text_search(self, search: str, *, limit: int = 0) -> Iterator[Document]:
        """Valid assets that match a text, the best first.

        Args:
            search: words, "phrases" and -refused words.
            limit: how many at most; 0 means 10 000, which is also the most.
        """
        rows_max = self._settings.search_results_max
        question = parse_search(search[: self._settings.search_characters_max])
        limit = min(abs(limit) or rows_max, rows_max)
        found = self._wait(assets.search(self.connection.database, question, limit))
        return (parsed(render.asset(asset_id, body)) for asset_id, body in found)


_MISSING = object()
