"""Which connection a message goes on: with the greeting of its node, as the node itself would send it."""

import zlib
from dataclasses import dataclass
from typing import cast

import msgspec

CONNECTED = "system.connected"
_MARK = b"system.connected"
_FLAT = b""


@dataclass(frozen=True, slots=True)
class Line:
    """A message of a file.

    Attributes:
        payload: as it stands there.
        node: the envelope's id of the node on its socket; empty in the flat shape.
        is_greeting: whether the node says who it is.
    """

    payload: bytes
    node: bytes
    is_greeting: bool


class _Payload(msgspec.Struct):
    msg: str | None = None
    network_id: str | None = None


class _Seen(msgspec.Struct):
    id: msgspec.Raw = msgspec.Raw(_FLAT)
    msg: str | None = None
    network_id: str | None = None
    payload: _Payload | None = None


_decode = msgspec.json.Decoder(_Seen).decode


class Placing:
    """Spreads nodes over connections; messages before any greeting take turns."""

    def __init__(self, connections: int) -> None:
        """Know nobody yet."""
        self._connections = connections
        self._places: dict[bytes, int] = {}
        self._turn = 0

    def place(self, payload: bytes) -> tuple[int, Line]:
        """The number of the connection, and the message."""
        if self._connections == 1 and _MARK not in payload:
            return 0, Line(payload, _FLAT, is_greeting=False)
        node, network_id = _look(payload)
        if network_id is not None:
            self._places[node] = zlib.crc32(network_id.encode()) % self._connections
        place = self._places.get(node)
        if place is None:
            place = self._turn
            self._turn = (self._turn + 1) % self._connections
        return place, Line(payload, node, is_greeting=network_id is not None)


def _look(payload: bytes) -> tuple[bytes, str | None]:
    """The node, and its peer id where it says who it is; what is no message is sent as it is."""
    try:
        seen = _decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return _FLAT, None
    if seen.payload is not None and seen.msg is None:
        said = seen.payload
        node = bytes(cast("bytes", seen.id))
    else:
        said, node = seen, _FLAT
    return node, (said.network_id or "") if said.msg == CONNECTED else None
