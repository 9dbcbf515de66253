"""`lamina backup create`: one moment of the whole platform, taken while it runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import options_of
from lamina.cli.output import print_json
from lamina.cli.prompts import say

if TYPE_CHECKING:
    from lamina.app.backup.create import Created, Order
    from lamina.kernel.settings.load import Settings


def create(
    context: typer.Context,
    to: Annotated[
        Path | None, typer.Option(help="Directory of the backups; <data-dir>/backups when not given.")
    ] = None,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Include the node's key files; guard such a backup like them.")
    ] = False,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Afterwards remove this platform's older whole backups but the newest N."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Back the database up while the platform runs, or stands; prints the new backup's path.

    Accepted transactions that wait are in it. Keys are not, unless --with-keys is given.

    Example: lamina backup create --to /mnt/backups --keep 14
    """
    from lamina.app.backup.create import Order
    from lamina.cli.backup.place import repository_of

    options = options_of(context)
    settings = options.settings()
    created = _create(settings, Order(repository_of(settings, to), with_keys=with_keys, keep=keep))
    _tell(created)
    if as_json or options.json:
        print_json(_document(created))
    else:
        typer.echo(created.backup.path)


def _create(settings: "Settings", order: "Order") -> "Created":
    from lamina.app.backup.create import APPLICATION
    from lamina.app.backup.create import create as make
    from lamina.cli.backup.stages import Stages, end_as_interrupted
    from lamina.cli.database import using_database

    end_as_interrupted()
    stages = Stages()
    created = using_database(
        settings,
        lambda place: make(order, settings, place.database, place.dsn, stages),
        command=APPLICATION.removeprefix("lamina "),
    )
    stages.finish()
    return created


def _tell(created: "Created") -> None:
    manifest = created.backup.manifest
    say(f"The backup has {manifest.total_bytes / 2**20:.1f} MiB and shows {manifest.created_at}.")
    if manifest.key_files:
        say("It holds the node's private keys: guard it as you guard them.")
    else:
        say("It holds no keys: keep the node's key file somewhere else too (or give --with-keys).")
    for path in created.removed:
        say(f"Removed {path}")
    say(f"Prove that it can be restored: lamina backup verify {created.backup.path}")


def _document(created: "Created") -> dict[str, object]:
    from lamina.cli.backup.listing import document_of

    return {**document_of(created.backup), "removed": [str(path) for path in created.removed]}
