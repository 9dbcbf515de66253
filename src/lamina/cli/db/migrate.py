"""`lamina db migrate`: run what `lamina up` would run, or only say what that is."""

from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import options_of
from lamina.cli.output import print_json

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings


def migrate(
    context: typer.Context,
    plan: Annotated[bool, typer.Option("--plan", help="Only list what would run.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Bring the database up to date for the services of platform.services; all steps or none.

    Example: lamina db migrate --plan
    """
    options = options_of(context)
    names = _migrate(options.settings(), plan=plan)
    if as_json or options.json:
        print_json({"planned" if plan else "applied": names})
        return
    for name in names:
        typer.echo(f"{'would run' if plan else 'ran'} {name}")
    if not names:
        typer.echo("nothing to do")


def _migrate(settings: "Settings", *, plan: bool) -> list[str]:
    from lamina.app import registry
    from lamina.cli.database import using_database
    from lamina.kernel.settings.platform import PlatformSettings
    from lamina.kernel.storage import migrate as migrations

    steps = [
        step
        for name in settings.get(PlatformSettings).services
        for step in migrations.load(name, registry.load(name).MIGRATIONS)
    ]
    run = migrations.pending if plan else migrations.migrate
    done = using_database(
        settings, lambda place: run(place.database, steps), command="db migrate", create=not plan
    )
    return [f"{step.service} {step.name}" for step in done]
