"""`lamina ledger evidence`: votes by which members contradict themselves."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.ledger.options import load_settings
from lamina.cli.options import options_of
from lamina.cli.output import print_json, print_table

if TYPE_CHECKING:
    from lamina.cli.database import OpenDatabase


def evidence(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Most rows.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="With both signed votes, as JSON.")] = False,
) -> None:
    """List members that signed two contradicting votes, newest first; --json has the votes, which prove it.

    Example: lamina ledger evidence --json
    """
    from lamina.cli.database import using_database
    from lamina.services.ledger.commands import shared

    options, settings = options_of(context), load_settings(context)

    async def work(place: "OpenDatabase") -> list[Any]:
        return await shared.list_evidence(place.database, limit=limit)

    found = using_database(settings, work, command="ledger evidence")
    if as_json or options.json:
        names = ("voter", "found_at", "first", "second")
        print_json([dict(zip(names, (v, at.isoformat(), a, b), strict=True)) for v, at, a, b in found])
        return
    if not found:
        typer.echo("No member has contradicted itself.")
        return
    rows = [[at.isoformat(), voter, second["vote"]["voting_for_block"]] for voter, at, _, second in found]
    print_table(("found_at", "voter", "block"), rows, color=options.color)
