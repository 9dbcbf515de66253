"""`GET /api/v1/assets` (spec/ledger.md 3.8): full-text search."""

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.storage.database import Database
from lamina.kernel.web.respond import json_response
from lamina.services.ledger import render
from lamina.services.ledger.api import query
from lamina.services.ledger.errors import InvalidRequest
from lamina.services.ledger.rules.search import parse_search
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import assets


class SearchAssets:
    """Assets whose words match."""

    def __init__(self, database: Database, settings: LedgerSettings) -> None:
        self._database = database
        self._settings = settings

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with the best matches first; unknown parameters are ignored here."""
        asked = query.Query(scope, self._settings.query_bytes_max)
        text, limit = asked.required("search"), query.limit(asked)
        if not text:
            raise InvalidRequest("text_search cannot be empty")
        question = parse_search(text[: self._settings.search_characters_max])
        rows_max = self._settings.search_results_max
        found = await assets.search(self._database, question, min(limit or rows_max, rows_max))
        await json_response(send, 200, render.array(render.asset(asset_id, body) for asset_id, body in found))
