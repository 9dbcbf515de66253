"""How `lamina demo` tells: numbered chapters and indented sentences."""

from rich.console import Console


class Narrator:
    """Counts the chapters of all stories."""

    def __init__(self, console: Console) -> None:
        """Begin with none told."""
        self._console = console
        self._step = 0

    def chapter(self, title: str) -> None:
        """A new chapter."""
        self._step += 1
        self._console.print(f"\n{self._step}. {title}", style="bold", markup=False)

    def say(self, sentence: str) -> None:
        """A sentence of it."""
        self._console.print(f"   {sentence}", markup=False)
