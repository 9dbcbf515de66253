"""`lamina ledger`: the original's commands, options and texts (spec/ledger.md 6.1), and what Lamina adds."""

from pathlib import Path
from typing import Annotated

import typer

from lamina.cli.ledger import configuration, federation, members, replicas, running, storage, verification
from lamina.cli.ledger.checkpoint import checkpoint
from lamina.cli.ledger.evidence import evidence
from lamina.cli.ledger.options import LedgerOptions, Level
from lamina.cli.ledger.rejections import rejected
from lamina.cli.ledger.republish import republish

ORIGINAL_VERSION = "bigchaindb 1.0.1"

group = typer.Typer(invoke_without_command=True)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        # Compat: deployment scripts of the original compare this line.
        typer.echo(ORIGINAL_VERSION)
        raise typer.Exit


@group.callback()
def _ledger(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", help="The original's JSON file; - is standard output for configure."),
    ] = None,
    level: Annotated[
        Level | None, typer.Option("-l", "--log-level", case_sensitive=False, help="Of console and log file.")
    ] = None,
    assume_yes: Annotated[
        bool, typer.Option("-y", "--yes", "--yes-please", help="Ask nothing, assume yes.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "-v", "--version", callback=_print_version, is_eager=True, help="The original's version."
        ),
    ] = False,
) -> None:
    """The asset ledger: configure, start, inspect and verify a node.

    The original's JSON file ($HOME/.bigchaindb, $BIGCHAINDB_CONFIG_PATH or -c) and its BIGCHAINDB_* variables
    count here, below Lamina's own settings.
    """
    del version
    context.obj = LedgerOptions(config, level, assume_yes)
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


group.command("configure")(configuration.configure)
group.command("show-config")(configuration.show_config)
group.command("export-my-pubkey")(configuration.export_my_pubkey)
group.command("init")(storage.init)
group.command("drop")(storage.drop)
group.command("start")(running.start)
group.command("serve")(running.serve)
group.command("verify")(verification.verify)
group.command("rejected")(rejected)
group.command("republish")(republish)
group.command("checkpoint")(checkpoint)
group.command("evidence")(evidence)
group.add_typer(members.group, name="members")
group.add_typer(federation.group, name="federation")
group.command("set-shards")(replicas.set_shards)
group.command("set-replicas")(replicas.set_replicas)
group.command("add-replicas")(replicas.add_replicas)
group.command("remove-replicas")(replicas.remove_replicas)
