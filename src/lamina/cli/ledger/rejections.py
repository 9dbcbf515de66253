"""`lamina ledger rejected`: accepted transactions that did not become valid, from the running platform."""

from typing import Annotated

import typer

from lamina.cli.admin import ask_admin
from lamina.cli.ledger.options import load_settings
from lamina.cli.options import options_of
from lamina.cli.output import print_json, print_table


def rejected(
    context: typer.Context,
    before: Annotated[
        str | None, typer.Option(help="Only older ones: a rejected_at of a page before.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most rows.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List transactions that were accepted and then refused, newest first.

    Example: lamina ledger rejected --limit 10
    """
    options = options_of(context)
    parameters = {"limit": str(limit)} | ({} if before is None else {"before": before})
    rows = ask_admin(load_settings(context), "ledger/rejected", parameters)
    if as_json or options.json:
        print_json(rows)
        return
    if not rows:
        typer.echo("No transaction was rejected.")
        return
    names = ("rejected_at", "transaction_id", "reason", "detail")
    print_table(names, [[row[name] for name in names] for row in rows], color=options.color)
