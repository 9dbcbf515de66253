"""The router's `POST /`: a new process gets a unit, all else goes where its process is (spec 17.2, 17.3)."""

from lamina.formats import base64url
from lamina.formats.ans104.item import DataItem
from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.body import read_body
from lamina.kernel.web.middleware import REQUEST_ID
from lamina.kernel.web.respond import Reply
from lamina.services.scheduler.api.item import ItemReader
from lamina.services.scheduler.api.query import Query
from lamina.services.scheduler.api.route import Routes, found, redirect, target, unit_of
from lamina.services.scheduler.errors import RoutedTwice, SchedulerError, UnitDown, UnitUnclear
from lamina.services.scheduler.metrics import ROUTED
from lamina.services.scheduler.model.unplaced import Unplaced
from lamina.services.scheduler.rules.submission import check_tags, kind_of
from lamina.services.scheduler.store import placements

VIA = "1.1 lamina-router"
_FORWARDED = {b"content-type", b"accept"}


class RoutePost:
    """Sends on what is posted: the client by a redirect, or the body itself."""

    def __init__(self, routes: Routes) -> None:
        """Prepare."""
        self._routes = routes
        self._items = ItemReader(routes.settings)
        self._is_proxy = routes.settings.router_post == "proxy"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        settings = self._routes.settings
        self._routes.admission.check(scope)
        asked = Query(scope, settings.query_bytes_max)
        process, assigned = asked.text("process-id"), asked.text("assign")
        if (process is None) != (assigned is None):
            raise SchedulerError("If sending assign or process-id, you must send both.")
        if process is not None:
            self._routes.tenancy.check_write(process)
            url = await unit_of(self._routes.database, process)
            url = found(url, "Unable to locate scheduler for process-id")
            body = await read_body(scope, receive, settings.body_bytes_max)
        else:
            body = await read_body(scope, receive, settings.body_bytes_max)
            url = await self._unit(await self._items.read(body))
        reply = await self._forward(scope, url, body) if self._is_proxy else redirect(scope, url)
        await reply(scope, receive, send)

    async def _unit(self, item: DataItem) -> str:
        """The url of the unit that an item belongs to."""
        try:
            kind = kind_of(item)
        except SchedulerError:
            raise SchedulerError("Cannot redirect data item, invalid Type Tag") from None
        if kind == "Process":
            self._routes.tenancy.check_spawn()
            return await self._unit_of_spawn(item)
        target_id = base64url.encode(item.target)
        self._routes.tenancy.check_write(target_id)
        url = await unit_of(self._routes.database, target_id)
        return found(url, "Unable to locate scheduler for message target")

    async def _unit_of_spawn(self, item: DataItem) -> str:
        """The unit the process has; else one is chosen, for a spawn that a unit would take."""
        url = await placements.find(self._routes.database, item.id_bytes)
        if url is not None:
            return url
        check_tags(item, "Process")
        return await self._routes.placer.place(Unplaced(item.id_bytes, item.owner_address))

    async def _forward(self, scope: Scope, url: str, body: bytes) -> Reply:
        """The unit's answer, as the router's own."""
        headers = _forwarded(scope)
        try:
            answer = await self._routes.client.forward(url, target(scope), body, headers)
        except (UnitDown, UnitUnclear) as failure:
            ROUTED.labels("failed").inc()
            if isinstance(failure, UnitDown):
                self._routes.health.failed(url, failure.detail)
            raise
        ROUTED.labels("proxied").inc()
        relayed = [(name.encode(), value.encode("latin-1")) for name, value in answer.headers.items()]
        return Reply(answer.status, answer.body, relayed, content_type=b"application/octet-stream")


def _forwarded(scope: Scope) -> dict[str, str]:
    """Headers of a forwarded request: the client's own few, who it is, and that it came this way.

    Who the client is, is what the connection says, never what its headers say (distribution-and-reliability
    14): units believe it where this router is among their `http.trusted_proxies`.

    Raises:
        RoutedTwice: a router sent it here.
    """
    headers = {"via": VIA, "x-request-id": REQUEST_ID.get()}
    if scope["client"]:
        headers["x-forwarded-for"] = scope["client"][0]
    for name, value in scope["headers"]:
        if name == b"via" and VIA in value.decode("latin-1"):
            raise RoutedTwice
        if name in _FORWARDED:
            headers[name.decode()] = value.decode("latin-1")
    return headers
