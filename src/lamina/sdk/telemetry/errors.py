"""What telemetry may say instead of an answer, by status."""

import json
from typing import Any

_EXCERPT_CHARACTERS = 200


class TelemetryError(Exception):
    """Telemetry answered with an error.

    Attributes:
        status: the HTTP status.
        message: what telemetry said.
    """

    def __init__(self, status: int, message: str) -> None:
        """Keep both."""
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Refused(TelemetryError):
    """Telemetry refuses the request as it is (400, 413); asking again changes nothing."""


class NotFound(TelemetryError):
    """Telemetry knows nothing under this path (404)."""


class NotRead(ConnectionError):
    """The connection ended before telemetry had read all that was sent on it.

    Attributes:
        count: messages of which nobody knows whether they were read, at most.
    """

    def __init__(self, count: int, reason: str) -> None:
        """Keep how many."""
        super().__init__(f"{count} messages may not have been read: {reason}")
        self.count = count


def error_of(status: int, content: bytes) -> TelemetryError:
    """The error that an answer stands for.

    Args:
        status: not a success.
        content: the body; one that is not telemetry's is quoted from its beginning.
    """
    kind = {400: Refused, 404: NotFound, 413: Refused}.get(status, TelemetryError)
    return kind(status, _message(content))


def _message(content: bytes) -> str:
    text = content.decode("utf-8", "replace")
    try:
        document: Any = json.loads(text)
    except ValueError:
        return text[:_EXCERPT_CHARACTERS].strip()
    if isinstance(document, str):
        return document
    try:
        return str(document["error"])
    except (KeyError, TypeError):
        return text[:_EXCERPT_CHARACTERS]
