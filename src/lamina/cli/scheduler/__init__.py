"""`lamina scheduler`: the ao scheduler unit, with its original's environment (spec/scheduler.md 1, 2, 19)."""

import os

import typer

from lamina.cli.scheduler import importing, migrate, running, verify
from lamina.cli.scheduler.location import location
from lamina.cli.scheduler.reupload import reupload

group = typer.Typer()


@group.callback(invoke_without_command=True)
def _scheduler(context: typer.Context) -> None:
    """A scheduler of processes: run it, prove it, take over an original one.

    The original's variables (SU_WALLET_PATH, DATABASE_URL, GATEWAY_URL, ...) count here, from the environment
    and from a .env file in the working directory, below Lamina's own settings. `lamina config explain
    scheduler` shows what is in force.
    """
    if context.invoked_subcommand is not None:
        return
    if os.environ.get("MODE"):
        # The original takes its mode from there, and then misses the port that would stand behind it.
        raise running.PortMissing
    typer.echo(context.get_help())
    raise typer.Exit(2)


group.command("su")(running.su)
group.command("router")(running.router)
group.command("serve")(running.serve)
# An id may begin with a hyphen, or with -h, and is then no option.
_IDS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
group.command("reupload", context_settings=_IDS)(reupload)
group.command("reupload_bundles", hidden=True, context_settings=_IDS)(reupload)
group.command("location")(location)
group.command("import")(importing.import_)
group.command("migrate")(migrate.migrate)
group.command("verify")(verify.verify)
