"""`lamina scheduler location`: tell the network where a wallet's unit is (spec/scheduler.md 16)."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import options_of
from lamina.cli.output import print_json
from lamina.cli.scheduler.options import load_settings

if TYPE_CHECKING:
    from lamina.formats.ans104.signed_item import SignedItem
    from lamina.kernel.settings.load import Settings

HOUR_MS = 3_600_000


def location(
    context: typer.Context,
    url: Annotated[str, typer.Option(help="URL of the unit, or of the router in front of several.")],
    time_to_live: Annotated[
        int, typer.Option(min=1, metavar="MS", help="How long clients may rely on it, in milliseconds.")
    ] = HOUR_MS,
) -> None:
    """Sign and upload the wallet's Scheduler-Location, by which clients find the unit.

    Done once, and again when the URL changes: the newest one counts.

    Example: lamina scheduler location --url https://su.example.org
    """
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter("should begin with http:// or https://", param_hint="--url")
    options = options_of(context)
    settings = load_settings(context)
    options.start_logging(settings)
    item = asyncio.run(_publish(settings, url.rstrip("/"), time_to_live))
    if options.json:
        print_json({"id": item.id, "url": url.rstrip("/"), "time_to_live_ms": time_to_live})
        return
    typer.echo(f"Uploaded Scheduler-Location {item.id}: {url.rstrip('/')}, for {time_to_live} ms.")


async def _publish(settings: "Settings", url: str, time_to_live_ms: int) -> "SignedItem":
    from lamina.services.scheduler.commands.location import publish
    from lamina.services.scheduler.peers.client import Client
    from lamina.services.scheduler.peers.gateway import Gateway
    from lamina.services.scheduler.sequencer.wallet import read_wallet
    from lamina.services.scheduler.settings import SchedulerSettings

    scheduler = settings.get(SchedulerSettings)
    client = Client(scheduler)
    try:
        return await publish(read_wallet(settings), Gateway(scheduler, client), url, time_to_live_ms)
    finally:
        await client.close()
