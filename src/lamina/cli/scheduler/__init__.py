"""`lamina scheduler`: scheduler units (spec/scheduler.md)."""

import typer

from lamina.cli.scheduler import importing

group = typer.Typer(no_args_is_help=True)


@group.callback()
def _scheduler() -> None:
    """Scheduler units: take over the database of an original one."""


group.command("import")(importing.import_)
