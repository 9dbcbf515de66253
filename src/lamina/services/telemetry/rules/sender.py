"""Who says it: what a message tells of the node that sent it (spec/telemetry.md 3.6)."""

from dataclasses import replace
from typing import Any, cast

import orjson

from lamina.services.telemetry.model.identity import Identity
from lamina.services.telemetry.model.message import Document

CONNECTED = b'"system.connected"'
_TEXTS = (
    "name", "chain", "version", "implementation", "genesis_hash", "target_os", "target_arch", "target_env",
)  # fmt: skip
_BIGINT_MAX = 2**63 - 1
PEER_ID_CHARACTERS_MAX = 256
"""A peer id is an index key; what is longer names nobody."""


def tells(known: Identity, document: Document) -> bool:
    """Whether a message may say of its node what is not known: few do, and every message is asked."""
    return document.msg == CONNECTED or (known.peer_id is None and b"peerId" in document.logs)


def learn(known: Identity, document: Document) -> Identity:
    """What is known of the node after this message; the same object where it says nothing new.

    A `system.connected` of the same node refreshes what is known; one of another node is answered with that
    other node's identity, which the caller tells by its `peer_id`.
    """
    if document.msg == CONNECTED:
        return _connected(known, _parse(document.logs))
    if tells(known, document):
        peer_id = _peer_id(_parse(document.logs))
        if peer_id is not None:
            return replace(known, peer_id=peer_id)
    return known


def _parse(logs: bytes) -> dict[str, Any]:
    try:
        return cast("dict[str, Any]", orjson.loads(logs))
    except orjson.JSONDecodeError:  # a number beyond a double: storable, of no use here
        return {}


def _connected(known: Identity, said: dict[str, Any]) -> Identity:
    peer_id = _name(said.get("network_id"))
    if peer_id is not None and known.peer_id not in {None, peer_id}:
        known = Identity()
    found: dict[str, Any] = {name: _text(said.get(name)) for name in _TEXTS}
    found["peer_id"] = peer_id
    found["authority"] = said["authority"] if isinstance(said.get("authority"), bool) else None
    found["startup_time"] = _milliseconds(said.get("startup_time"))
    sysinfo = said.get("sysinfo")
    found["sysinfo"] = orjson.dumps(sysinfo).decode() if isinstance(sysinfo, dict) else None
    return replace(known, **{name: value for name, value in found.items() if value is not None})


def _peer_id(said: dict[str, Any]) -> str | None:
    for place in ("state", "network_state"):
        state = said.get(place)
        if isinstance(state, dict):
            peer_id = _name(cast("dict[str, Any]", state).get("peerId"))
            if peer_id is not None:
                return peer_id
    return None


def _name(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= PEER_ID_CHARACTERS_MAX else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _milliseconds(value: object) -> int | None:
    """A decimal number as text, or a JSON integer; anything else says nothing."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _BIGINT_MAX:
        return value
    return None
