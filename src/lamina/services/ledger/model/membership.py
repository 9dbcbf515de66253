"""Who may create blocks and vote, position by position (distribution-and-reliability 6.4 R4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

MEMBERS_MAX = 16
ADD = "add"
REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Change:
    """A decided change: from this position on a key is a member, or is none any more."""

    from_seq: int
    operation: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Membership:
    """The members at the beginning, and the changes since, in order of their positions."""

    genesis: frozenset[str]
    changes: Sequence[Change] = field(default=())

    @classmethod
    def of(cls, genesis: Iterable[str], changes: Iterable[Change] = ()) -> "Membership":
        """A membership; changes in whatever order."""
        return cls(frozenset(genesis), sorted(changes, key=lambda change: change.from_seq))

    def with_change(self, change: Change) -> "Membership":
        """The membership once one more change is decided."""
        return Membership.of(self.genesis, (*self.changes, change))

    def at(self, seq: int) -> frozenset[str]:
        """Public keys of the members who create and vote on the block at a position."""
        members = self.genesis
        for change in self.changes:
            if change.from_seq > seq:
                break
            one = {change.public_key}
            members = members | one if change.operation == ADD else members - one
        return members

    def next_change(self, seq: int) -> int | None:
        """The first position after `seq` from which the members are others; None where none is decided."""
        return next((change.from_seq for change in self.changes if change.from_seq > seq), None)

    def knows(self, public_key: str) -> bool:
        """Whether a key is, was or will be a member's."""
        return public_key in self.genesis or any(change.public_key == public_key for change in self.changes)
