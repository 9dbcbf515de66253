"""The hash chain of a process: every assignment commits to all before it (spec/scheduler.md 11.2)."""

from lamina.formats import base64url
from lamina.formats.errors import FormatError
from lamina.formats.hashes import sha256_base64url

_ID_BYTES = 32


def first_link(process_id: str) -> str:
    """Hash chain of the first assignment of a process, 43 characters.

    Raises:
        FormatError: not an id.
    """
    return sha256_base64url(_raw(process_id))


def next_link(assignment_id: str, hash_chain: str) -> str:
    """Hash chain of the assignment after the one with this id and this hash chain, 43 characters.

    Raises:
        FormatError: one of them is not 32 bytes of base64url.
    """
    return sha256_base64url(_raw(assignment_id) + _raw(hash_chain))


def _raw(text: str) -> bytes:
    raw = base64url.decode(text)
    if len(raw) != _ID_BYTES:
        raise FormatError(f"an id or hash chain has {_ID_BYTES} bytes, not {len(raw)}")
    return raw
