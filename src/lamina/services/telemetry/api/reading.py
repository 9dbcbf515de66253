"""What every reading endpoint does alike: parameters, limits, one error for whatever went wrong."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.kernel.contracts import Scope, Send
from lamina.kernel.storage.database import Database
from lamina.kernel.web.array_stream import stream_array
from lamina.kernel.web.respond import Header, json_response
from lamina.services.telemetry import render
from lamina.services.telemetry.api.query import Query
from lamina.services.telemetry.metrics import REQUESTS
from lamina.services.telemetry.settings import TelemetrySettings

CSV_TYPE: Header = (b"content-type", b"text/csv; charset=utf-8")


@dataclass(frozen=True, slots=True)
class Reading:
    """The database that endpoints read, and their limits."""

    database: Database
    settings: TelemetrySettings

    @property
    def timeout_s(self) -> float:
        """Longest that one query may run."""
        return self.settings.query_timeout_s

    def query(self, scope: Scope) -> Query:
        """The request's parameters; the request is counted."""
        REQUESTS.inc()
        return Query(scope, self.settings.query_bytes_max)


def wants_table(scope: Scope) -> bool:
    """Whether the client asks for CSV (spec B.4)."""
    accepted = (value for name, value in scope["headers"] if name == b"accept")
    return any(kind.strip().startswith(b"text/csv") for value in accepted for kind in value.split(b","))


async def answer(scope: Scope, send: Send, elements: Iterable[Mapping[str, Any]]) -> None:
    """A list, as JSON or as CSV."""
    if wants_table(scope):
        body = render.table(elements)
        headers = [CSV_TYPE, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    else:
        await json_response(send, 200, render.array(elements))


async def answer_pages(scope: Scope, send: Send, pages: AsyncIterator[Sequence[Mapping[str, Any]]]) -> None:
    """A long list, page by page."""
    if wants_table(scope):
        await _stream_table(send, pages)
    else:
        await stream_array(send, _rendered(pages))


async def _stream_table(send: Send, pages: AsyncIterator[Sequence[Mapping[str, Any]]]) -> None:
    """The first page is read before the first byte is sent, so that a failing database is a clean error."""
    first = True
    async for page in pages:
        if first:
            await send({"type": "http.response.start", "status": 200, "headers": [CSV_TYPE]})
        body = render.table(page, with_head=first)
        await send({"type": "http.response.body", "body": body, "more_body": True})
        first = False
    if first:
        await send({"type": "http.response.start", "status": 200, "headers": [CSV_TYPE]})
    await send({"type": "http.response.body", "body": b""})


async def _rendered(pages: AsyncIterator[Sequence[Mapping[str, Any]]]) -> AsyncIterator[Sequence[bytes]]:
    async for page in pages:
        yield render.parts(page)
