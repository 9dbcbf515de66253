"""A unit that a router sends processes to (spec/scheduler.md 17.1)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ListedUnit:
    """An entry of the scheduler list; None where it does not say.

    Attributes:
        url: without a slash at its end.
        no_route: whether it gets no new processes.
        wallets_to_route: addresses between commas, whose spawns it gets.
        wallets_only: whether it gets no others.
    """

    url: str
    no_route: bool | None = None
    wallets_to_route: str | None = None
    wallets_only: bool | None = None


@dataclass(frozen=True, slots=True)
class KnownUnit:
    """A unit as the database has it.

    Attributes:
        row_id: its place among the units: where nothing else decides, the smallest is the first.
        url: without a slash at its end.
        process_count: processes that were placed on it.
        wallets: addresses of owners whose spawns it gets.
    """

    row_id: int
    url: str
    process_count: int
    no_route: bool
    wallets: frozenset[str]
    wallets_only: bool
