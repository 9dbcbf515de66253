"""A committed message as those who follow the stream are told of it."""

from datetime import datetime

import msgspec


class Report(msgspec.Struct, frozen=True, gc=False):
    """One message of one node.

    Attributes:
        position: of its batch in the order of commits.
        connection: id of its row in `peer_connections`.
        is_own: whether this receiver holds the node's socket.
    """

    position: int
    connection: int
    ip_addr: str
    peer_id: str | None
    msg: str
    created_at: datetime
    logs: bytes
    is_own: bool
