"""`lamina ledger start` and `serve`: the ledger alone in the foreground."""

from typing import Annotated

import typer

from lamina.cli import up
from lamina.cli.ledger.options import load_original, load_settings
from lamina.cli.ledger.waiting import wait_for_database
from lamina.cli.options import options_of
from lamina.cli.prompts import say


def start(
    context: typer.Context,
    temporary_key: Annotated[
        bool,
        typer.Option("--dev-allow-temp-keypair", help="Make a key pair when there is none; for a trial."),
    ] = False,
    start_rethinkdb: Annotated[
        bool, typer.Option("--dev-start-rethinkdb", help="Accepted for compatibility; does nothing.")
    ] = False,
) -> None:
    """Start the node as the original does: init, then all its services, with its log files.

    Example: lamina ledger start --dev-allow-temp-keypair
    """
    from lamina.services.ledger.commands.identity import find_public_key

    original = load_original(context)
    settings = load_settings(context, original, with_log_defaults=True)
    has_key = find_public_key(settings) is not None
    if start_rethinkdb:
        say("warning: --dev-start-rethinkdb does nothing: Lamina brings its own PostgreSQL.")
    if has_key and temporary_key:
        say("warning: Keypair found, no need to create one on the fly.")
    if not has_key and not temporary_key:
        say("Can't start BigchainDB, no keypair found. Did you run `bigchaindb configure`?")
        say("Here that is: lamina ledger configure embedded")
        raise typer.Exit(1)
    wait_for_database(original, settings)
    up.run(settings, ["ledger"], options_of(context))


def serve(context: typer.Context) -> None:
    """Run the ledger alone until a signal stops it: one process group per machine or container.

    Example: LAMINA_POSTGRES__DSN=postgresql://… lamina ledger serve
    """
    up.run(load_settings(context), ["ledger"], options_of(context))
