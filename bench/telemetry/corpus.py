"""What nodes send, made ahead of a measurement: types, sizes and shares of spec/telemetry.md 13 and C.1.

Every second node writes the envelope of newer nodes, the others the flat shape of older ones. Every hundredth
message is a network state of some kilobytes; a real one has up to 170 kB, at which both the floor and the
whole are bound by PostgreSQL's parsing of JSON and nothing else shows.
"""

import hashlib
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import orjson

STATE_PEERS = 24
"""Peers that a network state knows; about 3.5 kB."""

Fields = dict[str, Any]


class Frame(msgspec.Struct, array_like=True, frozen=True):
    """One message: its bytes on the wire, and which socket sends them."""

    socket: int
    data: bytes


def peer_id(label: str, number: int) -> str:
    """The name of a node."""
    digest = hashlib.sha256(f"{label}/{number}".encode()).hexdigest()
    return f"12D3KooW{digest[:44]}"


def hello(label: str, number: int) -> bytes:
    """What a node says first, as a frame."""
    return mask(_packed(number, "system.connected", {
        "name": f"{label}-{number}", "implementation": "Tetcore Node",
        "version": "2.1.2-6d2e3c3-x86_64-linux-gnu",
        "config": "", "chain": "Tetcoin Testnet", "authority": False, "network_id": peer_id(label, number),
        "startup_time": "1614576443919", "genesis_hash": "0x" + "ee65f53e" * 8,
    }, datetime.now(UTC)))  # fmt: skip


def messages(label: str, sockets: int, count: int) -> list[Frame]:
    """`count` messages from all sockets in turn, dated from now on."""
    rng = random.Random(label)
    kinds = [kind for kind, share in _KINDS.items() for _ in range(share)]
    peers = [peer_id(label, number) for number in range(sockets)]
    begun = datetime.now(UTC) - timedelta(seconds=20)
    made: list[Frame] = []
    for number in range(count):
        socket = number % sockets
        msg, fields = rng.choice(kinds)(rng, peers, socket)
        at = begun + timedelta(microseconds=50 * number)
        made.append(Frame(socket, mask(_packed(socket, msg, fields, at))))
    return made


def payload(frame: bytes) -> bytes:
    """What a frame of `mask` carries."""
    size, at = frame[1] & 127, 2
    if size == 126:
        size, at = int.from_bytes(frame[2:4], "big"), 4
    return _masked(frame[at + 4 :], frame[at : at + 4])


def mask(text: bytes) -> bytes:
    """A binary frame as a client has to send it."""
    size, key = len(text), os.urandom(4)
    head = bytes((0x82, 0x80 | size)) if size < 126 else bytes((0x82, 0xFE)) + size.to_bytes(2, "big")
    return head + key + _masked(text, key)


def states(label: str, sockets: int, known: int) -> Iterator[Frame]:
    """A network state of every node, dated now, that knows `known` peers."""
    rng = random.Random(label)
    peers = [peer_id(label, number) for number in range(max(sockets, known))]
    for socket in range(sockets):
        _, fields = _network_state(rng, peers, socket, known)
        yield Frame(socket, mask(_packed(socket, "system.network_state", fields, datetime.now(UTC))))


def now_text() -> str:
    """The present as nodes write it."""
    return datetime.now(UTC).isoformat()


def _masked(text: bytes, key: bytes) -> bytes:
    size = len(text)
    whole = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(text, "big") ^ int.from_bytes(whole, "big")).to_bytes(size, "big")


def _packed(socket: int, msg: str, fields: Mapping[str, Any], at: datetime) -> bytes:
    ts = at.strftime("%Y-%m-%dT%H:%M:%S.%f") + f"{socket % 1000:03d}+00:00"
    if socket % 2:
        return orjson.dumps({"id": 1, "ts": ts, "payload": {"msg": msg, **fields}})
    return orjson.dumps({"msg": msg, "level": "INFO", **fields, "ts": ts})


