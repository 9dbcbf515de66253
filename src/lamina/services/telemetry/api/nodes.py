"""`/nodes`, `/nodes/log_stats`, `/nodes/logs` (spec/telemetry.md 6.3 to 6.5)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.services.telemetry import render
from lamina.services.telemetry.api import query
from lamina.services.telemetry.api.reading import Reading, answer, answer_pages
from lamina.services.telemetry.store import logs, nodes
from lamina.services.telemetry.store.logs import LogFilter

LOGS_LIMIT = 100


class ListNodes:
    """The newest connection record of every peer."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer page by page; parameters are ignored."""
        self._reading.query(scope)
        await answer_pages(scope, send, self._pages())

    async def _pages(self) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        reading = self._reading
        pages = nodes.pages(
            reading.database, page_rows=reading.settings.page_rows, timeout_s=reading.timeout_s
        )
        async for page in pages:
            yield [render.node(row) for row in page]


class ListLogStats:
    """How many messages of each type a peer has stored."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer; without a peer with nothing."""
        peer_id = self._reading.query(scope).text("peer_id") or ""
        rows = await logs.count_by_type(self._reading.database, peer_id, self._reading.timeout_s)
        await answer(scope, send, map(render.log_stat, rows))


class ListLogs:
    """A peer's messages, the newest first."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer page by page."""
        asked = self._reading.query(scope)
        wanted = LogFilter(
            peer_id=asked.text("peer_id") or "",
            since=asked.time("start_time", query.BEGINNING),
            until=asked.time("end_time", query.now()),
            msg=asked.text("msg"),
            target=asked.text("target"),
        )
        limit = asked.limit(LOGS_LIMIT, self._reading.settings.rows_max)
        await answer_pages(scope, send, self._pages(wanted, limit))

    async def _pages(self, wanted: LogFilter, limit: int) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
        reading = self._reading
        pages = logs.pages(
            reading.database,
            wanted,
            limit=limit,
            page_rows=reading.settings.page_rows,
            timeout_s=reading.timeout_s,
        )
        async for page in pages:
            yield [render.log(wanted.peer_id, row) for row in page]
