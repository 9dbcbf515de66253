"""`lamina backup`: make, list, prove and restore backups of the whole platform."""

import typer

from lamina.cli.backup.create import create
from lamina.cli.backup.listing import list_backups
from lamina.cli.backup.restore import restore
from lamina.cli.backup.verify import verify

group = typer.Typer(no_args_is_help=True, help="Backups: make, list, prove and restore them.")
group.command("create")(create)
group.command("list")(list_backups)
group.command("verify")(verify)
group.command("restore")(restore)
