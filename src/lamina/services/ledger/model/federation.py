"""Who may create blocks and vote: this node and its keyring (spec/ledger.md 5)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Federation:
    """The membership as one node sees it; `keyring` holds the other nodes, each once."""

    me: str
    keyring: tuple[str, ...]

    @classmethod
    def of(cls, me: str, keyring: Iterable[str]) -> Self:
        """A membership from a configured keyring, which may repeat a key or name this node itself."""
        return cls(me, tuple(key for key in dict.fromkeys(keyring) if key != me))

    @property
    def voters(self) -> tuple[str, ...]:
        """Everybody, in the order this node writes into its blocks."""
        return (self.me, *self.keyring)

    @property
    def members(self) -> frozenset[str]:
        """Everybody."""
        return frozenset(self.voters)
