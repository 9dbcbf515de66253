"""`lamina telemetry`: node telemetry, with its original's environment (spec/telemetry.md 10)."""

import typer

from lamina.cli.telemetry import purge, running, tail
from lamina.cli.telemetry.replay import command as replay

group = typer.Typer(no_args_is_help=True)


@group.callback()
def _telemetry() -> None:
    """Node telemetry: receive it, look at it, send it again, remove what is old.

    The original's variables (PORT, DATABASE_URL, LOG_EXPIRY_H, ...) count here, from the environment and from
    a .env file in the working directory, below Lamina's own settings. `lamina config env` lists them.
    """


group.command("serve")(running.serve)
group.command("purge")(purge.purge)
group.command("replay")(replay.replay)
group.command("tail")(tail.tail)
