"""Every command's help as the command prints it; `python -m tests.process.help_pages` writes them down."""

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from lamina.cli.main import main as lamina

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
BEGIN = "<!-- Written by `python -m tests.process.help_pages`; a test compares it with the commands. -->"


@dataclass(frozen=True)
class HelpPage:
    """One command's help."""

    command: tuple[str, ...]
    text: str

    @property
    def listed(self) -> list[str]:
        """The commands below this one."""
        _, _, commands = self.text.partition("Commands:\n")
        return re.findall(r"^  ([a-z-]+)  ", commands, flags=re.MULTILINE)


def help_page(*command: str) -> HelpPage:
    """Ask one command for its help, 80 columns wide. All are asked in this process: each loads every command."""
    said = io.StringIO()
    with (
        patch.object(sys, "argv", ["lamina", *command, "--help"]),
        patch.dict(os.environ, COLUMNS="80"),
        contextlib.redirect_stdout(said),
        contextlib.suppress(SystemExit),
    ):
        lamina()
    return HelpPage(command, said.getvalue())


def every_help_page() -> Iterator[HelpPage]:
    """The root's, then every command's as they are listed, groups before their commands."""
    pending: list[tuple[str, ...]] = [()]
    while pending:
        page = help_page(*pending.pop(0))
        yield page
        pending = [(*page.command, name) for name in page.listed] + pending


def reference_of(pages: list[HelpPage]) -> str:
    """The generated part of the reference."""
    parts = [BEGIN, ""]
    for page in pages:
        title = " ".join(["lamina", *page.command])
        parts += [
            f"{'#' * (2 + max(0, len(page.command) - 1))} `{title}`",
            "",
            "```text",
            page.text.rstrip(),
            "```",
            "",
        ]
    return "\n".join(parts)


def main() -> None:
    """Replace the generated part of the reference."""
    written, _, _ = REFERENCE.read_text(encoding="utf-8").partition(BEGIN)
    REFERENCE.write_text(written + reference_of(list(every_help_page())), encoding="utf-8")


if __name__ == "__main__":
    main()
