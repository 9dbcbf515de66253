"""What a ledger may say instead of an answer, by status."""

from typing import Any

from lamina.formats import canonical_json
from lamina.formats.errors import FormatError

_EXCERPT_CHARACTERS = 200


class LedgerError(Exception):
    """The ledger answered with an error.

    Attributes:
        status: the HTTP status.
        message: what the ledger said; for a parameter error, the parameter comes first.
    """

    def __init__(self, status: int, message: str) -> None:
        """Keep both."""
        super().__init__(f"{status}: {message}")
        self.status = status
        self.message = message


class Refused(LedgerError):
    """The ledger refuses the request as it is (400); asking again changes nothing."""


class NotFound(LedgerError):
    """The ledger knows nothing under this path (404)."""


class NotValidInTime(TimeoutError):
    """A transaction was not valid when the time was up.

    Attributes:
        tx_id: the transaction.
        status: where it stood last; None when the ledger did not have it, as after the block builder refused
            it.
    """

    def __init__(self, tx_id: str, status: str | None) -> None:
        """Keep both."""
        super().__init__(f"transaction {tx_id} is not valid yet: {status or 'not found'}")
        self.tx_id = tx_id
        self.status = status


class StreamEnded(ConnectionError):
    """The ledger closed the event stream; what becomes valid until the next one is opened is not sent again.

    Attributes:
        code: the websocket close code; 1013 means that events were not read fast enough.
        reason: what the ledger said.
    """

    def __init__(self, code: int, reason: str) -> None:
        """Keep both."""
        super().__init__(f"the event stream was closed: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


def error_of(status: int, content: bytes) -> LedgerError:
    """The error that an answer stands for.

    Args:
        status: not a success.
        content: the body; one that is not the ledger's is quoted from its beginning.
    """
    kind = {400: Refused, 404: NotFound}.get(status, LedgerError)
    return kind(status, _message(content))


def _message(content: bytes) -> str:
    try:
        document: Any = canonical_json.parse(content)
        message: str | dict[str, str] = document["message"]
    except (FormatError, KeyError, TypeError):
        return content.decode("utf-8", "replace")[:_EXCERPT_CHARACTERS]
    if isinstance(message, dict):
        return ", ".join(f"{parameter}: {text}" for parameter, text in message.items())
    return message
