"""How long to wait between two questions whether a transaction is valid, and when to stop asking."""

import time

from lamina.sdk.ledger.errors import NotValidInTime

PAUSE_MIN_S = 0.02
PAUSE_MAX_S = 0.5
_GROWTH = 1.5


class Patience:
    """The waiting time for one transaction."""

    def __init__(self, tx_id: str, timeout_s: float) -> None:
        """Begin to wait."""
        self._tx_id = tx_id
        self._deadline = time.monotonic() + timeout_s
        self._pause_s = PAUSE_MIN_S

    def pause_s(self, status: str | None) -> float:
        """How long to wait before asking again.

        Args:
            status: the answer to the last question.

        Raises:
            NotValidInTime: the time is up.
        """
        left_s = self._deadline - time.monotonic()
        if left_s <= 0:
            raise NotValidInTime(self._tx_id, status)
        pause_s = min(self._pause_s, left_s)
        self._pause_s = min(self._pause_s * _GROWTH, PAUSE_MAX_S)
        return pause_s
