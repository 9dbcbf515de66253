"""Why a process is not taken over: counted, and the first kept."""

FLAWS_KEPT = 100
"""Of one process; the rest is only counted, since one mistake may make thousands."""


class Flaws:
    """What is wrong with one process."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, text: str) -> None:
        """One more."""
        self.count += 1
        if len(self.first) < FLAWS_KEPT:
            self.first.append(text)
