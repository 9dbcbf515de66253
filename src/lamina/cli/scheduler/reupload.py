"""`lamina scheduler reupload`: upload again what a gateway does not know (spec/scheduler.md 19.2)."""

from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import options_of
from lamina.cli.output import print_json
from lamina.cli.prompts import say
from lamina.cli.scheduler.options import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lamina.kernel.settings.load import Settings
    from lamina.services.scheduler.commands.reupload import Reuploaded

USAGE = "Usage: lamina scheduler reupload PROCESS[,PROCESS...] SINCE_MS [DELAY_MS]"


def reupload(
    context: typer.Context,
    processes: Annotated[
        str | None, typer.Argument(metavar="PROCESSES", help="Process ids between commas.")
    ] = None,
    since: Annotated[
        int | None, typer.Argument(metavar="SINCE_MS", help="Only what was assigned later: ms since 1970.")
    ] = None,
    delay: Annotated[
        int, typer.Argument(metavar="DELAY_MS", min=0, help="Time between two assignments.")
    ] = 10,
) -> None:
    """Ask the gateway for each assignment of some processes, and upload again what it does not know.

    Units upload by themselves whatever they schedule, until it is taken; this is for what a gateway lost. A
    bundle that is made again has another id, the items in it keep theirs. Units may run meanwhile.

    Example: lamina scheduler reupload eQra3D50UuQTL5LN9PnuGIV4CeeJbP9yDlHR3s538xQ 1720000000000
    """
    if processes is None or since is None:
        # As the original's command does, which scripts may know.
        typer.echo(USAGE, err=True)
        return
    options = options_of(context)
    ids = [_process_id(text.strip()) for text in processes.split(",")]
    settings = load_settings(context)
    options.start_logging(settings)
    done = _reupload(settings, ids, since, delay / 1000)
    if options.json:
        print_json({"checked": done.checked, "uploaded": done.uploaded})
        return
    typer.echo(f"Looked at {done.checked} assignments, uploaded {done.uploaded} again.")


def _process_id(text: str) -> bytes:
    from lamina.formats import base64url
    from lamina.formats.errors import FormatError

    try:
        raw = base64url.decode(text)
    except FormatError:
        raw = b""
    if len(raw) != 32:
        raise typer.BadParameter(f"{text[:60]!r} is no process id: 43 characters of base64url")
    return raw


def _reupload(settings: "Settings", ids: "Sequence[bytes]", since_ms: int, delay_s: float) -> "Reuploaded":
    from lamina.cli.database import DatabaseMissing, OpenDatabase, using_database
    from lamina.formats import base64url
    from lamina.services.scheduler.commands.reupload import Reupload, Reuploaded
    from lamina.services.scheduler.peers.client import Client
    from lamina.services.scheduler.peers.gateway import Gateway
    from lamina.services.scheduler.sequencer.wallet import read_wallet
    from lamina.services.scheduler.settings import SchedulerSettings
    from lamina.services.scheduler.store import schema

    async def work(place: OpenDatabase) -> Reuploaded:
        if not await schema.exists(place.database):
            raise DatabaseMissing(
                "There is no scheduler in this database", hint="It is made by: lamina scheduler serve"
            )
        scheduler, total = settings.get(SchedulerSettings), Reuploaded()
        client, wallet = Client(scheduler), read_wallet(settings)
        try:
            command = Reupload(place.database, Gateway(scheduler, client), wallet, delay_s)
            for process_id in ids:
                done = await command.process(process_id, since_ms)
                if done is None:
                    say(f"warning: {base64url.encode(process_id)} was never spawned here")
                    continue
                total = Reuploaded(total.checked + done.checked, total.uploaded + done.uploaded)
        finally:
            await client.close()
        return total

    return using_database(settings, work, command="scheduler reupload")
