"""Reading the event stream: its frames, and how it is refused or ends. No I/O."""

from websockets.exceptions import ConnectionClosed, InvalidStatus

from lamina.formats import canonical_json
from lamina.sdk.ledger.documents import Event
from lamina.sdk.ledger.errors import LedgerError, StreamEnded, error_of

_CLOSED_WITHOUT_WORD = 1006


def read_event(frame: str | bytes) -> Event:
    """An event of the stream.

    Raises:
        FormatError: the frame is not JSON.
    """
    return canonical_json.parse(frame.encode() if isinstance(frame, str) else frame)


def refused(refusal: InvalidStatus) -> LedgerError:
    """The error that an answer to the handshake stands for."""
    return error_of(refusal.response.status_code, bytes(refusal.response.body))


def ended(closed: ConnectionClosed) -> StreamEnded:
    """The end of a stream, in the ledger's words where it said any."""
    if closed.rcvd is None:
        return StreamEnded(_CLOSED_WITHOUT_WORD, "")
    return StreamEnded(closed.rcvd.code, closed.rcvd.reason)
