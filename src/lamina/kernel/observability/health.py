"""Readiness as named reasons. Pure: who asks and who answers is elsewhere."""

from collections.abc import Mapping


class Health:
    """Why a process cannot serve for now; nothing means that it can."""

    def __init__(self) -> None:
        self._reasons: dict[str, str] = {}

    def set(self, name: str, reason: str | None) -> None:
        """State one fact.

        Args:
            name: what was looked at: "ledger.store".
            reason: one sentence why it is not well; None when it is.
        """
        if reason is None:
            self._reasons.pop(name, None)
        else:
            self._reasons[name] = reason

    def reasons(self) -> Mapping[str, str]:
        """The present reasons by name, in the order of their names."""
        return dict(sorted(self._reasons.items()))

    @property
    def ready(self) -> bool:
        """Whether there is no reason left."""
        return not self._reasons
