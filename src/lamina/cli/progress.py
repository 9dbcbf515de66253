"""How far a long command is: one line that moves on a terminal, a line every ten seconds elsewhere."""

import sys
import time

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_MOVES = 0.2


class Progress:
    """Counts towards a known total, on standard error."""

    def __init__(self, title: str, unit: str, total: int) -> None:
        """Begin.

        Args:
            title: what is done, in a word.
            unit: what is counted, in the plural.
            total: how many there are.
        """
        self._title = title
        self._unit = unit
        self._total = total
        self._moves = sys.stderr.isatty()
        self._begin = time.monotonic()
        self._shown = self._begin

    def show(self, done: int) -> None:
        """Say how many are done, if it is time to."""
        pause_s = SECONDS_BETWEEN_MOVES if self._moves else SECONDS_BETWEEN_LINES
        if time.monotonic() - self._shown >= pause_s:
            self._write(done)

    def finish(self, done: int) -> None:
        """Say how many were done, and leave the line."""
        self._write(done)
        if self._moves:
            sys.stderr.write("\n")

    def _write(self, done: int) -> None:
        self._shown = time.monotonic()
        rate = done / max(self._shown - self._begin, 0.001)
        left_s = (self._total - done) / rate if rate else 0.0
        percent = 100.0 * done / self._total if self._total else 100.0
        text = (
            f"{self._title}  {percent:5.1f} %  {done}/{self._total} {self._unit}  {rate:.0f}/s"
            f"  ETA {int(left_s) // 60:02d}:{int(left_s) % 60:02d}"
        )
        sys.stderr.write(f"\r{text}\x1b[K" if self._moves else f"{text}\n")
        sys.stderr.flush()
