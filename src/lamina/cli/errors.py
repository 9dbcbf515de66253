"""`lamina errors`: what an error code means and what to do about it."""

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.options import options_of
from lamina.cli.output import print_json, result_console
from lamina.kernel.errors import LaminaError

if TYPE_CHECKING:
    from collections.abc import Iterator


class UnknownCode(LaminaError):
    """No error has this code."""

    code = "unknown_code"
    exit_code = 2


def command(
    context: typer.Context,
    code: Annotated[str | None, typer.Argument(help="The word in brackets: error[already_running].")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Explain an error code, or list all of them.

    Example: lamina errors database_unavailable
    """
    options = options_of(context)
    known = _known()
    if code is not None and code not in known:
        from lamina.kernel.settings.layer import suggestion

        raise UnknownCode(
            f"No error has the code {code}", hint=suggestion(code, known) or "Run: lamina errors"
        )
    shown = [known[code]] if code is not None else list(known.values())
    if as_json or options.json:
        print_json(shown)
        return
    console = result_console(color=options.color)
    for each in shown:
        console.print(f"{each['code']}: {each['sentence']}", style="bold", markup=False)
        console.print(f"  exit code {each['exit_code']}, HTTP status {each['http_status']}", markup=False)
        if each["hint"]:
            console.print(f"  do        {each['hint']}", markup=False)


def _known() -> dict[str, dict[str, Any]]:
    """Every error by code; the modules that declare them are imported first."""
    import importlib
    import pkgutil

    import lamina

    for module in pkgutil.walk_packages(lamina.__path__, "lamina."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = [kind for kind in {LaminaError, *_below(LaminaError)} if "code" in vars(kind)]
    return {kind.code: _document(kind) for kind in sorted(kinds, key=lambda kind: kind.code)}


def _below(kind: type[LaminaError]) -> "Iterator[type[LaminaError]]":
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


def _document(kind: type[LaminaError]) -> dict[str, Any]:
    sentence = inspect.cleandoc(kind.__doc__ or "").splitlines()[0]
    return {
        "code": kind.code,
        "sentence": sentence,
        # Made without __init__, which may want facts; a default hint needs none.
        "hint": kind.__new__(kind).default_hint(),
        "exit_code": kind.exit_code,
        "http_status": kind.http_status,
        "retryable": kind.retryable,
    }
