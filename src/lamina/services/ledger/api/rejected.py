"""`GET /lamina/ledger/rejected?before=&limit=` on the admin listener: the list of rejected transactions."""

from datetime import datetime

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.params import ParameterError
from lamina.kernel.web.respond import json_response
from lamina.services.ledger import render
from lamina.services.ledger.api.query import Query
from lamina.services.ledger.store.rejected import Rejections

LIMIT_DEFAULT = 100
LIMIT_MAX = 1000
QUERY_BYTES_MAX = 1024


class ListRejected:
    """Accepted transactions that did not become valid, newest first."""

    def __init__(self, rejections: Rejections) -> None:
        self._rejections = rejections

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with a page; `before` is the `rejected_at` of the last row of the page before it."""
        asked = Query(scope, QUERY_BYTES_MAX)
        asked.only("before", "limit")
        page = await self._rejections.page(before=_before(asked), limit=_limit(asked))
        await json_response(send, 200, render.rejections(page))


def _limit(asked: Query) -> int:
    text = asked.optional("limit") or str(LIMIT_DEFAULT)
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= LIMIT_MAX:
        raise ParameterError("limit", f"must be between 1 and {LIMIT_MAX}")
    return int(text)


def _before(asked: Query) -> datetime | None:
    text = asked.optional("before")
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - stands for a text that is no moment
    if moment is not None and moment.tzinfo is None:
        raise ParameterError("before", "must be a time with its zone, as rejected_at is written")
    return moment