def _digest(rng: random.Random) -> str:
    return f"0x{rng.getrandbits(256):064x}"


def _block_import(rng: random.Random, _peers: Sequence[str], _socket: int) -> tuple[str, Fields]:
    return "block.import", {
        "best": _digest(rng), "height": rng.randrange(10**6, 10**7), "origin": "NetworkBroadcast",
    }  # fmt: skip


def _finalized(rng: random.Random, _peers: Sequence[str], _socket: int) -> tuple[str, Fields]:
    return "notify.finalized", {"best": _digest(rng), "height": str(rng.randrange(10**6, 10**7))}


def _interval(rng: random.Random, _peers: Sequence[str], _socket: int) -> tuple[str, Fields]:
    return "system.interval", {
        "best": _digest(rng), "height": rng.randrange(10**6, 10**7), "txcount": rng.randrange(50),
        "finalized_hash": _digest(rng), "finalized_height": rng.randrange(10**6, 10**7),
        "used_state_cache_size": rng.randrange(10**7),
    }  # fmt: skip


def _traffic(rng: random.Random, _peers: Sequence[str], _socket: int) -> tuple[str, Fields]:
    return "system.interval", {
        "peers": rng.randrange(50), "bandwidth_download": rng.randrange(10**5),
        "bandwidth_upload": rng.randrange(10**5),
    }  # fmt: skip


def _txpool(rng: random.Random, _peers: Sequence[str], _socket: int) -> tuple[str, Fields]:
    return "txpool.import", {"future": rng.randrange(10), "ready": rng.randrange(1000)}


def _prevote(rng: random.Random, _peers: Sequence[str], _socket: int) -> tuple[str, Fields]:
    return "afg.received_prevote", {
        "target_hash": _digest(rng), "target_number": str(rng.randrange(10**6, 10**7)),
        "voter": f'"5DC5EPxFEaSFHycL{rng.getrandbits(128):032x}"',
    }  # fmt: skip


def _span(rng: random.Random, _peers: Sequence[str], _socket: int) -> tuple[str, Fields]:
    name = rng.choice(("execute_block", "initialize_block", "apply_extrinsic", "finalize_block"))
    return "tracing.profiling", {
        "name": name, "target": rng.choice(("frame_system", "pallet_balances", "pallet_staking")),
        "time": rng.randrange(10**6), "id": rng.randrange(10**6), "parent_id": None, "values": {},
    }  # fmt: skip


def _network_state(
    rng: random.Random, peers: Sequence[str], socket: int, known: int = STATE_PEERS
) -> tuple[str, Fields]:
    seen = rng.sample(peers, min(known, len(peers)))
    return "system.network_state", {"state": {
        "peerId": peers[socket], "listenedAddresses": ["/ip4/192.168.2.2/tcp/30333"], "externalAddresses": [],
        "averageUploadPerSec": rng.randrange(10**5), "averageDownloadPerSec": rng.randrange(10**5),
        "connectedPeers": {peer: {
            "endpoint": {"dialing": "/ip4/10.0.0.1/tcp/30333"}, "enabled": True, "open": True,
            "latestPingTime": {"nanos": 704829223, "secs": 0},
            "versionString": "Parity Polkadot/v0.8.14-d0e553fe-x86_64-linux-gnu",
        } for peer in seen[:8]},
        "notConnectedPeers": {},
        "peerset": {"message_queue": 0, "reserved_only": False, "nodes": {
            peer: {"connected": at < 8, "reputation": rng.randrange(-5000, 5000)}
            for at, peer in enumerate(seen)
        }},
    }}  # fmt: skip


_Kind = Callable[[random.Random, Sequence[str], int], tuple[str, Fields]]
_KINDS: dict[_Kind, int] = {
    _interval: 20, _traffic: 20, _block_import: 18, _finalized: 16, _txpool: 12, _prevote: 9, _span: 4,
    _network_state: 1,
}  # fmt: skip
"""How many of a hundred messages are of which kind."""
