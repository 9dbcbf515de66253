"""`lamina scheduler migrate`: fill the disk store from the database (spec/scheduler.md 19.1)."""

from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import options_of
from lamina.cli.output import print_json
from lamina.cli.progress import Progress

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings
    from lamina.services.scheduler.copying.span import Span


def migrate(
    context: typer.Context,
    positions: Annotated[
        str | None,
        typer.Argument(
            metavar="RANGE", help="0 is everything, 1000 all but the oldest 1000, 0-1000 the oldest 1000."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Copy messages from the database into the disk store, the oldest first.

    Several may run at once on different ranges, and the platform may run meanwhile. One that was interrupted
    goes on where it was when it is given the same range again.

    Example: lamina scheduler migrate 0-100000
    """
    from lamina.services.scheduler.copying.span import Span
    from lamina.services.scheduler.errors import BadRange

    if positions is None:
        raise BadRange("Range argument not provided")
    span = Span.parse(positions)
    options = options_of(context)
    settings = options.settings(legacy_service="scheduler")
    options.start_logging(settings)
    count = _migrate(settings, span)
    if as_json or options.json:
        print_json({"range": positions, "messages": count})
        return
    typer.echo(f"Copied {count} messages.")


def _migrate(settings: "Settings", span: "Span") -> int:
    from lamina.cli.database import DatabaseMissing, OpenDatabase, using_database
    from lamina.services.scheduler.copying.migration import Migration
    from lamina.services.scheduler.settings import SchedulerSettings, disk_dir
    from lamina.services.scheduler.store import schema

    progress: Progress | None = None

    def advanced(done: int, total: int) -> None:
        nonlocal progress
        if progress is None:
            progress = Progress("migrate", "messages", total)
        progress.show(done)

    async def work(place: OpenDatabase) -> int:
        if not await schema.exists(place.database):
            raise DatabaseMissing("There is no scheduler in this database", hint="It is made by: lamina up")
        batch_rows = settings.get(SchedulerSettings).migration_batch_size
        return await Migration(place.database, disk_dir(settings), batch_rows, advanced).run(span)

    count = using_database(settings, work, command="scheduler migrate")
    if progress is not None:
        progress.finish(count)
    return count
