"""`/stats/db`, `/stats/version`, `/health` (spec/telemetry.md 6.2, B.1)."""

import lamina
from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.respond import Reply
from lamina.services.telemetry import render
from lamina.services.telemetry.api.reading import Reading, answer
from lamina.services.telemetry.store import relations

_TITLE = ("tetcore-analytics", lamina.__version__, "Lamina telemetry: stores and answers what nodes report")

VERSION = Reply(200, r"<br\>".join(_TITLE).encode(), content_type=b"text/html; charset=utf-8")
HEALTH = Reply(200, b"OK", content_type=b"text/plain; charset=utf-8")


class ListRelations:
    """How large tables and indexes are."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer, the largest first."""
        self._reading.query(scope)
        rows = await relations.list_sizes(self._reading.database, self._reading.timeout_s)
        await answer(scope, send, map(render.relation, rows))
