"""`lamina demo`: a short story on the running platform, with real keys and signatures."""

from typing import Annotated

import typer

from lamina.cli.options import options_of
from lamina.cli.output import result_console
from lamina.cli.status import running_platform


def command(
    context: typer.Context,
    url: Annotated[str | None, typer.Option(help="The ledger's URL; the local one when absent.")] = None,
) -> None:
    """Show what the ledger does, step by step, on the platform that runs.

    Example: lamina demo
    """
    from lamina.cli.story import tell

    options = options_of(context)
    ledger: str = url or running_platform(options)["addresses"]["ledger.http"]
    tell(ledger.rstrip("/"), result_console(color=options.color))
