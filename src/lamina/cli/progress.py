"""How far a long command is: one line that moves on a terminal, a line every ten seconds elsewhere."""

import sys
import time

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_MOVES = 0.2


class Progress:
    """Counts towards a total, where there is one, on standard error."""

    def __init__(self, title: str, unit: str, total: int | None) -> None:
        """Begin.

        Args:
            title: what is done, in a word.
            unit: what is counted, in the plural.
            total: how many there are; None where nobody knows.
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
        text = f"{self._title}  {self._share(done)} {self._unit}  {rate:.0f}/s{self._left(done, rate)}"
        sys.stderr.write(f"\r{text}\x1b[K" if self._moves else f"{text}\n")
        sys.stderr.flush()

    def _share(self, done: int) -> str:
        if self._total is None:
            return str(done)
        percent = 100.0 * done / self._total if self._total else 100.0
        return f"{percent:5.1f} %  {done}/{self._total}"

    def _left(self, done: int, rate: float) -> str:
        if self._total is None:
            return ""
        left_s = int((self._total - done) / rate) if rate else 0
        return f"  ETA {left_s // 60:02d}:{left_s % 60:02d}"
