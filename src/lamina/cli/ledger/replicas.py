"""The commands that were specific to the original's databases; they explain, and exit 1."""

from typing import Annotated

import typer

from lamina.cli.prompts import say

_INSTEAD = (
    "Lamina keeps the ledger in PostgreSQL: replicate that, as docs/how-to/operate-the-ledger-cli.md says."
)


def _host(text: str) -> str:
    """An address as the original accepts it.

    Raises:
        typer.BadParameter: it has no port.
    """
    host, colon, port = text.rpartition(":")
    if not host or not colon or not port.isdecimal():
        raise typer.BadParameter(f"expected host in the form `host:port`. Got `{text}` instead.")
    return text


Hosts = Annotated[list[str], typer.Argument(metavar="HOST:PORT...", parser=_host, help="Members.")]


def _refuse(backend: str) -> None:
    say(f"This command is specific to the {backend} backend.")
    say(_INSTEAD)
    raise typer.Exit(1)


def set_shards(number: Annotated[int, typer.Argument(help="Shards of every table.")]) -> None:
    """Specific to RethinkDB; explains what Lamina does instead."""
    del number
    _refuse("RethinkDB")


def set_replicas(number: Annotated[int, typer.Argument(help="Replicas of every shard.")]) -> None:
    """Specific to RethinkDB; explains what Lamina does instead."""
    del number
    _refuse("RethinkDB")


def add_replicas(hosts: Hosts) -> None:
    """Specific to MongoDB; explains what Lamina does instead."""
    del hosts
    _refuse("MongoDB")


def remove_replicas(hosts: Hosts) -> None:
    """Specific to MongoDB; explains what Lamina does instead."""
    del hosts
    _refuse("MongoDB")
