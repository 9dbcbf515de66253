"""`lamina ledger configure`, `show-config`, `export-my-pubkey`: the original's configuration file."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.ledger.options import effective_tree, ledger_options_of, load_original, load_settings
from lamina.cli.prompts import ask, ask_secret, say

if TYPE_CHECKING:
    from lamina.services.ledger.commands.configuration import Tree

STDOUT = Path("-")


class Backend(StrEnum):
    """Where a configuration may say that the ledger is kept."""

    RETHINKDB = "rethinkdb"
    MONGODB = "mongodb"
    POSTGRES = "postgres"
    EMBEDDED = "embedded"


def configure(
    context: typer.Context,
    backend: Annotated[
        Backend, typer.Argument(help="Where the ledger is kept; Lamina uses PostgreSQL for all of them.")
    ],
) -> None:
    """Make a key pair and write a configuration file (mode 0600).

    Example: lamina ledger -y configure embedded
    """
    from lamina.kernel.crypto.keys import NodeKey
    from lamina.services.ledger.commands import configuration

    options = ledger_options_of(context)
    path = options.config or configuration.default_path(os.environ)
    if not options.assume_yes and path != STDOUT and path.exists() and not _may_override(path):
        return
    say("Generating keypair")
    tree = configuration.generate(backend, NodeKey.generate(), os.environ)
    say(f"Generating default configuration for backend {backend}")
    if backend in configuration.FOREIGN_BACKENDS:
        say(f"note: Lamina keeps the ledger in PostgreSQL, not in {backend}; embedded and postgres say so.")
    if not options.assume_yes:
        _ask_everything(tree)
    _write(tree, path)


def _may_override(path: Path) -> bool:
    question = f"Config file `{path}` exists, do you want to override it? (cannot be undone) [y/N]: "
    return ask(question) == "y"


def _ask_everything(tree: "Tree") -> None:
    _ask_part(tree, "server", "API Server", ("bind",))
    _ask_part(tree, "wsserver", "WebSocket Server", ("scheme", "host", "port"))
    names = ("host", "port", "name", "replicaset", "login")
    asked = [name for name in names if name in tree["database"]] if "host" in tree["database"] else []
    _ask_part(tree, "database", "Database", asked)
    if tree["database"]["backend"] == Backend.POSTGRES and tree["database"]["login"]:
        tree["database"]["password"] = ask_secret("Database password? (default `None`): ") or None
    delay = tree["backlog_reassign_delay"]
    question = f"Stale transaction reassignment delay (in seconds)? (default `{delay}`): "
    tree["backlog_reassign_delay"] = _answer(question, delay)


def _ask_part(tree: "Tree", part: str, title: str, names: "list[str] | tuple[str, ...]") -> None:
    for name in names:
        default = tree[part][name]
        tree[part][name] = _answer(f"{title} {name}? (default `{default}`): ", default)


def _answer(question: str, default: Any) -> Any:  # noqa: ANN401 - any JSON value
    """What was typed, as a value of the default's type; the default for an empty answer."""
    from lamina.services.ledger.commands.configuration import typed

    text = ask(question)
    try:
        return typed(text, default) if text else default
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number") from None


def _write(tree: "Tree", path: Path) -> None:
    from lamina.kernel.crypto.secret_file import write_secret
    from lamina.services.ledger.commands.configuration import as_text

    if path == STDOUT:
        typer.echo(as_text(tree, sort_keys=True))
    else:
        write_secret(path, (as_text(tree, sort_keys=False) + "\n").encode())
    say(f"Configuration written to {path}")
    say("Ready to go!")


def show_config(context: typer.Context) -> None:
    """Show the configuration in force as JSON, secrets as x.

    Example: lamina ledger -c node.json show-config
    """
    from lamina.services.ledger.commands.configuration import as_text, masked

    original = load_original(context)
    settings = load_settings(context, original)
    typer.echo(as_text(masked(effective_tree(context, original, settings)), sort_keys=True))


def export_my_pubkey(context: typer.Context) -> None:
    """Print this node's public key.

    Example: lamina ledger export-my-pubkey
    """
    from lamina.services.ledger.commands.identity import find_public_key

    public_key = find_public_key(load_settings(context))
    if public_key is None:
        say("This node's public key wasn't set anywhere so it can't be exported")
        raise typer.Exit(1)
    typer.echo(public_key)
