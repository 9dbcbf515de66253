"""What was scheduled: messages, lists, processes (spec/scheduler.md 14)."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from lamina.formats import base64url
from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.storage.database import Database, Record
from lamina.kernel.storage.replica import Replica
from lamina.kernel.web.respond import JSON_TYPE, json_response
from lamina.services.scheduler import render
from lamina.services.scheduler.api.query import Query, id_bytes
from lamina.services.scheduler.api.tenancy import Tenancy
from lamina.services.scheduler.copying.listing import Listing
from lamina.services.scheduler.errors import ProcessNotFound, SchedulerError
from lamina.services.scheduler.metrics import measured, observe
from lamina.services.scheduler.peers.network import Network
from lamina.services.scheduler.settings import SchedulerSettings
from lamina.services.scheduler.store import messages, processes
from lamina.services.scheduler.store.messages import Window

BEGINNING, END = -(2**63), 2**63 - 1


class GetMessage:
    """`GET /{id}`: a message, or the messages of a process."""

    def __init__(
        self, replica: Replica, listing: Listing, settings: SchedulerSettings, tenancy: Tenancy
    ) -> None:
        """Prepare."""
        self._replica = replica
        self._listing = listing
        self._settings = settings
        self._tenancy = tenancy

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        asked = Query(scope, self._settings.query_bytes_max)
        text = scope["path_params"]["id"]
        self._tenancy.check_read(asked.text("process-id") or text)
        any_id = id_bytes(text)
        if any_id is None:
            raise SchedulerError("Message or Process not found")
        database = await self._replica.current()
        found = await self._message(database, any_id)
        if found is not None:
            await json_response(send, 200, found)
            return
        process = await _find_process(database, any_id)
        if process is None:
            raise SchedulerError("Message or Process not found")
        self._tenancy.check_read(text)
        with measured("get_messages"):
            await self._list(database, process, asked, send)

    async def _message(self, database: Database, any_id: bytes) -> bytes | None:
        started = time.perf_counter()
        row = await messages.find(database, any_id)
        if row is None or not _is_answer(row, any_id):
            return None
        observe("get_message", started)
        self._tenancy.check_read(base64url.encode(row["process_id"]))
        return render.dumps(render.message_object(row["assignment"], row["item"]))

    async def _list(self, database: Database, process: Record, asked: Query, send: Send) -> None:
        """Stream the list; what it will hold is known before the first byte is sent."""
        by_nonce = asked.has("from-nonce") or asked.has("to-nonce")
        window = _window(process["process_id"], asked, by_nonce=by_nonce)
        limit = asked.limit(self._settings.default_limit)
        first = _begins_with_process(process, asked, by_nonce=by_nonce) and limit > 0
        left = limit - 1 if first else limit
        extent = await messages.measure(database, window, left)
        if extent.bytes > self._settings.read_bytes_max:
            raise SchedulerError(f"Memory usage exceeded the limit: {self._settings.read_bytes_max} bytes")
        show_anchor = asked.has("show-anchor")
        opening = render.list_head(has_next_page=extent.count > left)
        if first:
            opening += render.process_edge(process, by_nonce=by_nonce, show_anchor=show_anchor)
        await send({"type": "http.response.start", "status": 200, "headers": [JSON_TYPE]})
        separator = b"," if first else b""
        pages = self._listing.pages(database, window, limit=left, page_rows=self._settings.page_rows)
        async for page in _measured(pages):
            edges = b",".join(render.edge(row, by_nonce=by_nonce, show_anchor=show_anchor) for row in page)
            body = opening + separator + edges
            await send({"type": "http.response.body", "body": body, "more_body": True})
            opening, separator = b"", b","
        await send({"type": "http.response.body", "body": opening + render.LIST_END})


class GetLatest:
    """`GET /{id}/latest`: the newest message of a process, from where it was written (spec 14.4)."""

    def __init__(self, database: Database, tenancy: Tenancy) -> None:
        """Prepare."""
        self._database = database
        self._tenancy = tenancy

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        text = scope["path_params"]["id"]
        self._tenancy.check_read(text)
        process_id = id_bytes(text)
        row = None if process_id is None else await messages.find_latest(self._database, process_id)
        if row is None:
            raise SchedulerError("Latest message not available")
        await json_response(send, 200, render.dumps(render.message_object(row["assignment"], row["item"])))


class GetProcess:
    """`GET /processes/{id}`."""

    def __init__(self, replica: Replica, tenancy: Tenancy) -> None:
        """Prepare."""
        self._replica = replica
        self._tenancy = tenancy

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        text = scope["path_params"]["id"]
        self._tenancy.check_read(text)
        process_id = id_bytes(text)
        row = None if process_id is None else await _find_process(await self._replica.current(), process_id)
        if row is None:
            raise ProcessNotFound
        await json_response(send, 200, render.process_object(row))


class GetRoot:
    """`GET /`: whose unit this is."""

    def __init__(self, address: str) -> None:
        """Prepare."""
        self._address = address

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        await json_response(send, 200, render.root(self._address, time.time_ns() // 1_000_000))


class GetTimestamp:
    """`GET /timestamp`: the network's height and the time."""

    def __init__(self, network: Network) -> None:
        """Prepare."""
        self._network = network

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        now_ms = time.time_ns() // 1_000_000
        await json_response(send, 200, render.timestamp(self._network.height(), now_ms))


async def _find_process(database: Database, process_id: bytes) -> Record | None:
    with measured("get_process"):
        return await processes.find(database, process_id)


async def _measured(
    pages: AsyncIterator[Sequence[Mapping[str, Any]]],
) -> AsyncIterator[Sequence[Mapping[str, Any]]]:
    """The same pages; how long each took to read is observed."""
    while True:
        with measured("read_message_data"):
            try:
                page = await anext(pages)
            except StopAsyncIteration:
                return
        yield page


def _is_answer(row: Record, any_id: bytes) -> bool:
    """A message; or a bare assignment that was asked for by its own id (spec 14.1)."""
    return row["item"] is not None or (
        row["message_id"] != row["process_id"] and row["assignment_id"] == any_id
    )


def _window(process_id: bytes, asked: Query, *, by_nonce: bool) -> Window:
    if by_nonce:
        after, until, column = asked.integer("from-nonce"), asked.integer("to-nonce"), "nonce"
    else:
        after, until, column = asked.integer("from"), asked.integer("to"), "ts"
    return Window(process_id, column, BEGINNING if after is None else after, END if until is None else until)


def _begins_with_process(process: Record, asked: Query, *, by_nonce: bool) -> bool:
    if process["assignment"] is None:
        return False
    if by_nonce:
        return asked.integer("from-nonce") in {None, -1}
    return asked.integer("from") is None
