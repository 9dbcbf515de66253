"""The index of an authority: what it issued, what became of it, the number of its last revocation list."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

FORMAT = 1
_SERIAL = re.compile(r"[0-9A-F]+")


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """One certificate; the serial is in hexadecimal digits, as `serial_text` writes it."""

    serial: str
    kind: Literal["node", "client"]
    name: str
    hosts: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None = None

    def state(self, now: datetime) -> Literal["valid", "revoked", "expired"]:
        """What it is worth now."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if now < self.not_after else "expired"


class Index(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All of it; a change makes a new one."""

    format: Literal[1] = FORMAT
    crl_number: int = 0
    issued: tuple[Issued, ...] = ()

    def with_issued(self, certificate: Issued) -> "Index":
        """With one more."""
        return msgspec.structs.replace(self, issued=(*self.issued, certificate))

    def with_revoked(self, serial: str, when: datetime) -> "Index":
        """With one of them revoked."""
        issued = (
            msgspec.structs.replace(each, revoked_at=when) if each.serial == serial else each
            for each in self.issued
        )
        return msgspec.structs.replace(self, issued=tuple(issued))

    def with_next_list(self) -> "Index":
        """With the number of the next revocation list taken."""
        return msgspec.structs.replace(self, crl_number=self.crl_number + 1)

    def find(self, text: str) -> list[Issued]:
        """The certificates with this name or serial; a serial may have colons and any case."""
        serial = text.replace(":", "").upper()
        return [each for each in self.issued if each.name == text or each.serial == serial]

    def revoked(self) -> Iterator[tuple[int, datetime]]:
        """Serial and time of each revocation."""
        for each in self.issued:
            if each.revoked_at is not None:
                yield int(each.serial, 16), each.revoked_at


def encode(index: Index) -> bytes:
    """As indented JSON: people look into it when something is wrong."""
    return msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n"


def decode(content: bytes) -> Index:
    """What `encode` wrote.

    Raises:
        ValueError: it is something else.
    """
    index = msgspec.json.decode(content, type=Index)
    if not all(_SERIAL.fullmatch(each.serial) for each in index.issued):
        raise ValueError("a serial is not hexadecimal")
    return index
