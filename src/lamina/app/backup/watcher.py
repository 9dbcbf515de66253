"""Who is told how far a backup command is."""

from typing import Protocol


class Watcher(Protocol):
    """Hears of stages, one after another, and of progress within them."""

    def begin(self, stage: str, sentence: str) -> None:
        """A stage begins: its name in a word, and what is done in it."""
        ...

    def advance(self, unit: str, done: int, total: int | None) -> None:
        """So much of the stage is done; of how much is not always known."""
        ...
