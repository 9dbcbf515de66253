"""What every reading endpoint does alike: parameters, limits, one error for whatever went wrong."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lamina.kernel.contracts import Scope, Send
from lamina.kernel.storage.database import Database
from lamina.kernel.web.respond import json_response
from lamina.services.telemetry import render
from lamina.services.telemetry.api.query import Query
from lamina.services.telemetry.metrics import REQUESTS
from lamina.services.telemetry.settings import TelemetrySettings


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


async def answer(send: Send, elements: Iterable[Mapping[str, Any]]) -> None:
    """A JSON list."""
    await json_response(send, 200, render.array(elements))


async def rendered(
    pages: AsyncIterator[Sequence[Mapping[str, Any]]],
) -> AsyncIterator[Sequence[bytes]]:
    """Pages of elements as pages of JSON documents."""
    async for page in pages:
        yield render.parts(page)
