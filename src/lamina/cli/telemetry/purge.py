"""`lamina telemetry purge`: one purge now."""

from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import options_of
from lamina.cli.output import print_json
from lamina.cli.telemetry.options import load_settings

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings
    from lamina.services.telemetry.intake.purge import Purged


def purge(
    context: typer.Context,
    older_than: Annotated[
        int | None,
        typer.Option(min=0, help="Age in hours; LOG_EXPIRY_H when absent, 0 is all that was said until now."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Remove messages older than some hours now, and connections that are over and have none left.

    Messages received on /audit stay, whatever their age. Whole days are dropped at once and counted as the
    database's statistics know them. The platform may run meanwhile.

    Example: lamina telemetry purge --older-than 720
    """
    from lamina.services.telemetry.settings import TelemetrySettings

    options = options_of(context)
    settings = load_settings(context)
    options.start_logging(settings)
    hours = settings.get(TelemetrySettings).log_expiry_h if older_than is None else older_than
    purged = _purge(settings, hours)
    if as_json or options.json:
        print_json({"older_than_h": hours, "messages": purged.messages, "connections": purged.connections})
        return
    typer.echo(
        f"Removed {purged.messages} messages older than {hours} h, and {purged.connections} connections."
    )


def _purge(settings: "Settings", hours: int) -> "Purged":
    from lamina.cli.database import DatabaseMissing, OpenDatabase, using_database
    from lamina.services.telemetry.intake.purge import Purge
    from lamina.services.telemetry.settings import TelemetrySettings
    from lamina.services.telemetry.store import schema

    async def work(place: OpenDatabase) -> "Purged":
        if not await schema.exists(place.database):
            raise DatabaseMissing(
                "There is no telemetry in this database", hint="It is made by: lamina telemetry serve"
            )
        return await Purge(place.database, settings.get(TelemetrySettings)).once(hours)

    return using_database(settings, work, command="telemetry purge")
