"""What a row of the original's database becomes here, or why it cannot (spec/scheduler.md 12, 18.1).

The bundle is the truth; the columns beside it must say the same.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from lamina.formats import base64url
from lamina.formats.ans104.item import DataItem, parse
from lamina.formats.errors import FormatError
from lamina.services.scheduler.model.original import OriginalMessage, OriginalProcess
from lamina.services.scheduler.rules.chain import Chain, Link
from lamina.services.scheduler.rules.original_bundle import BundleParts, message_parts, spawn_parts

_DECIMAL = re.compile(r"\d{1,18}", re.ASCII)
_ID_BYTES = 32


class Flawed(Exception):
    """A row that cannot be taken over; `flaws` says why, a sentence each."""

    def __init__(self, *flaws: str) -> None:
        super().__init__("; ".join(flaws))
        self.flaws = flaws


@dataclass(frozen=True, slots=True)
class TakenMessage:
    """A message as it is stored here."""

    process_id: bytes
    message_id: bytes
    link: Link
    parts: BundleParts


@dataclass(frozen=True, slots=True)
class TakenSpawn:
    """A process as it is stored here.

    Attributes:
        link: its own assignment; None where it has none.
        ts: when it was spawned, milliseconds.
    """

    process_id: bytes
    block_height: int
    ts: int
    link: Link | None
    parts: BundleParts

    def chain(self) -> Chain:
        """Its chain up to its own assignment, if it has one."""
        chain = Chain(self.process_id, self.block_height, self.ts)
        if self.link is not None:
            chain.go_on(self.link)
        return chain


def bundle_digest(before: bytes, raw: bytes) -> bytes:
    """Digest of the bundles of a process up to this one, 32 bytes; nothing comes before the first."""
    return sha256(before + sha256(raw).digest()).digest()


def take_spawn(row: OriginalProcess, raw: bytes) -> TakenSpawn:
    """A process's row.

    Raises:
        Flawed: it cannot be taken over.
    """
    try:
        parts = spawn_parts(raw)
        outer = parse(raw)
    except FormatError as fault:
        raise Flawed(str(fault)) from None
    assert parts.item is not None, "a spawn's bundle holds it"
    spawn = parse(parts.item)
    if spawn.id != row.process_id:
        raise Flawed(f"the bundle is of process {spawn.id}")
    assignment = None if parts.assignment is None else parse(parts.assignment)
    place = outer if assignment is None else assignment
    height, ts = _decimal(place, "Block-Height"), _decimal(place, "Timestamp")
    if height is None or ts is None:
        raise Flawed("the bundle does not say in numbers when and at which height it was spawned")
    link = None if assignment is None else Link(0, ts, assignment, None, is_original=True)
    taken = TakenSpawn(spawn.id_bytes, height, ts, link, parts)
    flaws = [] if link is None else Chain(taken.process_id, height, ts).follow(link)
    if assignment is not None:
        flaws += _compared(assignment, epoch=row.epoch, nonce=row.nonce, hash_chain=row.hash_chain, ts=row.ts)
    if flaws:
        raise Flawed(*flaws)
    return taken


def take_message(row: OriginalMessage) -> TakenMessage:
    """A message's row; where it stands in its chain, `Chain.follow` judges.

    Raises:
        Flawed: it cannot be taken over.
    """
    try:
        parts = message_parts(row.bundle)
    except FormatError as fault:
        raise Flawed(str(fault)) from None
    assert parts.assignment is not None, "a message's bundle holds one"
    process_id, message_id = _id(row.process_id), _id(row.message_id)
    if process_id is None or message_id is None:
        raise Flawed("its process_id or message_id is no id of 43 characters")
    assignment = parse(parts.assignment)
    flaws = _compared(assignment, epoch=row.epoch, nonce=row.nonce, hash_chain=row.hash_chain, ts=row.ts)
    if row.assignment_id not in {None, assignment.id}:
        flaws.append(f"its column assignment_id is {row.assignment_id}, the bundle has {assignment.id}")
    if parts.item is not None and (inner := parse(parts.item).id) != row.message_id:
        flaws.append(f"its column message_id is {row.message_id}, the bundle has {inner}")
    if flaws:
        raise Flawed(*flaws)
    link = Link(row.nonce, row.ts, assignment, message_id, is_original=True, is_old_shape=parts.is_old_shape)
    return TakenMessage(process_id, message_id, link, parts)


def _compared(
    assignment: DataItem, *, epoch: int | None, nonce: int | None, hash_chain: str | None, ts: int | None
) -> list[str]:
    """Where a row's columns differ from the assignment's tags; a column without a value says nothing."""
    columns = {"Epoch": epoch, "Nonce": nonce, "Hash-Chain": hash_chain, "Timestamp": ts}
    return [
        f"its column says {name} {value}, the assignment {assignment.tag(name)}"
        for name, value in columns.items()
        if value is not None and assignment.tag(name) != str(value)
    ]


def _decimal(item: DataItem, name: str) -> int | None:
    text = item.tag(name) or ""
    return int(text) if _DECIMAL.fullmatch(text) else None


def _id(text: str) -> bytes | None:
    try:
        raw = base64url.decode(text)
    except FormatError:
        return None
    return raw if len(raw) == _ID_BYTES else None
