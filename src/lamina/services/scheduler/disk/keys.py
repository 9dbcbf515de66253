"""Keys of the disk store; those of messages are the original's (spec/scheduler.md 18.2)."""

from typing import NamedTuple

from lamina.formats import base64url
from lamina.formats.errors import FormatError

MESSAGES = b"message___"
PENDING = b"pending"
"""Keys that were written last, before their commit was known: whoever opens the store next looks them up."""

_SEPARATOR = "___"
_ID_BYTES, _ID_CHARS = 32, 43


class Place(NamedTuple):
    """What a message's key says: ids of 32 bytes, and milliseconds since 1970."""

    process_id: bytes
    ts: int
    message_id: bytes
    assignment_id: bytes

    @property
    def key(self) -> bytes:
        """The key, UTF-8."""
        message_id, assignment_id = base64url.encode(self.message_id), base64url.encode(self.assignment_id)
        return process_prefix(self.process_id) + _SEPARATOR.join(
            (str(self.ts), message_id, assignment_id)
        ).encode("ascii")


def process_prefix(process_id: bytes) -> bytes:
    """How all keys of a process begin."""
    return MESSAGES + f"{base64url.encode(process_id)}{_SEPARATOR}".encode("ascii")


def after_prefix(prefix: bytes) -> bytes:
    """The first key behind all that begin so."""
    return prefix[:-1] + bytes([prefix[-1] + 1])


def mark_key(process_id: bytes) -> bytes:
    """Where it is kept how far a process was copied."""
    return b"mark___" + base64url.encode(process_id).encode("ascii")


def read_key(key: bytes) -> Place | None:
    """What a message's key says; None for any other.

    Ids are cut out by their length: the separator may be part of an id.
    """
    text = key[len(MESSAGES) :].decode("ascii", "replace")
    process, rest = text[:_ID_CHARS], text[_ID_CHARS:].removeprefix(_SEPARATOR)
    ts, _, pair = rest.partition(_SEPARATOR)
    message, assignment = pair[:_ID_CHARS], pair[_ID_CHARS:].removeprefix(_SEPARATOR)
    try:
        place = Place(
            base64url.decode(process), int(ts), base64url.decode(message), base64url.decode(assignment)
        )
    except (FormatError, ValueError):
        return None
    ids = (place.process_id, place.message_id, place.assignment_id)
    return place if place.key == key and all(len(each) == _ID_BYTES for each in ids) else None
