"""What a simulation is for: the moment an invariant does not hold."""


class Violation(Exception):
    """An invariant of distribution-and-reliability 13.1 is broken."""

    def __init__(self, invariant: str, text: str) -> None:
        super().__init__(f"{invariant}: {text}")
        self.invariant = invariant
