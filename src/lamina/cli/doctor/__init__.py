"""`lamina doctor`: looks at all a platform needs and says how to mend what is wrong; changes nothing."""

import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.doctor.finding import FAILED, Finding
from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, result_console

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_FAILED = 4


def command(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> None:
    """Check this machine, the data directory and the running platform; exits 4 when something is wrong.

    Example: lamina --data-dir /srv/lamina doctor
    """
    options = options_of(context)
    findings = _look(options)
    failed = any(finding.state == FAILED for finding in findings)
    if as_json or options.json:
        print_json({"ok": not failed, "checks": [dataclasses.asdict(each) for each in findings]})
    else:
        _print(findings, options)
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _look(options: GlobalOptions) -> list[Finding]:
    """Every check; those that need settings only where settings can be had."""
    from lamina.cli.doctor import machine, platform, storage
    from lamina.kernel.errors import ConfigurationError

    found = [machine.python(), machine.clock(), machine.open_files()]
    try:
        settings = options.settings()
    except ConfigurationError as error:
        return [*found, Finding("configuration", FAILED, error.detail, error.hint)]
    return [
        *found,
        *storage.look(settings),
        *platform.look(settings),
    ]


def _print(findings: "Sequence[Finding]", options: GlobalOptions) -> None:
    console = result_console(color=options.color)
    colors = {"ok": "green", "warning": "yellow", "failed": "bold red"}
    for finding in findings:
        console.print(f"{finding.state:8}", style=colors[finding.state], end="")
        console.print(f"{finding.check:16} {finding.text}", markup=False)
        if finding.remedy:
            console.print(f"{'':8}{'do':>16} {finding.remedy}", markup=False)
