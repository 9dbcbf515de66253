"""A message with its place in its process."""

from dataclasses import dataclass

from lamina.services.scheduler.model.head import Head


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An assignment and what it assigns, ready to be stored.

    Attributes:
        process_id: 32 bytes.
        message_id: of the item, or of the transaction that is elsewhere.
        follows: the assignment before it; None for the first.
        head: the end of the chain after it.
        assignment: the signed item.
        item: the posted bytes; None where only an assignment is made.
        deep_hashes: what must not have been said in this process before, and is recorded: the first one.
        payload: what the owner signed, where others could sign it off again in another spelling: it must not
            have been said before either, and is recorded.
    """

    process_id: bytes
    message_id: bytes
    follows: bytes | None
    head: Head
    assignment: bytes
    item: bytes | None
    deep_hashes: tuple[bytes, ...] = ()
    payload: bytes | None = None

    @property
    def recorded(self) -> tuple[bytes, ...]:
        """What is recorded as said in its process."""
        own = () if self.payload is None else (self.payload,)
        return (*self.deep_hashes[:1], *own)


@dataclass(frozen=True, slots=True)
class Spawned:
    """A new process."""

    process_id: bytes
    item: bytes
    block_height: int
    head: Head
    assignment: bytes | None
    payload: bytes | None = None
