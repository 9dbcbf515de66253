"""Which node puts a waiting transaction into a block (spec/ledger.md 5.1, 5.5)."""

import secrets

from lamina.services.ledger.model.federation import Federation


def choose(federation: Federation) -> str:
    """A random other node; this node where there is no other."""
    return secrets.choice(federation.keyring or (federation.me,))


def choose_again(federation: Federation, current: str) -> str:
    """A random member that is not the current one; this node where there is no other."""
    return secrets.choice([key for key in federation.voters if key != current] or [federation.me])
