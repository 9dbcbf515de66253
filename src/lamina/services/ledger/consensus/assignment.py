"""Which node puts a waiting transaction into a block (spec/ledger.md 5.1, 5.5)."""

import random
import secrets
from collections.abc import Callable, Sequence

from lamina.services.ledger.model.membership import Membership

FAR_AHEAD = 2**62


class Assignment:
    """Chooses members at random; the original's rule spares the node that accepted."""

    def __init__(
        self, me: str, membership: Callable[[], Membership], choice: random.Random | None = None
    ) -> None:
        """Prepare.

        Args:
            me: this node's public key.
            membership: who the members are, as known now.
            choice: where randomness comes from; the system when absent.
        """
        self._me = me
        self._membership = membership
        self._choice: random.Random = choice or secrets.SystemRandom()

    def choose(self) -> str:
        """A random other member; this node where there is none."""
        return self._any_of(self._members(), self._me)

    def choose_again(self, current: str) -> str:
        """A random member that is not the current one; this node where there is none."""
        return self._any_of(self._members(), current)

    def _members(self) -> Sequence[str]:
        """Those that will be members when what is decided now has come into force."""
        return sorted(self._membership().at(FAR_AHEAD))

    def _any_of(self, members: Sequence[str], but: str) -> str:
        others = [key for key in members if key != but]
        return self._choice.choice(others) if others else self._me
