"""`lamina backup list`: which backups there are, whole and broken ones apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.options import options_of
from lamina.cli.output import print_json, print_table, printable, result_console

if TYPE_CHECKING:
    from lamina.kernel.storage.backup.repository import Backup, Broken


def list_backups(
    context: typer.Context,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Directory of the backups; <data-dir>/backups when not given."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List backups, the newest first; broken ones apart, with what is wrong with them.

    Sizes are looked at, contents are not: lamina backup verify reads them.

    Example: lamina backup list --from /mnt/backups
    """
    from lamina.cli.backup.place import repository_of

    options = options_of(context)
    repository = repository_of(options.settings(), source)
    whole, broken = repository.entries()
    if as_json or options.json:
        print_json(
            {
                "directory": str(repository.path),
                "backups": [document_of(backup) for backup in whole],
                "broken": [{"path": str(each.path), "reason": each.reason} for each in broken],
            }
        )
        return
    _print(whole, broken, str(repository.path), color=options.color)


def document_of(backup: "Backup") -> dict[str, Any]:
    """A backup as JSON."""
    manifest = backup.manifest
    return {
        "path": str(backup.path),
        "name": backup.path.name,
        "created_at": manifest.created_at,
        "bytes": manifest.total_bytes,
        "lamina_version": manifest.lamina_version,
        "postgres_version": manifest.postgres_version,
        "with_keys": bool(manifest.key_files),
        "services": dict(manifest.positions),
    }


def _print(whole: "Sequence[Backup]", broken: "Sequence[Broken]", place: str, *, color: bool) -> None:
    console = result_console(color=color)
    if whole:
        print_table(
            ("name", "taken (UTC)", "MiB", "keys", "services"), [_row(each) for each in whole], color=color
        )
    else:
        console.print(f"There is no whole backup in {place}", markup=False)
    for each in broken:
        console.print(printable(f"broken: {each.path.name}: {each.reason}"), markup=False)


def _row(backup: "Backup") -> tuple[str, ...]:
    manifest = backup.manifest
    return (
        backup.path.name,
        manifest.created_at[:19].replace("T", " "),
        f"{manifest.total_bytes / 2**20:.1f}",
        "yes" if manifest.key_files else "no",
        ", ".join(manifest.positions),
    )
