"""`lamina logs`: what the access log tells."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, print_table
from lamina.cli.prompts import say
from lamina.kernel.errors import LaminaError

if TYPE_CHECKING:
    from lamina.kernel.observability.access_summary import AccessSummary

group = typer.Typer(no_args_is_help=True)

STDIN = "-"
LINE_BYTES_MAX = 65_536
TOO_LONG = b"(a line too long to be read)"
ROUTES_SHOWN = 10


class AccessLogUnreadable(LaminaError):
    """An access log cannot be opened, or no line of it can be read."""

    code = "access_log_unreadable"
    exit_code = 4


@group.callback()
def _logs() -> None:
    """The access log: sums and latencies."""
    # Without a callback, typer would drop the name of an only command.


@group.command()
def analyse(
    context: typer.Context,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="file...",
            help="Files, or - for standard input; the platform's own access log when none is given.",
        ),
    ] = None,
    routes: Annotated[int, typer.Option(min=0, max=1000, help="Slowest routes to show.")] = ROUTES_SHOWN,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Count lines, days, bytes, status classes and latencies of access logs, however long they are.

    Reads Lamina's JSON lines, the combined format of web servers, and CSV with a header. Lines that are none
    of these are counted. In the combined format a trailing rt=0.012 is the duration in seconds.

    Example: lamina logs analyse /var/log/nginx/access.log
    """
    options = options_of(context)
    summary = _summed(files or _own_files(options))
    if as_json or options.json:
        print_json(_document(summary, routes))
    else:
        _print(summary, routes, options)
    if summary.lines > 0 and summary.lines == summary.lines_unreadable:
        raise AccessLogUnreadable(
            f"None of the {summary.lines} lines is one of an access log",
            hint="Give JSON lines of Lamina, the combined format, or CSV with timestamp, status, bytes_sent",
        )


def _own_files(options: GlobalOptions) -> list[str]:
    """The platform's access log with what was set aside, oldest first."""
    from lamina.kernel.settings.platform import LogSettings, PlatformSettings

    settings = options.settings()
    path = settings.get(PlatformSettings).data_dir / "log" / "access.log"
    kept = range(settings.get(LogSettings).rotate_keep, 0, -1)
    found = [each for each in (*(path.with_name(f"{path.name}.{n}") for n in kept), path) if each.exists()]
    if not found:
        raise AccessLogUnreadable(
            f"There is no access log at {path}", hint="Give a file, - for standard input, or the --data-dir"
        )
    return [str(each) for each in found]


def _summed(names: list[str]) -> "AccessSummary":
    from lamina.kernel.observability.access_line import LineReader, Unreadable
    from lamina.kernel.observability.access_summary import AccessSummary

    summary = AccessSummary()
    for name in names:
        reader = LineReader()
        for line in _lines_of(name):
            try:
                request = reader.read(line)
            except Unreadable:
                summary.add_unreadable()
            else:
                if request is not None:
                    summary.add(request)
    return summary


def _lines_of(name: str) -> "Iterator[bytes]":
    """Every line that is not empty; `TOO_LONG` in place of one that is."""
    if name == STDIN:
        yield from _bounded(sys.stdin.buffer)
        return
    try:
        with Path(name).open("rb") as file:
            yield from _bounded(file)
    except OSError as error:
        raise AccessLogUnreadable(
            f"{name} cannot be read: {error.strerror}", hint="Check the path"
        ) from error


def _bounded(file: BinaryIO) -> "Iterator[bytes]":
    while line := file.readline(LINE_BYTES_MAX):
        rest = line
        while len(rest) == LINE_BYTES_MAX and not rest.endswith(b"\n"):
            line, rest = TOO_LONG, file.readline(LINE_BYTES_MAX)
        if stripped := line.strip():
            yield stripped


def _document(summary: "AccessSummary", routes: int) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "lines": summary.lines,
        "lines_unreadable": summary.lines_unreadable,
        "first": None if summary.first is None else summary.first.isoformat(),
        "last": None if summary.last is None else summary.last.isoformat(),
        "days": summary.days,
        "bytes_sent": summary.bytes_sent,
        "bytes_per_day": summary.bytes_per_day,
        "statuses": dict(sorted(summary.statuses.items())),
        "slowest_routes": [asdict(each) for each in summary.slowest(routes)],
    }


def _print(summary: "AccessSummary", routes: int, options: GlobalOptions) -> None:
    per_day = summary.bytes_per_day
    span = "" if summary.first is None else f"  ({summary.first} to {summary.last})"
    for name, text in (
        ("lines", f"{summary.lines}"),
        ("unreadable", f"{summary.lines_unreadable}"),
        ("days", f"{summary.days:.2f}{span}"),
        ("bytes sent", f"{summary.bytes_sent}"),
        ("bytes per day", "unknown: the requests span no time" if per_day is None else f"{per_day:.0f}"),
        *sorted(summary.statuses.items()),
    ):
        typer.echo(f"{name:14} {text}")
    slowest = summary.slowest(routes)
    if slowest:
        typer.echo("")
        rows = [
            (f"{each.p99_ms:.1f}", f"{each.p50_ms:.1f}", f"{each.requests}", each.route) for each in slowest
        ]
        print_table(("p99 ms", "p50 ms", "requests", "route"), rows, color=options.color)
    elif routes and summary.lines > summary.lines_unreadable:
        say("note: these lines have no durations")
