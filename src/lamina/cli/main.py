"""The root of `lamina`: global options, commands, and what an error looks like."""

import functools
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from lamina import __version__
from lamina.cli.options import GlobalOptions
from lamina.cli.output import render_error
from lamina.kernel.errors import LaminaError

EXIT_UNEXPECTED = 1
EXIT_INTERRUPTED = 130
_COMMANDS = ("up", "status", "demo", "doctor", "errors")
_GROUPS: tuple[str, ...] = ("ledger", "telemetry", "scheduler", "config", "db", "backup", "certs", "logs")

app = typer.Typer(
    name="lamina",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 ok, 1 unexpected, 2 usage, 3 configuration, 4 refusal, 5 dependency, "
    "6 verification, 130 interrupted.",
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"lamina {__version__}")
        raise typer.Exit


@app.callback()
def _root(  # noqa: PLR0917 - typer reads options from parameters
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where everything is kept (LAMINA_DATA_DIR; default ./lamina-data).")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file with settings (LAMINA_CONFIG).")] = None,
    port_offset: Annotated[
        int | None, typer.Option(help="Shift every default port by N (LAMINA_PORT_OFFSET).")
    ] = None,
    log_format: Annotated[str | None, typer.Option(help="auto, console or json.")] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Log more.")] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Log less.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="No colour, even on a terminal.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Results and errors as JSON.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of known errors too.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Lamina: one self-hosted ledger platform."""
    del version
    context.obj = GlobalOptions(
        data_dir=data_dir,
        config=config,
        port_offset=port_offset,
        log_format=log_format,
        verbosity=int(verbose) - int(quiet),
        color=not no_color,
        json=as_json,
        debug=debug,
    )


@functools.cache
def _assemble() -> None:
    for name in _COMMANDS:
        app.command(name)(import_module(f"lamina.cli.{name}").command)
    for name in _GROUPS:
        app.add_typer(import_module(f"lamina.cli.{name}").group, name=name)


def main() -> None:
    """Run a command; known errors become a message and an exit code, never a traceback."""
    _assemble()
    # Python before 3.11.4 wraps what ends the process within `except*` in another group: hence after it.
    exit_code = 0
    try:
        app()
    except* LaminaError as group:
        error = _first(group)
        if "--debug" in sys.argv:
            raise
        render_error(error, as_json="--json" in sys.argv, color="--no-color" not in sys.argv)
        exit_code = error.exit_code
    except* KeyboardInterrupt:
        exit_code = EXIT_INTERRUPTED
    sys.exit(exit_code)


def _first(group: BaseExceptionGroup[LaminaError]) -> LaminaError:
    """The first leaf: it is what made the others end."""
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
