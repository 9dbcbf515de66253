"""A node on a connection, as one row of `peer_connections` describes it."""

from dataclasses import dataclass, field
from sys import maxsize

from lamina.services.telemetry.model.identity import Identity

DAY_US = 86_400_000_000


@dataclass(slots=True, eq=False)
class Peer:
    """One row of `peer_connections`: the socket itself, or a further node multiplexed on it.

    The only value here that changes: it is what a receiver remembers of a live socket.

    Attributes:
        ip_addr: as stored (spec/telemetry.md 3.2).
        audit: whether its messages are kept for ever.
        row_id: of its row; None until the row is stored.
        identity: what the node said of itself so far.
        since, until: the first and the last instant of the days its messages are dated in, microseconds since
            2000; the first is later than the last while there is none.
        is_stale: whether the row says less than all of this.
    """

    ip_addr: str
    audit: bool
    row_id: int | None = None
    identity: Identity = field(default_factory=Identity)
    since: int = maxsize
    until: int = -maxsize
    is_stale: bool = False

    @property
    def told(self) -> tuple[Identity, int, int]:
        """What the row should say."""
        return self.identity, self.since, self.until

    def widen(self, created_at: int) -> None:
        """Let its days include the one of a message."""
        begin = created_at // DAY_US * DAY_US
        self.since = min(self.since, begin)
        self.until = max(self.until, begin + DAY_US - 1)
        self.is_stale = True
