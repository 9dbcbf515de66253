"""The router's reads: to the unit that has the process, by a redirect (spec/scheduler.md 17.2)."""

from dataclasses import dataclass
from urllib.parse import quote

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.storage.database import Database
from lamina.kernel.web.respond import Reply
from lamina.services.scheduler.api.admission import Admission
from lamina.services.scheduler.api.query import Query, id_bytes
from lamina.services.scheduler.api.tenancy import Tenancy
from lamina.services.scheduler.errors import SchedulerError
from lamina.services.scheduler.metrics import ROUTED
from lamina.services.scheduler.peers.unit_client import UnitClient
from lamina.services.scheduler.peers.unit_health import UnitHealth
from lamina.services.scheduler.sequencer.placer import Placer
from lamina.services.scheduler.settings import SchedulerSettings
from lamina.services.scheduler.store import placements

UNKNOWN_PROCESS = 'NotFound("Process scheduler not found")'
_UNKNOWN_ID = (
    "Unable to locate process, if this is a message id query be sure to pass the process-id query parameter"
)
_PRINTABLE = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Routes:
    """What routing goes through."""

    database: Database
    settings: SchedulerSettings
    placer: Placer
    client: UnitClient
    health: UnitHealth
    admission: Admission
    tenancy: Tenancy


class RouteByQuery:
    """`GET /`, `GET /timestamp`: to the unit of `process-id`."""

    def __init__(self, routes: Routes) -> None:
        """Prepare."""
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        process = Query(scope, self._routes.settings.query_bytes_max).text("process-id")
        if process is None:
            raise SchedulerError("No process-id query parameter provided")
        self._routes.tenancy.check_read(process)
        url = await unit_of(self._routes.database, process)
        await redirect(scope, found(url, UNKNOWN_PROCESS))(scope, receive, send)


class RouteByPath:
    """`GET /processes/{id}`, `GET /{id}/latest`: to the unit of the process."""

    def __init__(self, routes: Routes) -> None:
        """Prepare."""
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        process = scope["path_params"]["id"]
        self._routes.tenancy.check_read(process)
        url = await unit_of(self._routes.database, process)
        await redirect(scope, found(url, UNKNOWN_PROCESS))(scope, receive, send)


class RouteMessage:
    """`GET /{id}`: of a process by its id, of a message by `process-id`."""

    def __init__(self, routes: Routes) -> None:
        """Prepare."""
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        asked = Query(scope, self._routes.settings.query_bytes_max)
        process = scope["path_params"]["id"]
        url = await unit_of(self._routes.database, process)
        if url is None:
            process = found(asked.text("process-id"), _UNKNOWN_ID)
            url = found(await unit_of(self._routes.database, process), UNKNOWN_PROCESS)
        self._routes.tenancy.check_read(process)
        await redirect(scope, url)(scope, receive, send)


async def unit_of(database: Database, process: str) -> str | None:
    """The url of the unit that has a process; None when nobody has it, or this is no id."""
    process_id = id_bytes(process)
    return None if process_id is None else await placements.find(database, process_id)


def found(text: str | None, otherwise: str) -> str:
    """What was looked for.

    Raises:
        SchedulerError: it is not there; `otherwise` is what to say.
    """
    if text is None:
        raise SchedulerError(otherwise)
    return text


def redirect(scope: Scope, url: str) -> Reply:
    """To the same path and query of a unit; the client repeats what it sent."""
    ROUTED.labels("redirected").inc()
    location = (b"location", (url + target(scope)).encode("ascii"))
    return Reply(307, b"", [location], content_type=b"text/plain; charset=utf-8")


def target(scope: Scope) -> str:
    """Path and query as the client wrote them; bytes that no url has are escaped."""
    query: bytes = scope["query_string"]
    whole: bytes = scope["raw_path"] + (b"?" + query if query else b"")
    return quote(whole, safe=_PRINTABLE)
