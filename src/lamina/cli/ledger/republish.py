"""`lamina ledger republish`: gives the shared log back what this node's verified copy has of it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.ledger.options import load_settings
from lamina.cli.options import options_of
from lamina.cli.output import print_json

if TYPE_CHECKING:
    from lamina.cli.database import OpenDatabase
    from lamina.services.ledger.store.restoration import Restored


def republish(
    context: typer.Context,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would be done.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Restore the shared log of a federation from this node's copy, after the copy has proved itself.

    Blocks and votes that are missing or were changed are given back, blocks that do not continue the copy are
    removed. ledger.log_dsn must name a role that may delete from the log. Nodes then go on by themselves.

    Example: lamina ledger republish --plan
    """
    from lamina.cli.database import using_database
    from lamina.services.ledger.commands import shared

    options, settings = options_of(context), load_settings(context)

    async def work(place: "OpenDatabase") -> "Restored":
        async with shared.opened_log(settings) as log:
            return await shared.republish(log, place.database, plan=plan)

    restored = using_database(settings, work, command="ledger republish")
    if as_json or options.json:
        print_json({**asdict(restored), "done": not plan})
        return
    if restored.is_nothing:
        typer.echo("The log has everything that this node's copy has.")
        return
    done = "Would restore" if plan else "Restored"
    typer.echo(
        f"{done} {restored.blocks} blocks, {restored.votes} votes and {restored.changes} changes of the "
        f"membership; {'would remove' if plan else 'removed'} {restored.removed} blocks."
    )
