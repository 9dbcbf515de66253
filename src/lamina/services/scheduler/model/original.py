"""What the original's database holds, row by row, its texts as they are (spec/scheduler.md 18.1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OriginalProcess:
    """A row of `processes`, without its bundle.

    Attributes:
        row_id: of the source.
        process_id: 43 characters, if it is right.
        epoch: this and the next three only where a spawn has an assignment, and in late versions.
        nonce: of that assignment.
        hash_chain: of that assignment.
        ts: of that assignment, milliseconds since 1970.
        messages: how many the source has.
    """

    row_id: int
    process_id: str
    epoch: int | None
    nonce: int | None
    hash_chain: str | None
    ts: int | None
    messages: int


@dataclass(frozen=True, slots=True)
class OriginalMessage:
    """A row of `messages`.

    Attributes:
        row_id: of the source.
        process_id: 43 characters, if it is right.
        message_id: 43 characters, if it is right.
        assignment_id: None in rows of early versions.
        epoch: always 0 so far.
        nonce: place in its process.
        hash_chain: 43 characters, if it is right.
        ts: milliseconds since 1970.
        bundle: the outer item.
    """

    row_id: int
    process_id: str
    message_id: str
    assignment_id: str | None
    epoch: int
    nonce: int
    hash_chain: str
    ts: int
    bundle: bytes


@dataclass(frozen=True, slots=True)
class OriginalUnit:
    """A row of `schedulers`: a unit that a router knows; the last three only in late versions."""

    url: str
    no_route: bool | None
    wallets_to_route: str | None
    wallets_only: bool | None


@dataclass(frozen=True, slots=True)
class OriginalRoute:
    """A row of `process_schedulers` with the url of its unit."""

    row_id: int
    process_id: str
    url: str
