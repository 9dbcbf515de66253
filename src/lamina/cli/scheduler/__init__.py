"""`lamina scheduler`: the scheduler, with its original's environment (spec/scheduler.md 2, 19)."""

import typer

from lamina.cli.scheduler import migrate, verify

group = typer.Typer(no_args_is_help=True)


@group.callback()
def _scheduler() -> None:
    """The scheduler: give messages of processes their place.

    The original's variables (SU_WALLET_PATH, USE_DISK, SU_DATA_DIR, ...) count here, below Lamina's own
    settings. `lamina config env` lists them.
    """


group.command("migrate")(migrate.migrate)
group.command("verify")(verify.verify)
