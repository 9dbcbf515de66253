"""`lamina up`: the whole platform in the foreground."""

from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, result_console

if TYPE_CHECKING:
    from lamina.app.state import PlatformState
    from lamina.kernel.settings.load import Settings


def command(
    context: typer.Context,
    services: Annotated[
        str | None, typer.Option(help="Comma-separated services; all configured ones by default.")
    ] = None,
) -> None:
    """Run the platform until Ctrl-C; the database is embedded unless postgres.dsn is set.

    Example: lamina --data-dir /srv/lamina up
    """
    from lamina.kernel.settings.platform import PlatformSettings

    options = options_of(context)
    chosen = None if services is None else [name.strip() for name in services.split(",") if name.strip()]
    settings = options.settings({"platform.services": chosen})
    run(settings, settings.get(PlatformSettings).services, options)


def run(settings: "Settings", services: Sequence[str], options: GlobalOptions) -> None:
    """Run services in the foreground until a signal stops them."""
    import uvloop

    from lamina.kernel.observability import metrics_directory
    from lamina.kernel.settings.platform import PlatformSettings
    from lamina.kernel.storage.embedded.lock import PLATFORM_LOCK_NAME, DirectoryLock

    options.start_logging(settings)
    data_dir = settings.get(PlatformSettings).data_dir
    # Passable, not readable: PostgreSQL's account must get to its cluster; every secret inside is 0600.
    data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    # Before anything that belongs to a running platform is touched.
    lock = DirectoryLock.acquire(data_dir, PLATFORM_LOCK_NAME)
    metrics_directory.prepare(data_dir / "metrics")
    # Only now may anything be imported that declares a metric.
    platform = import_module("lamina.app.platform").Platform(settings, services)

    def ready(state: "PlatformState") -> None:
        announce(state, options)

    uvloop.run(platform.run(ready))
    lock.release()


def announce(state: "PlatformState", options: GlobalOptions) -> None:
    """Print what a newcomer needs once everything serves; the same as JSON with --json."""
    if options.json:
        print_json(state.document())
        return
    console = result_console(color=options.color)
    console.print(f"Lamina {state.version} is ready.", style="bold")
    console.print(f"  data      {state.data_dir}  (PostgreSQL: {state.database_kind})", markup=False)
    for address in (*state.addresses, state.admin):
        console.print(f"  {address.name:14} {address.url}", markup=False)
    console.print("  try       lamina demo", markup=False)
    console.print("  stop      Ctrl-C drains and stops; a second one stops at once", markup=False)
