"""`lamina demo`: a short story on the running platform, with real keys and signatures."""

from typing import Annotated

import typer

from lamina.cli.options import options_of
from lamina.cli.output import result_console
from lamina.cli.status import running_platform
from lamina.kernel.errors import LaminaError


class NothingToShow(LaminaError):
    """No service that runs has a demo."""

    code = "nothing_to_show"
    exit_code = 4

    def default_hint(self) -> str:
        """Name one that has."""
        return "Run: lamina up --services ledger,telemetry,scheduler,gateway"


def command(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="The ledger's URL; the local one when absent.")] = None,
) -> None:
    """Show what the services do, step by step, on the platform that runs; with --url only that ledger.

    Example: lamina demo
    """
    from lamina.cli import scheduler_story, story, telemetry_story
    from lamina.cli.narrator import Narrator

    options = options_of(context)
    addresses: dict[str, str] = {"ledger.http": url} if url else running_platform(options)["addresses"]
    stories = {
        "ledger.http": story.tell,
        "telemetry.http": telemetry_story.tell,
        "scheduler.http": scheduler_story.tell,
    }
    told = [name for name in stories if name in addresses]
    if not told:
        raise NothingToShow("The running platform has no service with a story to tell")
    narrator = Narrator(result_console(color=options.color))
    for name in told:
        stories[name](addresses[name].rstrip("/"), narrator)
    if not url and "scheduler.http" not in addresses:
        narrator.say("The scheduler does not run, so its chapter is left out.")
        narrator.say("To see it: lamina up --services ledger,telemetry,scheduler,gateway")
