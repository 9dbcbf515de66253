"""`lamina scheduler verify`: proves every chain from the stored items, and the disk store equal to them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, printable, result_console
from lamina.cli.progress import Progress

if TYPE_CHECKING:
    from lamina.kernel.contracts import Verdict
    from lamina.kernel.settings.load import Settings

EXIT_FLAWED = 6


def verify(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Recompute ids, nonces, hash chains and signatures of every process; exits 6 on any flaw.

    With scheduler.use_disk (USE_DISK) the disk store is compared too, in both directions. The platform may
    run meanwhile.

    Example: lamina scheduler verify --json
    """
    options = options_of(context)
    settings = options.settings(legacy_service="scheduler")
    begin = time.monotonic()
    verdicts = _verify(settings)
    flaw_count = sum(verdict.flaw_count for verdict in verdicts.values())
    seconds = round(time.monotonic() - begin, 3)
    if as_json or options.json:
        found = {name: asdict(verdict) for name, verdict in verdicts.items()}
        print_json({"valid": flaw_count == 0, **found, "seconds": seconds})
    else:
        _print(verdicts, seconds, options)
    if flaw_count:
        raise typer.Exit(EXIT_FLAWED)


def _verify(settings: "Settings") -> "Mapping[str, Verdict]":
    from lamina.cli.database import DatabaseMissing, OpenDatabase, using_database
    from lamina.services.scheduler import service
    from lamina.services.scheduler.copying.comparison import Comparison
    from lamina.services.scheduler.settings import SchedulerSettings, disk_dir
    from lamina.services.scheduler.store import schema

    scheduler = settings.get(SchedulerSettings)

    async def work(place: OpenDatabase) -> "Mapping[str, Verdict]":
        if not await schema.exists(place.database):
            raise DatabaseMissing("There is no scheduler in this database", hint="It is made by: lamina up")
        verdicts = {"chains": await service.verify(place.database, _shown("verify"))}
        if scheduler.use_disk:
            comparison = Comparison(
                place.database, disk_dir(settings), scheduler.disk_interval_s, _shown("compare")
            )
            verdicts["disk"] = await comparison.run()
        return verdicts

    return using_database(settings, work, command="scheduler verify")


def _shown(title: str) -> Callable[[str, int, int], None]:
    """What shows how far a part is; each thing that is counted begins anew."""
    lines: dict[str, Progress] = {}

    def advanced(unit: str, done: int, total: int) -> None:
        if unit not in lines:
            lines[unit] = Progress(title, unit, total)
        lines[unit].show(done)

    return advanced


def _print(verdicts: "Mapping[str, Verdict]", seconds: float, options: GlobalOptions) -> None:
    console = result_console(color=options.color)
    for name, verdict in verdicts.items():
        for flaw in verdict.flaws:
            console.print(printable(f"{name}: {flaw}"), markup=False)
        looked_at = ", ".join(f"{count} {what}" for what, count in verdict.checked.items())
        state = "invalid" if verdict.flaw_count else "valid"
        line = f"{name} {state}: {looked_at}, {verdict.flaw_count} flaws"
        console.print(line, style="bold", markup=False)
    console.print(f"{seconds:.1f} s", markup=False)
