"""The membership as one process knows it; grows as decided changes are read."""

from lamina.services.ledger.model.membership import Change, Membership


class Roster:
    """Called, it says who the members are, as known now."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership

    def __call__(self) -> Membership:
        """The membership with every change known now."""
        return self._membership

    def know(self, membership: Membership) -> None:
        """Take over what another process of this node has read."""
        self._membership = membership

    def learn(self, change: Change) -> None:
        """Note a decided change; one that is known already changes nothing."""
        if change not in self._membership.changes:
            self._membership = self._membership.with_change(change)
