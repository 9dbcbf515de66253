"""Every command's help as the command prints it; `python -m tests.process.help_pages` writes them down."""

import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "cli.md"
BEGIN = "<!-- Written by `python -m tests.process.help_pages`; a test compares it with the commands. -->"


@dataclass(frozen=True)
class HelpPage:
    """One command's help, and the processor time it took in seconds."""

    command: tuple[str, ...]
    text: str
    cpu_s: float

    @property
    def listed(self) -> list[str]:
        """The commands below this one."""
        _, _, commands = self.text.partition("Commands:\n")
        return re.findall(r"^  ([a-z-]+)  ", commands, flags=re.MULTILINE)


def help_page(*command: str) -> HelpPage:
    """Ask one command for its help, 80 columns wide."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [Path(sys.executable).with_name("lamina"), *command, "--help"],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return HelpPage(command, done.stdout, cpu_s)


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
