"""What `lamina demo` tells of telemetry: two nodes report, and are asked about, through public doors only."""

import secrets
import time
from hashlib import blake2b

import httpx

from lamina.cli.narrator import Narrator
from lamina.cli.status import PlatformUnreachable
from lamina.sdk.telemetry import Identity, TelemetryClient, TelemetryError

CHAIN = "Lamina demo"
PATIENCE_S = 10.0
BLOCKS = 3
_GENESIS = "0x" + blake2b(CHAIN.encode(), digest_size=32).hexdigest()


def tell(url: str, narrator: Narrator) -> None:
    """Tell it of the telemetry at a URL.

    Raises:
        PlatformUnreachable: nothing answers there.
        TelemetryError: telemetry does not do what it should.
    """
    try:
        with TelemetryClient(url) as telemetry:
            _tell(telemetry, url, narrator)
    except (httpx.TransportError, OSError) as failure:
        raise PlatformUnreachable(f"No telemetry answers at {url}") from failure


def _tell(telemetry: TelemetryClient, url: str, narrator: Narrator) -> None:
    narrator.chapter("Telemetry: two nodes say hello, import blocks, and are watched")
    alice, bob = (_invent(name) for name in ("Alice", "Bob"))
    with telemetry.send(alice) as one, telemetry.send(bob) as other:
        for height in range(1, BLOCKS + 1):
            for node in (one, other):
                node.send("block.import", height=height, best=_hash(height), origin="NetworkBroadcast")
        one.send("system.interval", peers=1, height=BLOCKS, best=_hash(BLOCKS), txcount=0)
        one.send("notify.finalized", height=str(BLOCKS - 1), best=_hash(BLOCKS - 1))
        one.flush()
        other.flush()
        narrator.say(f"{alice.name} and {bob.name} sent by websocket; a node would with:")
        narrator.say(f"  --telemetry-url '{_socket(url)}/ 1'")
        totals = {
            each.network_id: _await_totals(telemetry, each, count) for each, count in ((alice, 6), (bob, 4))
        }
    for identity in (alice, bob):
        stored = ", ".join(f"{qty} {kind}" for kind, qty in totals[identity.network_id].items())
        narrator.say(f"Stored of {identity.name}: {stored}")
    newest = telemetry.logs(alice.network_id, msg="block.import", limit=1)[0]
    narrator.say(
        f"The last block that {alice.name} logged: {newest['logs']['height']} at {newest['created_at']}"
    )
    narrator.say(f"{url}/nodes/logs?peer_id={alice.network_id}")
    narrator.say(f"Look at the nodes that are connected: {url}/dashboard/live")


def _invent(name: str) -> Identity:
    peer_id = f"12D3KooWDemo{secrets.token_hex(8)}"
    return Identity(peer_id, f"{name}'s node", CHAIN, "Lamina demo", "1.0.0", genesis_hash=_GENESIS)


def _hash(height: int) -> str:
    return f"0x{blake2b(height.to_bytes(8, 'big'), digest_size=32).hexdigest()}"


def _socket(url: str) -> str:
    return f"ws{url.removeprefix('http')}"


def _await_totals(telemetry: TelemetryClient, identity: Identity, count: int) -> dict[str, int]:
    """What is stored of a node, once everything that it said is."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        totals = {each["log_type"]: each["qty"] for each in telemetry.log_stats(identity.network_id)}
        if sum(totals.values()) >= count:
            return totals
        if time.monotonic() > deadline:
            raise TelemetryError(504, f"Not stored after {PATIENCE_S:.0f} s: {totals}. Run: lamina status")
        time.sleep(0.05)
