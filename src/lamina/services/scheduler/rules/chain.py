"""Follows the assignments of a process from one to the next (spec/scheduler.md 11)."""

from dataclasses import dataclass
from hashlib import sha256

from lamina.formats import base64url
from lamina.formats.ans104.item import DataItem
from lamina.formats.errors import FormatError
from lamina.services.scheduler.model.head import NONE, Head

LINKED_BY_MESSAGES_BELOW = 1_440_000
"""In processes spawned below this height the original linked by the message's id before it linked by the
assignment's; readers check no chain of such a process (spec 9)."""

_LINK_BYTES = 32


@dataclass(frozen=True, slots=True)
class Link:
    """An assignment where it is stored.

    Attributes:
        nonce: under which it is stored.
        ts: with which it is stored, milliseconds.
        assignment: the item.
        message_id: what it assigns; None for a process's own.
        is_original: whether the original made it.
        is_old_shape: whether it is the outer item of a bundle, which need not name process and message.
    """

    nonce: int
    ts: int
    assignment: DataItem
    message_id: bytes | None
    is_original: bool = False
    is_old_shape: bool = False


class Chain:
    """The chain of one process, up to the last assignment that was followed."""

    def __init__(self, process_id: bytes, block_height: int, ts: int) -> None:
        """Begin before the first assignment.

        Args:
            process_id: 32 bytes.
            block_height: at which it was spawned.
            ts: when it was spawned, milliseconds.
        """
        self._process_id = process_id
        self._is_early = block_height < LINKED_BY_MESSAGES_BELOW
        self._linking_message: bytes | None = None
        self.head = Head(NONE, None, None, ts)

    def follow(self, link: Link) -> list[str]:
        """Go on to the next assignment; returns what does not fit, a sentence each."""
        flaws: list[str] = []
        if link.nonce != self.head.nonce + 1:
            flaws.append(f"follows nonce {self.head.nonce}")
        if self.head.assignment_id is not None and link.ts <= self.head.ts:
            flaws.append("its time does not increase")
        said = _link_value(link.assignment)
        wrong = [name for name, value in self._tags(link).items() if link.assignment.tag(name) != value]
        if link.is_old_shape:
            wrong = [name for name in wrong if link.assignment.tag(name) is not None]
        if said is None or said not in self._expected():
            wrong.append("Hash-Chain")
        if wrong:
            flaws.append(f"its assignment has another {', '.join(wrong)}")
        self.go_on(link)
        return flaws

    def go_on(self, link: Link) -> None:
        """Continue after an assignment that was followed before."""
        said = _link_value(link.assignment)
        chain = self._expected()[0] if said is None else said
        self.head = Head(link.nonce, link.assignment.id_bytes, chain, link.ts)
        self._linking_message = link.message_id if self._is_early and link.is_original else None

    def _tags(self, link: Link) -> dict[str, str]:
        tags = {
            "Process": base64url.encode(self._process_id),
            "Epoch": "0",
            "Nonce": str(link.nonce),
            "Timestamp": str(link.ts),
        }
        if link.message_id is not None:
            tags["Message"] = base64url.encode(link.message_id)
        return tags

    def _expected(self) -> tuple[bytes, ...]:
        head = self.head
        if head.assignment_id is None or head.hash_chain is None:
            return (sha256(self._process_id).digest(),)
        before = (head.assignment_id, self._linking_message)
        return tuple(sha256(each + head.hash_chain).digest() for each in before if each is not None)


def _link_value(assignment: DataItem) -> bytes | None:
    try:
        raw = base64url.decode(assignment.tag("Hash-Chain") or "")
    except FormatError:
        return None
    return raw if len(raw) == _LINK_BYTES else None
