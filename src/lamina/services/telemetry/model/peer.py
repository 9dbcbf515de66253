"""A node on a connection, as one row of `peer_connections` describes it."""

from dataclasses import dataclass, field

from lamina.services.telemetry.model.identity import Identity


@dataclass(slots=True, eq=False)
class Peer:
    """One row of `peer_connections`: the socket itself, or a further node multiplexed on it.

    The only value here that changes: it is what a receiver remembers of a live socket.

    Attributes:
        ip_addr: as stored (spec/telemetry.md 3.2).
        audit: whether its messages are kept for ever.
        row_id: of its row; None until the row is stored.
        identity: what the node said of itself so far.
        is_stale: whether the row says less than `identity`.
    """

    ip_addr: str
    audit: bool
    row_id: int | None = None
    identity: Identity = field(default_factory=Identity)
    is_stale: bool = False
