"""`lamina ledger init` and `drop`: make and remove what the ledger keeps."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import typer

from lamina.cli.ledger.options import effective_tree, ledger_options_of, load_original, load_settings
from lamina.cli.ledger.waiting import wait_for_database
from lamina.cli.options import options_of
from lamina.cli.output import render_error
from lamina.cli.prompts import ask, say

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings


def init(context: typer.Context) -> None:
    """Create tables, indexes and the genesis block.

    Example: lamina ledger init
    """
    from lamina.services.ledger.commands.identity import find_public_key

    original = load_original(context)
    settings = load_settings(context, original)
    if find_public_key(settings) is None:
        fail_without_key(context)
    wait_for_database(original, settings)
    name = effective_tree(context, original, settings)["database"]["name"]
    if _create(settings):
        say(f"Created the database `{name}` and its genesis block.")
    else:
        say("The database already exists.")
        say("If you wish to re-initialize it, first drop it.")


def fail_without_key(context: typer.Context) -> None:
    """Say that the node has no key, and exit 1 as the original did.

    Raises:
        typer.Exit: always.
    """
    from lamina.services.ledger.errors import KeypairNotFoundException

    options = options_of(context)
    render_error(KeypairNotFoundException(), as_json=options.json, color=options.color)
    raise typer.Exit(1)


def _create(settings: "Settings") -> bool:
    from lamina.cli.database import OpenDatabase, using_database
    from lamina.kernel.clock import SystemClock
    from lamina.kernel.process import Kernel
    from lamina.services.ledger.commands import chain

    async def work(place: OpenDatabase) -> bool:
        async with AsyncExitStack() as resources:
            return await chain.create(Kernel(settings, place.database, SystemClock(), resources))

    return using_database(settings, work, command="ledger init", create=True)


def drop(context: typer.Context) -> None:
    """Remove the ledger's tables with every block in them; asks first.

    Example: lamina ledger -y drop
    """
    original = load_original(context)
    settings = load_settings(context, original)
    name = effective_tree(context, original, settings)["database"]["name"]
    _refuse_running(settings)
    if not ledger_options_of(context).assume_yes and not _is_wanted(name):
        return
    if _drop(settings):
        say(f"Dropped `{name}`.")
    else:
        say(f"Cannot drop '{name}'. The database does not exist.")


def _is_wanted(name: str) -> bool:
    return ask(f"Do you want to drop `{name}` database? [y/n]: ") == "y"


def _refuse_running(settings: "Settings") -> None:
    from lamina.cli.database import is_external, is_running
    from lamina.kernel.errors import AlreadyRunning
    from lamina.kernel.settings.platform import PlatformSettings

    if not is_external(settings) and is_running(settings):
        data_dir = settings.get(PlatformSettings).data_dir
        raise AlreadyRunning(
            f"A platform runs on {data_dir}; its ledger cannot be dropped", hint="Stop the platform first"
        )


def _drop(settings: "Settings") -> bool:
    from lamina.cli.database import DatabaseMissing, using_database
    from lamina.services.ledger.commands import chain

    try:
        return using_database(settings, lambda place: chain.drop(place.database), command="ledger drop")
    except DatabaseMissing:
        return False
