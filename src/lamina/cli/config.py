"""`lamina config`: what is set, where it comes from, and how to set it."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.options import all_sections, options_of
from lamina.cli.output import print_json, print_table, result_console
from lamina.cli.prompts import say
from lamina.kernel.errors import ConfigurationError, LaminaError

if TYPE_CHECKING:
    from lamina.kernel.settings.explain import Explained
    from lamina.kernel.settings.layer import Problem

group = typer.Typer(no_args_is_help=True, help="Show, check and write the configuration.")

FILE_DEFAULT = Path("lamina.toml")
STDOUT = Path("-")
_Json = Annotated[bool, typer.Option("--json", help="As JSON.")]


class FileExists(LaminaError):
    """The file exists already."""

    code = "file_exists"
    exit_code = 4


@group.command()
def explain(
    context: typer.Context,
    key: Annotated[
        str | None, typer.Argument(help="A setting (http.keep_alive_s) or a section (http).")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Show every setting in force with its origin; one setting with all that is known of it.

    Example: lamina config explain ledger.bind
    """
    from lamina.kernel.settings.explain import explain as explained

    options = options_of(context)
    found = explained(options.settings(), key)
    if as_json or options.json:
        print_json([asdict(each) for each in found])
    elif len(found) == 1 and found[0].key == key:
        _print_one(found[0], color=options.color)
    else:
        _print_all(found, color=options.color)


def _print_one(setting: "Explained", *, color: bool) -> None:
    unit = f" {setting.unit}" if setting.unit else ""
    console = result_console(color=color)
    console.print(f"{setting.key} = {setting.value_text}", style="bold", markup=False)
    console.print(f"  {setting.doc}", markup=False)
    console.print(f"  from      {setting.origin.kind}: {setting.origin.where}", markup=False)
    console.print(f"  default   {setting.default}{unit}", markup=False)
    console.print(f"  variable  {setting.variable}", markup=False)


def _print_all(settings: "list[Explained]", *, color: bool) -> None:
    rows = [(each.key, each.value_text, each.unit or "", _origin(each)) for each in settings]
    print_table(("setting", "value", "unit", "from"), rows, color=color)


def _origin(setting: "Explained") -> str:
    origin = setting.origin
    return "default" if origin.kind == "default" else f"{origin.kind}: {origin.where}"


@group.command()
def init(
    path: Annotated[Path, typer.Argument(help="The file to write; - is standard output.")] = FILE_DEFAULT,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a TOML file (mode 0600) with every setting and its default, all of them commented out.

    Example: lamina config init /etc/lamina/lamina.toml
    """
    from lamina.cli.config_file import template
    from lamina.kernel.crypto.secret_file import create_secret, write_secret

    text = template(all_sections())
    if path == STDOUT:
        typer.echo(text, nl=False)
        return
    if force:
        write_secret(path, text.encode())
    elif not create_secret(path, text.encode()):
        raise FileExists(f"{path} exists already", hint="Give another path, or --force to replace it")
    say(f"Wrote {path}. Use it with --config {path} or LAMINA_CONFIG={path}")


@group.command()
def check(context: typer.Context, as_json: _Json = False) -> None:
    """Read every source and say what is wrong; exits 3 when anything is.

    Example: lamina --config lamina.toml config check
    """
    options = options_of(context)
    try:
        settings = options.settings()
    except ConfigurationError as error:
        if not (as_json or options.json):
            raise
        print_json({"ok": False, "problems": [_problem(each) for each in _problems(error)]})
        raise typer.Exit(error.exit_code) from None
    if as_json or options.json:
        print_json({"ok": True, "notices": list(settings.notices)})
        return
    for notice in settings.notices:
        say(f"note: {notice}")
    file = options.config or os.environ.get("LAMINA_CONFIG")
    typer.echo(f"ok: {'the environment' if file is None else file} can be used")


def _problems(error: ConfigurationError) -> "tuple[Problem, ...]":
    """Its problems one by one; an error that was raised for itself is its own only problem."""
    from lamina.kernel.settings.layer import Problem

    found: Any = error.context.get("problems")
    return found or (Problem("", error.detail, error.hint),)


def _problem(problem: "Problem") -> dict[str, str]:
    return {"where": problem.where, "text": problem.text, "hint": problem.hint}


@group.command()
def env(context: typer.Context, as_json: _Json = False) -> None:
    """List every variable that Lamina reads, its own and the originals'.

    Example: lamina config env
    """
    options = options_of(context)
    names = ("variable", "setting", "counts_for", "set")
    if as_json or options.json:
        print_json([dict(zip(names, row, strict=True)) for row in _variables()])
        return
    rows = [(*row[:3], "yes" if row[3] else "") for row in _variables()]
    print_table(names, rows, color=options.color)


def _variables() -> list[tuple[str, str, str, bool]]:
    """(variable, setting, commands it counts for, whether it is set now); Lamina's own first."""
    from lamina.kernel.settings.environment import variable_names
    from lamina.kernel.settings.legacy import originals
    from lamina.kernel.settings.schema import settings_by_key

    sections = all_sections()
    known = settings_by_key(sections)
    own = [(name, setting.key, "lamina …") for name, setting in variable_names(known).items()]
    legacy = [
        (name, original.setting.key, f"lamina {original.owner} …")
        for original in originals(sections)
        for name in original.names
    ]
    return [(*row, bool(os.environ.get(row[0]))) for row in sorted(own) + sorted(legacy)]
