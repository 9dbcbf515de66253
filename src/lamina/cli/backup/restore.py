"""`lamina backup restore`: a whole platform's data out of a backup, where there is none yet."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.options import options_of
from lamina.cli.output import print_json, result_console
from lamina.cli.prompts import say

if TYPE_CHECKING:
    from lamina.app.backup.restore import Restoration
    from lamina.app.backup.watcher import Watcher
    from lamina.kernel.settings.load import Settings
    from lamina.kernel.storage.backup.repository import Backup


def restore(
    context: typer.Context,
    backup: Annotated[str, typer.Argument(help="A backup's path, or its name in <data-dir>/backups.")],
    to_data_dir: Annotated[
        bool,
        typer.Option("--to-data-dir", help="Into the data directory, even where postgres.dsn is set."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Restore into a new data directory, or where postgres.dsn is set into that empty database.

    Every byte is checked and every service verifies its data before anything is put into place. Nothing is
    ever overwritten. Exits 6 when the backup is damaged, 4 when something is in the way.

    Example: lamina --data-dir /srv/restored backup restore /mnt/backups/lamina-20300501T061500.250Z
    """
    from lamina.cli.backup.place import find_backup

    options = options_of(context)
    settings = options.settings()
    found = find_backup(settings, backup)
    restored = _restore(found, settings, to_data_dir=to_data_dir)
    _tell(restored, found)
    if as_json or options.json:
        print_json(_document(restored, found))
    else:
        result_console(color=options.color).print(restored.place, markup=False)


def _restore(backup: "Backup", settings: "Settings", *, to_data_dir: bool) -> "Restoration":
    import asyncio

    from lamina.app.backup.restore import check_data_dir, restore_data_dir, restore_external
    from lamina.app.backup.verify import check_files
    from lamina.cli.backup.stages import Stages, end_as_interrupted
    from lamina.cli.database import is_external
    from lamina.kernel.settings.platform import PlatformSettings

    data_dir = settings.get(PlatformSettings).data_dir.resolve()

    async def run(watcher: "Watcher") -> "Restoration":
        if is_external(settings) and not to_data_dir:
            await check_files(backup, watcher)
            return await restore_external(data_dir, backup, settings, watcher)
        check_data_dir(data_dir, backup)
        await check_files(backup, watcher)
        return await restore_data_dir(data_dir, backup, settings, watcher)

    end_as_interrupted()
    stages = Stages()
    restored = asyncio.run(run(stages))
    stages.finish()
    return restored


def _tell(restored: "Restoration", backup: "Backup") -> None:
    say(f"Restored the platform as of {backup.manifest.created_at}; every service verified its data.")
    if backup.manifest.key_files:
        names = ", ".join(str(path) for path in restored.keys) or "already in place"
        say(f"The node's keys: {names}")
    else:
        say(
            "The backup holds no keys: put the node's key file (mode 0600) into the data directory before "
            "the first start. With a new key the ledger refuses to start on this chain."
        )
    say("Start it: lamina up")


def _document(restored: "Restoration", backup: "Backup") -> dict[str, Any]:
    from lamina.cli.backup.verify import verdicts_of

    return {
        "place": restored.place,
        "backup": str(backup.path),
        "created_at": backup.manifest.created_at,
        "keys": [str(path) for path in restored.keys],
        "services": verdicts_of(restored.proof, backup),
    }
