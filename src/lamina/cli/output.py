"""Where words go: results to standard output, all else to standard error; colour only on a terminal."""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lamina.kernel.errors import LaminaError

if TYPE_CHECKING:
    from rich.console import Console


def result_console(*, color: bool) -> "Console":
    """For results."""
    from rich.console import Console

    return Console(no_color=not color or None, highlight=False, soft_wrap=True)


def message_console(*, color: bool) -> "Console":
    """For everything that is not the result."""
    from rich.console import Console

    return Console(stderr=True, no_color=not color or None, highlight=False, soft_wrap=True)


def print_json(document: Any) -> None:  # noqa: ANN401 - any JSON value
    """One JSON document as the result, told at once: who runs on may be awaited by a program."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """Text that cannot steer a terminal: what is not printable is shown escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, color: bool) -> None:
    """Lines of aligned columns as the result, never cut nor wrapped: a pipe must get every row whole."""
    shown = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *shown, strict=True)]
    console = result_console(color=color)
    for number, row in enumerate([columns, *shown]):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        console.print(line, style="bold" if number == 0 else None, markup=False)


def render_error(error: LaminaError, *, as_json: bool, color: bool) -> None:
    """What went wrong, where, and what to do: four parts for people, the same fields for programs."""
    facts = {name: str(value) for name, value in error.context.items() if name != "problems"}
    if as_json:
        document = {"code": error.code, "detail": error.detail, "context": facts, "hint": error.hint}
        sys.stderr.write(json.dumps({"error": document}) + os.linesep)
        return
    console = message_console(color=color)
    console.print(f"error[{error.code}]: {error.detail}", style="bold red", markup=False)
    for name, value in facts.items():
        console.print(f"  {name:7} {value}", markup=False)
    if error.hint:
        console.print(f"  do      {error.hint}", markup=False)
