"""Messages as nodes write them (spec/telemetry.md 3.5, 13), invented from a seed; structure is real, values are not.

`Node` is one node: what it says in the flat shape of old nodes or in the envelope of newer ones.
"""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

Payload = dict[str, Any]
Field = Callable[[random.Random], Any]

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
CONNECTED = "system.connected"
NETWORK_STATE = "system.network_state"
BEGINNING = datetime(2021, 3, 1, 12, tzinfo=UTC)


def digest(rng: random.Random) -> str:
    """A hash as nodes write it."""
    return f"0x{rng.getrandbits(256):064x}"


def peer_id(rng: random.Random) -> str:
    """A base58 peer id of either generation."""
    prefix, length = rng.choice((("Qm", 44), ("12D3KooW", 44)))
    return prefix + "".join(rng.choices(_BASE58, k=length))


def small(rng: random.Random) -> int:
    return rng.randrange(1000)


def height(rng: random.Random) -> int:
    return rng.randrange(10_000_000)


def decimal(rng: random.Random) -> str:
    """A number that debug formatting made a text."""
    return str(rng.randrange(10_000_000))


def debug(rng: random.Random) -> str:
    """Debug formatting of a structure, with everything that has to be escaped in JSON."""
    return f'Header {{ parent: {digest(rng)}, note: "quoted \\ \t", authorities: [(Public({digest(rng)}), {small(rng)})] }}'


def quoted(rng: random.Random) -> str:
    """A text that contains its own quotes."""
    return json.dumps("5G" + "".join(rng.choices(_BASE58, k=46)))


def span(rng: random.Random) -> str:
    return rng.choice(("execute_block", "pallet_balances::transfer", "on_initialize", "finalize ✓"))


def values(rng: random.Random) -> Payload:
    return {} if rng.random() < 0.5 else {"block": decimal(rng), "ext": digest(rng)}


TYPES: dict[str, dict[str, Field]] = {
    "block.import": {
        "height": height,
        "best": digest,
        "origin": lambda rng: rng.choice(("Own", "NetworkBroadcast", "NetworkInitialSync", "File")),
    },
    "notify.finalized": {"height": decimal, "best": digest},
    "txpool.import": {"ready": small, "future": small},
    "system.interval": {
        "peers": small, "height": height, "best": digest, "txcount": small, "finalized_height": height,
        "finalized_hash": digest, "bandwidth_download": height, "bandwidth_upload": height,
        "used_state_cache_size": height, "cpu": lambda rng: rng.random() * 100,
    },
    "tracing.profiling": {
        "name": span, "target": span, "time": height, "id": lambda rng: rng.getrandbits(64),
        "parent_id": lambda rng: rng.choice((None, rng.getrandbits(64))), "values": values,
    },
    "tracing.event": {"name": span, "target": span, "parent_id": lambda _rng: None, "values": values},
    "prepared_block_for_proposing": {"number": decimal, "hash": digest},
    "slots.starting_authorship": {"slot_num": height, "timestamp": height},
    "slots.pre_sealed_block": {"header_num": decimal, "hash_now": digest, "hash_previously": digest},
    "slots.err_with_block_built_on": {"hash": digest, "err": debug},
    "slots.skipping_proposal_slot": {"authorities_len": small},
    "slots.unable_fetching_authorities": {"slot": digest, "err": debug},
    "babe.checked_and_importing": {"pre_header": debug},
    "aura.header_too_far_in_future": {"hash": digest, "a": debug, "b": debug},
    "aura.halting_for_future_block": {"diff": decimal},
    "afg.authority_set": {
        "authority_id": quoted, "authority_set_id": decimal,
        "authorities": lambda rng: json.dumps([quoted(rng) for _ in range(3)]), "number": decimal, "hash": digest,
    },
    "afg.received_prevote": {"voter": quoted, "target_number": decimal, "target_hash": digest},
    "afg.prevote_issued": {"round": small, "target_number": decimal, "target_hash": digest},
    "afg.received_commit": {
        "contains_precommits_signed_by": debug, "target_number": decimal, "target_hash": digest,
    },
    "afg.announcing_blocks_to_voted_peers": {"block": digest, "round": decimal, "set_id": decimal},
    "afg.finalized_blocks_up_to": {"number": decimal, "hash": digest},
    "afg.bad_commit_msg_signature": {"id": debug},
    "afg.err_decoding_msg": {"": lambda _rng: ""},
    "sysinfo.hwbench": {
        "cpu_hashrate_score": height, "memory_memcpy_score": height,
        "disk_sequential_write_score": lambda rng: rng.choice((None, small(rng))),
    },
}  # fmt: skip
"""What nodes say beside greetings and network states: the fields of each type."""

