"""One message of a node, ready to be stored."""

import msgspec

from lamina.services.telemetry.model.peer import Peer


class Document(msgspec.Struct, frozen=True, gc=False):
    """What is stored of a message.

    Attributes:
        logs: the JSON text of the column `logs`.
        msg: its type as JSON text, quotes included; empty where it has none.
        created_at: microseconds since 2000-01-01 UTC, the node's own time.
        node: which node of the connection says it, as JSON text; None in the flat shape.
    """

    logs: bytes
    msg: bytes
    created_at: int
    node: bytes | None


class Message(msgspec.Struct, frozen=True, gc=False):
    """A document and the row that it belongs to."""

    peer: Peer
    document: Document
