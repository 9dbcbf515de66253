"""`GET /api/v1/outputs` (spec/ledger.md 3.6)."""

from collections.abc import AsyncIterator, Sequence

from lamina.formats.base58 import decode_key
from lamina.formats.errors import FormatError
from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.storage.database import Database
from lamina.kernel.web.array_stream import stream_array
from lamina.services.ledger import render
from lamina.services.ledger.api import query
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import outputs


class ListOutputs:
    """Outputs whose condition names a key."""

    def __init__(self, database: Database, settings: LedgerSettings) -> None:
        self._database = database
        self._settings = settings

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with the list in chain order."""
        asked = query.Query(scope, self._settings.query_bytes_max)
        key, spent = query.public_key(asked), query.spent(asked)
        asked.only("public_key", "spent")
        await stream_array(send, self._pages(key, spent=spent))

    async def _pages(self, key: str, *, spent: bool | None) -> AsyncIterator[Sequence[bytes]]:
        try:
            public_key = decode_key(key)
        except FormatError:
            return  # shaped like a key, but no key: it owns nothing
        place, rows = outputs.START, self._settings.page_rows
        while True:
            found, place = await outputs.page(
                self._database, public_key, spent=spent, after=place, limit=rows
            )
            yield render.outputs(found)
            if len(found) < rows:
                return
