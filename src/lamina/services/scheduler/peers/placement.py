"""Where a router says that a process lives (spec/scheduler.md 10.4)."""

import re

import httpx

from lamina.services.scheduler.errors import GatewayUnavailable, SchedulerError
from lamina.services.scheduler.peers.client import Client
from lamina.services.scheduler.settings import SchedulerSettings

_UNIT = re.compile(r"https?://su(\d+)\.", re.ASCII)


class Placement:
    """Asks the router before a process is spawned here."""

    def __init__(self, settings: SchedulerSettings, client: Client) -> None:
        """Prepare."""
        self._url = settings.router_url.rstrip("/") if settings.router_checked else None
        self._assignment = settings.assignment
        self._client = client

    async def check(self, process_id: str) -> None:
        """Refuse a process that lives on another unit; one that nobody knows yet may be spawned.

        Raises:
            SchedulerError: it lives elsewhere, or the router did not say where.
        """
        if self._url is None:
            return
        try:
            answer = await self._client.ask("GET", f"{self._url}/{process_id}?process-id={process_id}")
        except (httpx.HTTPError, GatewayUnavailable):
            raise SchedulerError("Unable to check router") from None
        if answer.is_server_error:
            raise SchedulerError("Unable to check router")
        if not answer.is_redirect:
            return
        found = _UNIT.match(answer.headers["location"])
        if found is None or found[1] != self._assignment:
            raise SchedulerError("Process does not belong on this SU")
