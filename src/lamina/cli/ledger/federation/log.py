"""`lamina ledger federation log`: the database of the shared log, for nodes on this machine."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, result_console
from lamina.kernel.errors import ConfigurationError

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings


def log(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="As made by `federation new`.")],
) -> None:
    """Run the bundled PostgreSQL with the shared log of DIR until Ctrl-C.

    It listens on a UNIX socket alone and lets in the account that runs it, so it serves nodes of this machine
    and account. Nodes of many operators have their log on a PostgreSQL of their own.

    Example: lamina ledger federation log ./federation
    """
    import uvloop

    from lamina.app import log_database
    from lamina.cli.ledger.federation.layout import CONFIG, LOG

    data_dir = directory.absolute() / LOG
    if not (data_dir / CONFIG).is_file():
        raise ConfigurationError(
            f"{directory} has no log database of its own",
            hint="Make a federation with one: lamina ledger federation new 3 DIR",
        )
    options = options_of(context)
    options = replace(options, data_dir=data_dir, config=options.config or data_dir / CONFIG)
    settings = options.settings()
    _refuse_external(settings)
    options.start_logging(settings)
    uvloop.run(log_database.serve(settings, lambda dsn: _ready(directory.absolute(), dsn, options)))


def _refuse_external(settings: "Settings") -> None:
    from lamina.kernel.settings.platform import PostgresSettings

    if settings.get(PostgresSettings).dsn is not None:
        raise ConfigurationError(
            f"this runs the bundled PostgreSQL, and {settings.origin('postgres', 'dsn').where} names another",
            hint="Unset it here; nodes find an external log by ledger.log_dsn",
        )


def _ready(directory: Path, dsn: str, options: GlobalOptions) -> None:
    """Tell the nodes where the log serves, if they think otherwise, and tell people that it does."""
    from lamina.cli.ledger.federation.layout import LOG_DSN
    from lamina.kernel.crypto.secret_file import read_secret, write_secret

    path = directory / LOG_DSN
    if not path.exists() or read_secret(path).decode().strip() != dsn:
        write_secret(path, f"{dsn}\n".encode())
    if options.json:
        print_json({"dsn": dsn, "dsn_file": str(path)})
        return
    # In one piece: the start script shows it when the first of it is there.
    text = f"The log is ready.\n  database  {dsn}\n  stop      Ctrl-C, the nodes first"
    result_console(color=options.color).print(text, markup=False)
