"""`lamina db status`: where the database is, how large, and which migrations it has had."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, result_console

if TYPE_CHECKING:
    from lamina.cli.database import OpenDatabase
    from lamina.kernel.settings.load import Settings
    from lamina.kernel.storage.database import Database

EXIT_NEWER = 4


def status(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """Show the database; exits 4 when it was written by a newer Lamina.

    An embedded database that does not run is started for the time of the command.

    Example: lamina db status
    """
    options = options_of(context)
    document = _look(options.settings())
    if as_json or options.json:
        print_json(document)
    else:
        _print(document, options)
    if any(service["unknown"] for service in document.get("services", [])):
        raise typer.Exit(EXIT_NEWER)


def _look(settings: "Settings") -> dict[str, Any]:
    from lamina.cli.database import DatabaseMissing, using_database
    from lamina.kernel.settings.platform import PlatformSettings

    try:
        return using_database(settings, _read, command="db status")
    except DatabaseMissing:
        data_dir = settings.get(PlatformSettings).data_dir
        return {"exists": False, "kind": "embedded", "address": str(data_dir.resolve())}


async def _read(place: "OpenDatabase") -> dict[str, Any]:
    from lamina.kernel.settings.dsn import redacted
    from lamina.kernel.storage.facts import list_clients, read_facts

    return {
        "exists": True,
        "kind": place.kind,
        "address": redacted(place.dsn),
        **asdict(await read_facts(place.database)),
        "clients": await list_clients(place.database),
        "services": await _services(place.database),
    }


async def _services(database: "Database") -> list[dict[str, Any]]:
    from lamina.app import registry
    from lamina.kernel.storage import migrate

    recorded = await migrate.recorded(database)
    services: list[dict[str, Any]] = []
    for name in registry.names():
        known = {each.number: each.name for each in migrate.load(name, registry.load(name).MIGRATIONS)}
        applied = {number: title for (service, number), title in recorded.items() if service == name}
        services.append(
            {
                "service": name,
                "applied": len(applied),
                "pending": [title for number, title in known.items() if number not in applied],
                "unknown": [title for number, title in applied.items() if number not in known],
            }
        )
    return services


def _print(document: dict[str, Any], options: GlobalOptions) -> None:
    console = result_console(color=options.color)
    if not document["exists"]:
        console.print(f"There is no database in {document['address']} yet.", markup=False)
        console.print("  make one  lamina up, lamina ledger init or lamina db migrate", markup=False)
        return
    for name, text in (
        ("where", f"{document['address']}  ({document['kind']})"),
        ("server", f"PostgreSQL {document['version']}, checksums {_on(document['data_checksums'])}"),
        ("size", f"{document['size_bytes'] / 2**20:.1f} MiB in database {document['database']}"),
        ("clients", ", ".join(document["clients"]) or "none of Lamina's"),
    ):
        console.print(f"{name:9} {text}", markup=False)
    for service in document["services"]:
        console.print(f"{service['service']:9} {_state(service)}", markup=False)


def _on(value: object) -> str:
    return "on" if value else "off"


def _state(service: dict[str, Any]) -> str:
    if service["unknown"]:
        return f"newer than this Lamina: it has had {', '.join(service['unknown'])}"
    if service["pending"]:
        return f"{service['applied']} migrations applied, pending: {', '.join(service['pending'])}"
    return f"{service['applied']} migrations applied, none pending"
