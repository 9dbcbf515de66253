"""`lamina db shell`: psql of the embedded programs on Lamina's database; no password ever stands in argv."""

import os
from typing import TYPE_CHECKING

import typer

from lamina.cli.options import options_of

if TYPE_CHECKING:
    from pathlib import Path
    from types import FrameType

    from lamina.kernel.settings.load import Settings

PASSWORD_VARIABLE = "PGPASSWORD"  # noqa: S105 - a variable's name
_SECRET_PARAMETERS = frozenset({"password", "sslpassword"})


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
    from lamina.kernel.storage.embedded.account import caller
    from lamina.kernel.storage.embedded.binaries import executable_binaries

    psql = executable_binaries(caller()) / "psql"

    async def work(place: OpenDatabase) -> int:
        address, password = without_password(place.dsn)
        environment = {**os.environ, "PGAPPNAME": "lamina db shell"}
        if password is not None:
            environment[PASSWORD_VARIABLE] = password
        return await asyncio.to_thread(_psql, [psql, address, *arguments], environment)

    return using_database(settings, work, command="db shell")


def _psql(command: "list[str | Path]", environment: dict[str, str]) -> int:
    """Run it in the foreground."""
    import subprocess

    with subprocess.Popen(command, env=environment) as process:  # noqa: S603 - the program of our own wheel
        return process.wait()


def without_password(dsn: str) -> tuple[str, str | None]:
    """A DSN for an argument list, and its password for the environment, which other accounts cannot read.

    A passphrase of a client key has no variable; psql asks for it.
    """
    from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

    parts = urlsplit(dsn)
    user, _, hosts = parts.netloc.rpartition("@")
    name, colon, written = user.partition(":")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    password = unquote(written) if colon else dict(pairs).get("password")
    query = urlencode([pair for pair in pairs if pair[0] not in _SECRET_PARAMETERS], quote_via=quote)
    netloc = f"{name}@{hosts}" if user else hosts
    return urlunsplit(parts._replace(netloc=netloc, query=query)), password
