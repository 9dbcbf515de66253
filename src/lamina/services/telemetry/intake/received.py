"""Counts what nodes send."""

import asyncio

from lamina.services.telemetry.metrics import BYTES, MESSAGES


class Received:
    """Adds to the metrics once for all messages that one turn of the event loop brings.

    A metric of several processes costs a third of what it costs to read a message, and nobody can ask for it
    within the turn.
    """

    def __init__(self) -> None:
        """Start with nothing."""
        self._messages = 0
        self._bytes = 0

    def count(self, messages: int, size: int) -> None:
        """Note a message, or none if it was no JSON, and its bytes."""
        if not self._bytes:
            asyncio.get_running_loop().call_soon(self._tell)
        self._messages += messages
        self._bytes += size

    def _tell(self) -> None:
        MESSAGES.inc(self._messages)
        BYTES.inc(self._bytes)
        self._messages = self._bytes = 0
