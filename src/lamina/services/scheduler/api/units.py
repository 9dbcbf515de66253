"""`GET /lamina/units` of a router: its units, and whether they answer."""

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.respond import json_response
from lamina.services.scheduler import render
from lamina.services.scheduler.api.route import Routes
from lamina.services.scheduler.store import units


class GetUnits:
    """Every unit in the order of its row."""

    def __init__(self, routes: Routes) -> None:
        """Prepare."""
        self._routes = routes

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        known = await units.every(self._routes.database)
        shown = [render.unit(each, self._routes.health.of(each.url)) for each in known]
        await json_response(send, 200, render.dumps({"units": shown}))
