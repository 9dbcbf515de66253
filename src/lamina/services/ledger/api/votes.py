"""`GET /api/v1/votes` (spec/ledger.md 3.10)."""

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.storage.database import Database
from lamina.kernel.web.respond import json_response
from lamina.services.ledger import render
from lamina.services.ledger.api import query
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import votes


class ListVotes:
    """The votes on a block."""

    def __init__(self, database: Database, settings: LedgerSettings) -> None:
        self._database = database
        self._settings = settings

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with the votes as they were signed; an unknown block has none."""
        asked = query.Query(scope, self._settings.query_bytes_max)
        block_id = asked.required("block_id")
        asked.only("block_id")
        await json_response(send, 200, render.array(await votes.find(self._database, block_id)))
