"""`lamina backup verify`: whether a backup is what was written and becomes a sound platform again."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.options import options_of
from lamina.cli.output import print_json, printable, result_console

if TYPE_CHECKING:
    from lamina.app.backup.prove import Proof
    from lamina.app.backup.watcher import Watcher
    from lamina.kernel.settings.load import Settings
    from lamina.kernel.storage.backup.repository import Backup

EXIT_FLAWED = 6
FLAWS_SHOWN = 50


def verify(
    context: typer.Context,
    backup: Annotated[str, typer.Argument(help="A backup's path, or its name in <data-dir>/backups.")],
    quick: Annotated[bool, typer.Option("--quick", help="Only read its files; restore nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Check every byte, then restore into a temporary database and let every service verify its data.

    Exits 0 only when all of it holds, and 6 when anything is damaged. No platform is touched or needed.

    Example: lamina backup verify lamina-20300501T061500.250Z
    """
    from lamina.cli.backup.place import find_backup

    options = options_of(context)
    settings = options.settings()
    begin = time.monotonic()
    found = find_backup(settings, backup)
    proof = _verify(found, settings, quick=quick)
    document = _document(found, proof, seconds=time.monotonic() - begin)
    if as_json or options.json:
        print_json(document)
    else:
        _print(document, color=options.color)
    if not document["valid"]:
        raise typer.Exit(EXIT_FLAWED)


def _verify(backup: "Backup", settings: "Settings", *, quick: bool) -> "Proof | None":
    """What the restored database proved; None where nothing was restored."""
    import asyncio

    from lamina.app.backup.verify import check_files, try_restoring
    from lamina.cli.backup.stages import Stages, end_as_interrupted

    async def run(watcher: "Watcher") -> "Proof | None":
        await check_files(backup, watcher)
        return None if quick else await try_restoring(backup, settings, watcher)

    end_as_interrupted()
    stages = Stages()
    proof = asyncio.run(run(stages))
    stages.finish()
    return proof


def _document(backup: "Backup", proof: "Proof | None", *, seconds: float) -> dict[str, Any]:
    return {
        "valid": proof is None or proof.holds,
        "restored": proof is not None,
        "backup": str(backup.path),
        "created_at": backup.manifest.created_at,
        "bytes": backup.manifest.total_bytes,
        "services": {} if proof is None else verdicts_of(proof, backup),
        "differences": [] if proof is None else list(proof.differences),
        "seconds": round(seconds, 3),
    }


def verdicts_of(proof: "Proof", backup: "Backup") -> dict[str, Any]:
    """What each service found, as JSON."""
    return {
        name: {
            "position": backup.manifest.positions[name],
            "checked": dict(verdict.checked),
            "flaw_count": verdict.flaw_count,
            "flaws": list(verdict.flaws),
        }
        for name, verdict in proof.verdicts.items()
    }


def _print(document: dict[str, Any], *, color: bool) -> None:
    console = result_console(color=color)
    for line in document["differences"][:FLAWS_SHOWN]:
        console.print(printable(line), markup=False)
    for name, service in document["services"].items():
        for flaw in service["flaws"][:FLAWS_SHOWN]:
            console.print(printable(f"{name}: {flaw}"), markup=False)
        counts = ", ".join(f"{count} {what}" for what, count in service["checked"].items())
        console.print(f"{name}: {counts}, {service['flaw_count']} flaws", markup=False)
    how = "restored and verified" if document["restored"] else "every byte as written; nothing was restored"
    state = "valid" if document["valid"] else "invalid"
    console.print(
        f"{state}: {document['backup']}: {how}, {document['seconds']:.1f} s", style="bold", markup=False
    )
    if not document["valid"]:
        console.print(
            "Use another backup (lamina backup list), and look at the platform: lamina ledger verify",
            markup=False,
        )
