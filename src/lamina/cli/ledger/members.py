"""`lamina ledger members`: who belongs to the federation, and how that is changed."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lamina.cli.ledger.options import load_settings
from lamina.cli.options import options_of
from lamina.cli.output import print_json

if TYPE_CHECKING:
    from lamina.cli.database import OpenDatabase
    from lamina.services.ledger.commands.shared import Members
    from lamina.services.ledger.model.membership import Change

MARGIN = 10
CHANGE_BYTES_MAX = 16_384

group = typer.Typer(no_args_is_help=True)


@group.callback()
def _members() -> None:
    """The federation's members: list them; propose, sign and submit a change that a majority agrees on."""


@group.command("list")
def list_members(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """List the members as this node knows them, and the changes that are decided.

    Example: lamina ledger members list
    """
    from lamina.cli.database import using_database
    from lamina.services.ledger.commands import shared

    options = options_of(context)

    async def work(place: "OpenDatabase") -> "Members":
        return await shared.list_members(place.database)

    members = using_database(load_settings(context), work, command="ledger members")
    if as_json or options.json:
        changes = [
            {"from_seq": each.from_seq, "operation": each.operation, "public_key": each.public_key}
            for each in members.changes
        ]
        print_json({"position": members.position, "members": members.now, "changes": changes})
        return
    for key in members.now:
        typer.echo(key)
    for change in members.changes:
        if change.from_seq > members.position + 1:
            typer.echo(f"from block {change.from_seq} on: {change.operation} {change.public_key}")


@group.command("propose")
def propose(
    context: typer.Context,
    operation: Annotated[Literal["add", "remove"], typer.Argument(help="What to do.")],
    public_key: Annotated[str, typer.Argument(help="Whose key, base58.")],
    from_seq: Annotated[
        int | None,
        typer.Option(min=2, help=f"Position from which it holds; {MARGIN} blocks ahead when not given."),
    ] = None,
) -> None:
    """Write an unsigned change to standard output, for the members to sign.

    Example: lamina ledger members propose add KEY > join.json
    """
    from lamina.cli.database import using_database
    from lamina.services.ledger.commands import shared
    from lamina.services.ledger.model.membership import Change

    async def work(place: "OpenDatabase") -> bytes:
        position = from_seq or await shared.next_position(place.database, MARGIN)
        return await shared.propose(place.database, Change(position, operation, public_key))

    _write(using_database(load_settings(context), work, command="ledger members"))


@group.command("sign")
def sign(
    context: typer.Context, file: Annotated[Path, typer.Argument(help="A change; - is standard input.")]
) -> None:
    """Write the change with this node's signature added to standard output. Read what you sign.

    Example: lamina ledger members sign join.json > join.mine.json
    """
    from lamina.services.ledger.node import load_node
    from lamina.services.ledger.rules import membership

    _write(membership.sign(_read(file), load_node(load_settings(context))))


@group.command("submit")
def submit(
    context: typer.Context,
    files: Annotated[
        list[Path], typer.Argument(help="The change as its members signed it, together or apart.")
    ],
) -> None:
    """Record a change that a majority of the members has signed; every node then acts on it by itself.

    Example: lamina ledger members submit join.*.json
    """
    from lamina.cli.database import using_database
    from lamina.services.ledger.commands import shared
    from lamina.services.ledger.rules import membership

    settings = load_settings(context)
    body = membership.merge([_read(file) for file in files])

    async def work(place: "OpenDatabase") -> "Change":
        async with shared.opened_log(settings) as log:
            return await shared.submit(log, place.database, body)

    change = using_database(settings, work, command="ledger members")
    typer.echo(f"Recorded: {change.operation} {change.public_key} from block {change.from_seq} on.")


def _write(body: bytes) -> None:
    sys.stdout.buffer.write(body + b"\n")


def _read(file: Path) -> bytes:
    """A change's bytes.

    Raises:
        ConfigurationError: the file cannot be read, or is no change by its size.
    """
    from lamina.kernel.errors import ConfigurationError

    try:
        data = sys.stdin.buffer.read(CHANGE_BYTES_MAX + 1) if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}", hint="Give another file"
        ) from error
    if len(data) > CHANGE_BYTES_MAX:
        raise ConfigurationError(f"{file} is too long for a change", hint="Give another file")
    return data.strip()
