"""What a unit may say instead of an answer, and what is wrong with an answer that does not prove itself."""

import json
from typing import Any

_EXCERPT_CHARACTERS = 200
_NOTHING_THERE = frozenset(
    {'NotFound("Process not found")', "Message or Process not found", "Latest message not available"}
)


class SchedulerError(Exception):
    """The unit answered with an error.

    Attributes:
        status: the HTTP status.
        message: what the unit said.
    """

    def __init__(self, status: int, message: str) -> None:
        """Keep both."""
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Refused(SchedulerError):
    """The unit refuses the request as it is (400, 403, 413); asking again changes nothing."""


class NotFound(Refused):
    """The unit has nothing under this id; it says so with a 400."""


class BrokenChain(Exception):
    """What was read does not follow from what was read before, or its unit did not sign it.

    Attributes:
        nonce: of the assignment, as it says itself.
    """

    def __init__(self, nonce: str, reason: str) -> None:
        """Keep which."""
        super().__init__(f"nonce {nonce}: {reason}")
        self.nonce = nonce


def error_of(status: int, content: bytes) -> SchedulerError:
    """The error that an answer stands for.

    Args:
        status: not a success.
        content: the body; one that is not a unit's is quoted from its beginning.
    """
    message = _message(content)
    if status == 400 and message in _NOTHING_THERE:
        return NotFound(status, message)
    return (Refused if status in {400, 403, 413} else SchedulerError)(status, message)


def _message(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    try:
        document: Any = json.loads(text)
        return str(document["error"])
    except (ValueError, KeyError, TypeError):
        return text[:_EXCERPT_CHARACTERS].strip()
