"""`lamina db shell`: psql of the embedded programs on Lamina's database; no password ever stands in argv."""

import os
from typing import TYPE_CHECKING

import typer

from lamina.cli.options import options_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from lamina.kernel.settings.load import Settings


def shell(context: typer.Context) -> None:
    """Open psql on the database; what follows is passed on to it.

    Example: lamina db shell -c "SELECT count(*) FROM ledger.log"
    """
    import signal

    settings = options_of(context).settings()
    # A handler of ours keeps Ctrl-C from ending us; unlike SIG_IGN, psql does not inherit it.
    signal.signal(signal.SIGINT, _ignore)
    raise typer.Exit(_run(settings, context.args))


def _ignore(_number: int, _frame: "FrameType | None") -> None:
    """Psql has the same signal from the terminal."""


def _run(settings: "Settings", arguments: list[str]) -> int:
    import asyncio

    from lamina.cli.database import OpenDatabase, using_database
    from lamina.kernel.settings.dsn import without_password
    from lamina.kernel.settings.platform import PostgresSettings
    from lamina.kernel.storage.programs import ClientPrograms, secret_variables

    programs = ClientPrograms.of(settings.get(PostgresSettings))

    async def work(place: OpenDatabase) -> int:
        address, _ = without_password(place.dsn)
        environment = {**os.environ, **secret_variables(place.dsn), "PGAPPNAME": "lamina db shell"}
        command = [programs.directory / "psql", address, *arguments]
        return await asyncio.to_thread(_psql, command, environment)

    return using_database(settings, work, command="db shell")


def _psql(command: "list[str | Path]", environment: dict[str, str]) -> int:
    """Run it in the foreground."""
    import subprocess

    with subprocess.Popen(command, env=environment) as process:  # noqa: S603 - the program of our own wheel
        return process.wait()
