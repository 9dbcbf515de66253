"""What a router of the original recorded: the units it knows, and which of them has which process."""

from lamina.formats import base64url
from lamina.formats.errors import FormatError
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.model.original import OriginalUnit
from lamina.services.scheduler.store import taken_routes
from lamina.services.scheduler.store.source import Source
from lamina.services.scheduler.takeover.flaws import Flaws

_ID_BYTES = 32


async def take_routes(database: Database, source: Source) -> Flaws:
    """Record all of it here; doing it again changes nothing.

    Returns:
        Records that are not taken: no ids, or processes that another unit has here.
    """
    flaws = Flaws()
    units = await source.units()
    if not units:
        return flaws
    # Compat: the original joins url and path as they are; here a url has no slash at its end (spec 17.2).
    await taken_routes.add_units(
        database,
        [
            OriginalUnit(_url(each.url), each.no_route, each.wallets_to_route, each.wallets_only)
            for each in units
        ],
    )
    async for page in source.routes():
        routes: dict[bytes, str] = {}
        for route in page:
            process_id = _id(route.process_id)
            if process_id is None:
                flaws.add(f"route of row {route.row_id}: {route.process_id} is no id")
            else:
                routes[process_id] = _url(route.url)
        for process_id, url in (await taken_routes.add_routes(database, routes)).items():
            there = routes[process_id]
            flaws.add(f"route of process {base64url.encode(process_id)}: {there} has it there, {url} here")
    return flaws


def _url(text: str) -> str:
    return text.rstrip("/")


def _id(text: str) -> bytes | None:
    try:
        raw = base64url.decode(text)
    except FormatError:
        return None
    return raw if len(raw) == _ID_BYTES else None
