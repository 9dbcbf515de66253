"""How far a process was taken over."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TakeoverState:
    """One process's takeover.

    Attributes:
        process_id: as the source writes it.
        messages: how many were copied.
        digest: of all bundles up to there.
        verified: how many of them were proven; None where the process was never open.
        verified_digest: of the bundles up to those; empty where it was never open.
        flaw_count: why it was refused; 0 where it was not.
    """

    process_id: str
    messages: int
    digest: bytes
    verified: int | None
    verified_digest: bytes
    flaw_count: int


@dataclass(frozen=True, slots=True)
class Refusal:
    """A process that was not taken over, or not further.

    Attributes:
        verified: messages that are here and open all the same; None where nothing is.
        flaw_count: how many reasons there are.
        flaws: the first of them, a sentence each.
    """

    process_id: str
    verified: int | None
    flaw_count: int
    flaws: tuple[str, ...]
