"""`lamina ledger checkpoint`: signs the state of this node's copy now, beside what others have signed."""

from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.ledger.options import load_settings
from lamina.cli.options import options_of
from lamina.cli.output import print_json, print_table

if TYPE_CHECKING:
    from lamina.cli.database import OpenDatabase
    from lamina.services.ledger.model.checkpoint import Checkpoint


def checkpoint(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """Sign the unspent outputs of this node's copy of a federation's log, and list the newest checkpoints.

    A running node does this by itself, every 100 blocks or 60 s, and compares what the others sign.

    Example: lamina ledger checkpoint --json
    """
    from lamina.cli.database import using_database
    from lamina.services.ledger.commands import shared
    from lamina.services.ledger.node import load_node

    options, settings = options_of(context), load_settings(context)
    node = load_node(settings)

    async def work(place: "OpenDatabase") -> "tuple[Checkpoint | None, list[Checkpoint]]":
        return await shared.take_checkpoint(place.database, node)

    made, known = using_database(settings, work, command="ledger checkpoint")
    rows = [{"seq": each.seq, "node": each.node, "state_hash": each.state_hash} for each in known]
    if as_json or options.json:
        print_json({"taken": made is not None, "checkpoints": rows})
        return
    if made is None:
        typer.echo("No checkpoint now: a block is undecided, or none is decided. Try again in a moment.")
    print_table(
        ("seq", "node", "state_hash"),
        [[str(text) for text in row.values()] for row in rows],
        color=options.color,
    )
