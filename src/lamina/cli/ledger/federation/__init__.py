"""`lamina ledger federation`: a whole federation on one machine, to try what many operators would run."""

import typer

from lamina.cli.ledger.federation.log import log
from lamina.cli.ledger.federation.new import new

group = typer.Typer(no_args_is_help=True, help="A federation on this machine: its nodes and their log.")
group.command("new")(new)
group.command("log")(log)
