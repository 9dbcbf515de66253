"""Websockets that only bring: data messages are handed over as they arrive, without a queue for each.

What an application gains over ASGI's `receive` is the cost of a wake-up per message, and control over
reading, pings and closing, which a service with heartbeat rules of its own needs.
"""

from collections.abc import Sequence
from typing import Protocol

INLET_EXTENSION = "lamina.inlet"
"""In a websocket scope's extensions: call it with an `Inlet`, before accepting, to get an `InletSocket`."""

Payload = tuple[bytes, bool]
"""Of a whole message, and whether it is text."""


class Inlet(Protocol):
    """Takes the data messages of one websocket."""

    def take(self, messages: Sequence[Payload]) -> None:
        """Whole messages, in order; must not fail, and must not wait. Text may not be UTF-8."""
        ...


class InletSocket(Protocol):
    """The websocket that an inlet belongs to; its end is still told by ASGI's `receive`.

    Attributes:
        heard_at: loop time at which its last complete frame arrived, of any kind.
    """

    heard_at: float

    def ping(self) -> None:
        """Send a ping without payload; the pong counts as heard like any other frame."""
        ...

    def pause(self) -> None:
        """Stop reading: the peer feels it by TCP. What is already read may still be handed over."""
        ...

    def resume(self) -> None:
        """Read again."""
        ...

    def close(self, code: int, reason: str, *, wait: bool = True) -> None:
        """Say goodbye.

        Args:
            code: of the close frame.
            reason: of the close frame; at most 123 bytes.
            wait: whether the peer may answer; a silent one is not waited for.
        """
        ...


class OpenInlet(Protocol):
    """The extension's value."""

    def __call__(self, inlet: Inlet) -> InletSocket:
        """From now on data messages go to the inlet."""
        ...
