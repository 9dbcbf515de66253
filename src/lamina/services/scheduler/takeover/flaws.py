"""Why a process is not taken over: counted, and the first kept."""

FLAWS_KEPT = 100
"""Of one process; the rest is only counted, since one mistake may make thousands."""

CHARACTERS_KEPT = 500


class Flaws:
    """What is wrong with one process."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, text: str) -> None:
        """One more, with words of the source in it that PostgreSQL might not take."""
        self.count += 1
        if len(self.first) < FLAWS_KEPT:
            self.first.append(text[:CHARACTERS_KEPT].replace("\0", "\\x00"))
