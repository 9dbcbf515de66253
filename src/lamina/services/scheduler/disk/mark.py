"""How far a process was copied: everything up to a nonce, of a chain that ends so."""

from dataclasses import dataclass

_ID_BYTES = 32


@dataclass(frozen=True, slots=True)
class Mark:
    """The last of a process's messages that is in the store, with all before it.

    Nonces have no gaps and become visible in their order, so one number says what is missing. The id tells
    a chain from another one under the same numbers, which an older copy of the database may have.
    """

    nonce: int
    assignment_id: bytes

    def to_bytes(self) -> bytes:
        """As it is kept."""
        return self.assignment_id + str(self.nonce).encode("ascii")

    @classmethod
    def of(cls, raw: bytes | None) -> "Mark | None":
        """As it was kept; None where nothing usable was."""
        if raw is None or not raw[_ID_BYTES:].isdigit():
            return None
        return cls(int(raw[_ID_BYTES:]), raw[:_ID_BYTES])


@dataclass(frozen=True, slots=True)
class Step:
    """From one mark to the next; from nothing at the beginning of a chain."""

    before: Mark | None
    after: Mark