SMALL_TYPES = ("block.import", "notify.finalized", "txpool.import", "system.interval")
"""Nearly all of what an ordinary node says."""


def ts(moment: datetime, rng: random.Random) -> str:
    """The moment as some node's clock shows it: any offset, nine fractional digits."""
    local = moment.astimezone(timezone(timedelta(minutes=rng.choice((0, 60, -480, 330)))))
    return f"{local:%Y-%m-%dT%H:%M:%S.%f}{rng.randrange(1000):03d}{local.isoformat()[-6:]}"


@dataclass
class Node:
    """One node, which always says the same again when it is made from the same seed.

    Attributes:
        envelope: the number of this node on its connection in the envelope shape; None for the flat shape.
        at: the time of its next message.
    """

    seed: int
    envelope: int | None = None
    at: datetime = BEGINNING
    step: timedelta = timedelta(milliseconds=7)
    rng: random.Random = field(init=False)
    peer_id: str = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.peer_id = peer_id(self.rng)
        self.name = f"node {self.seed} \N{SNOWMAN} \"quoted\" 'too'"

    def say(self, payload: Payload) -> Payload:
        """A payload as this node sends it."""
        ts_text = ts(self.at, self.rng)
        self.at += self.step
        if self.envelope is None:
            return {**payload, "level": "INFO", "ts": ts_text}
        return {"id": self.envelope, "ts": ts_text, "payload": payload}

    def hello(self, **changed: Any) -> Payload:
        """`system.connected`."""
        payload = {
            "msg": CONNECTED, "name": self.name, "implementation": "tetcore-node", "version": "2.0.0-x86_64-linux-gnu",
            "config": "", "chain": "Development", "authority": True, "startup_time": "1614600000123",
            "network_id": self.peer_id, "genesis_hash": digest(random.Random(7)), **changed,
        }  # fmt: skip
        if self.envelope is not None:
            payload |= {
                "target_os": "linux",
                "sysinfo": {"cpu": "Ryzen", "core_count": 8, "is_virtual_machine": False},
            }
        return self.say(payload)

    def network_state(self, others: Iterable[tuple[str, int, bool]] = (), *, sets: bool = False) -> Payload:
        """`system.network_state` with the reputations of other nodes, in either form of the peerset."""
        nodes = {other: {"connected": connected, "reputation": value} for other, value, connected in others}
        peerset: Payload = {"message_queue": 0}
        if sets:
            peerset["sets"] = [{"nodes": nodes, "reserved_nodes": [], "reserved_only": False}]
        else:
            peerset |= {"nodes": nodes, "reserved_only": False}
        state = {"peerId": self.peer_id, "connectedPeers": {}, "notConnectedPeers": {}, "peerset": peerset}
        return self.say({"msg": NETWORK_STATE, "state": state})

    def message(self, kind: str | None = None) -> Payload:
        """A message of one type, or of any."""
        msg = kind or self.rng.choice(tuple(TYPES))
        return self.say({"msg": msg, **{name: make(self.rng) for name, make in TYPES[msg].items()}})

    def talk(self, count: int, kinds: tuple[str, ...] = tuple(TYPES)) -> Iterator[Payload]:
        """A greeting and then messages, `count` together; every type comes as often as another."""
        for number in range(count):
            yield self.message(kinds[number % len(kinds)]) if number else self.hello()


def stored(message: Payload) -> Payload:
    """What the service keeps of a message (spec/telemetry.md 3.5)."""
    payload = message.get("payload")
    if "msg" in message or not isinstance(payload, dict) or not isinstance(payload.get("msg"), str):
        return message
    kept = {"ts": message["ts"], **payload}
    return {**kept, "telemetry_id": message["id"]} if "id" in message else kept
