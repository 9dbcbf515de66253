"""The live view under what the open internet sends, and against a recomputation from nothing."""

import json
from collections import Counter
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.live_documents import GENESIS, OTHER_GENESIS, T0, block, block_hash, connected, finalized

from lamina.services.telemetry.live.changes import Change
from lamina.services.telemetry.live.feed import Feed
from lamina.services.telemetry.live.feed_client import FeedClient
from lamina.services.telemetry.live.limits import LiveLimits
from lamina.services.telemetry.live.objects import chain_objects, events, node_objects
from lamina.services.telemetry.live.view import LiveView

STALE_MS = 120_000

any_text = st.text(st.characters(), max_size=8)  # lone surrogates too
any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.integers(-1, 2**65)
    | st.floats()
    | any_text
    | st.sampled_from(["1" * 5000, "-0", "1e9", "\x00", "٣", [300] * 32, [True] * 32, ["a"] * 32]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)


def mostly(good: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda chance: any_json if chance == 9 else good)


heights = st.integers(0, 30)
hashes = st.sampled_from([block_hash(height) for height in range(3)] + [[7] * 32, GENESIS.upper()])
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "genesis_hash": mostly(st.sampled_from([GENESIS, OTHER_GENESIS, [9] * 32, None])),
    "chain": mostly(st.sampled_from(["One", "Two", "Spam"])),
    "name": mostly(st.just("n")),
    "implementation": mostly(st.just("i")),
    "version": mostly(st.sampled_from(["1.0", "0.9.17-75dd6c7d0-x86_64-linux-gnu"]) | any_text),
    "network_id": mostly(st.just("12D3")),
    "target_os": mostly(st.just("linux")),
    "sysinfo": mostly(
        st.fixed_dictionaries(
            {},
            optional={
                "cpu": mostly(st.just("AMD")),
                "memory": mostly(st.integers(0, 2**38)),
                "core_count": mostly(st.integers(1, 9)),
                "linux_kernel": mostly(st.just("5.1-2")),
                "is_virtual_machine": mostly(st.booleans()),
            },
        )
    ),
    "startup_time": mostly(st.just("1614576443919")),
    "validator": any_json,
    "ip": any_json,
    "height": mostly(heights | heights.map(str)),
    "best": mostly(hashes),
    "finalized_height": mostly(heights),
    "finalized_hash": mostly(hashes),
    "peers": mostly(heights),
    "txcount": mostly(heights),
    "bandwidth_upload": mostly(st.floats(0, 1e9)),
    "bandwidth_download": mostly(st.floats(0, 1e9)),
    "used_state_cache_size": mostly(st.floats(0, 1e9)),
    "authority_id": mostly(st.just("5w2B")),
    "cpu_hashrate_score": mostly(heights),
    "memory_memcpy_score": mostly(heights),
    "disk_random_write_score": mostly(heights),
}
OF_MESSAGE: dict[str, list[str]] = {
    "system.connected": list(FIELDS)[:11],
    "block.import": ["height", "best"],
    "system.interval": list(FIELDS)[11:20],
    "notify.finalized": ["height", "best"],
    "afg.authority_set": ["authority_id"],
    "sysinfo.hwbench": list(FIELDS)[21:],
}


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Messages that are nearly right, and objects that are nothing."""
    known = [
        st.fixed_dictionaries({"msg": st.just(message), **{name: FIELDS[name] for name in names}})
        for message, names in OF_MESSAGE.items()
    ]
    cut = st.one_of(known).flatmap(
        lambda document: st.sets(st.sampled_from(sorted(document)), max_size=1).map(
            lambda gone: {name: value for name, value in document.items() if name not in gone}
        )
    )
    return st.one_of(cut, cut, cut, st.dictionaries(st.just("msg") | any_text, any_json, max_size=3))


JOINED = [("a", None, 0, connected()), (3, 1, 0, connected()), (3, 2, 0, connected(chain="Two"))]
steps = st.lists(
    st.tuples(
        st.sampled_from(["a", ("b", 1), 3]),
        mostly(st.sampled_from([None, None, 1, 2])),
        st.sampled_from([-5, 0, 50, 700, 6000, 50_000, 130_000]),
        documents(),
    ),
    max_size=25,
)
limits = st.builds(
    LiveLimits,
    max_nodes_per_connection=st.sampled_from([0, 1, 20]),
    stale_node_timeout_seconds=st.sampled_from([0, 60]),
    denylist=st.sampled_from([frozenset[str](), frozenset({"Spam"})]),
    max_third_party_nodes=st.sampled_from([0, 2]),
    first_party_genesis_hashes=st.just(frozenset({OTHER_GENESIS})),
    expose_node_details=st.booleans(),
)


def assert_consistent(view: LiveView) -> None:
    for genesis_hash, chain in view.chains.items():
        assert chain.genesis_hash == genesis_hash
        assert chain.nodes
        live = [node for node in chain.nodes.values() if not node.is_stale]
        assert chain.best.height >= max((node.best.height for node in live), default=0)
        assert chain.finalized.height >= max((node.finalized.height for node in live), default=0)
        assert (chain.timestamp_ms is None) == (chain.best.height == 0)
        assert all(node.genesis_hash == genesis_hash for node in chain.nodes.values())
        assert all(node.node_id == node_id for node_id, node in chain.nodes.items())
        names = Counter(node.details.chain for node in chain.nodes.values())
        assert names[chain.label] == max(names.values())


@settings(max_examples=250, deadline=None)
@given(limits, steps)
def test_nothing_that_is_sent_raises_or_confuses(chosen: LiveLimits, sent: list[Any]) -> None:
    view = LiveView(chosen)
    feed = Feed(view, "abc")
    client, now_ms = FeedClient(feed), T0

    def tell(changes: Any) -> None:
        client.take(feed.update(changes))
        assert all(orjson.dumps(event.data) for event in events(view, changes))

    for connection_id, envelope_id, passed_ms, document in [*JOINED, *sent]:
        now_ms += passed_ms
        tell(view.hear(now_ms, connection_id, envelope_id, None, document))
        assert_consistent(view)
        client.command(now_ms, f"subscribe:{GENESIS}")
        tell(view.tick(now_ms))
        assert_consistent(view)
    for frame in client.drain():
        actions = json.loads(frame)
        assert len(actions) % 2 == 0
        assert {type(action) for action in actions[::2]} == {int}
    orjson.dumps(chain_objects(view))
    for chain in view.chains.values():
        orjson.dumps([node_objects(view, chain), chain.statistics])
    for connection_id in ("a", ("b", 1), 3):
        tell(view.leave(connection_id))
    assert not view.chains


@settings(max_examples=100, deadline=None)
@given(limits, steps)
def test_the_same_calls_give_the_same_state(chosen: LiveLimits, sent: list[Any]) -> None:
    def run() -> list[bytes]:
        view = LiveView(chosen)
        client = FeedClient(Feed(view, ""))
        now_ms = T0
        for connection_id, envelope_id, passed_ms, document in [*JOINED, *sent]:
            now_ms += passed_ms
            view.hear(now_ms, connection_id, envelope_id, None, document)
            view.tick(now_ms)
        for genesis_hash in (GENESIS, OTHER_GENESIS):
            client.command(now_ms, f"subscribe:{genesis_hash}")
        return client.drain()

    assert run() == run()


class Screen:
    """What a client of the feed knows of the chain it subscribed to, from frames alone."""

    def __init__(self) -> None:
        self.chains: dict[str, tuple[str, int]] = {}
        self.nodes: dict[int, list[Any]] = {}
        self.finalized: dict[int, list[Any]] = {}
        self.stale: set[int] = set()
        self.best: list[Any] = []
        self.best_finalized: list[Any] = []
        self.statistics: Any = None

    def show(self, frames: list[bytes]) -> None:
        for frame in frames:
            actions = json.loads(frame)
            for action, payload in zip(actions[::2], actions[1::2], strict=True):
                self._show(action, payload)

    def _show(self, action: int, payload: Any) -> None:
        match action:
            case 1:
                self.best = payload
            case 2:
                self.best_finalized = payload
            case 3:
                self.nodes[payload[0]] = payload
                self.finalized.setdefault(payload[0], [0, block_hash(0)])
            case 4:
                del self.nodes[payload], self.finalized[payload]
                self.stale.discard(payload)
            case 6:
                self.nodes[payload[0]][5] = payload[1]
                self.stale.discard(payload[0])
            case 7:
                self.finalized[payload[0]] = payload[1:]
            case 8:
                self.nodes[payload[0]][2] = payload[1]
            case 9:
                self.nodes[payload[0]][4] = payload[1]
            case 11:
                self.chains[payload[1]] = (payload[0], payload[2])
            case 12:
                del self.chains[payload]
            case 13:
                assert payload == GENESIS
            case 20:
                assert payload in self.nodes
                self.stale.add(payload)
            case 21:
                self.nodes[payload[0]][3] = payload[1]
            case 22:
                self.statistics = payload
            case _:
                assert action in {0, 5, 10, 23}


class Naive:
    """A chain as B.2 says it, looking at everything each time."""

    def __init__(self) -> None:
        self.nodes: dict[int, dict[str, Any]] = {}
        self.label = ""
        self.best = self.finalized = 0
        self.timestamp_ms: int | None = None

    def join(self, now_ms: int, connection: int, name: str) -> None:
        free = next(i for i in range(99) if i not in [node["id"] for node in self.nodes.values()])
        self.nodes[connection] = {
            "id": free,
            "chain": name,
            "height": 0,
            "at": now_ms,
            "finalized": 0,
            "stale": False,
        }
        self.relabel()

    def relabel(self) -> None:
        names = Counter(node["chain"] for node in self.nodes.values())
        most = {name for name, count in names.items() if count == max(names.values())}
        if self.label not in most and most:
            (self.label,) = most  # with two names nobody else can be as frequent

    def block(self, now_ms: int, connection: int, height: int) -> None:
        node = self.nodes[connection]
        if self.timestamp_ms is not None and now_ms - self.timestamp_ms > STALE_MS:
            for other in self.nodes.values():
                other["stale"] |= now_ms - other["at"] > STALE_MS
            live = [other for other in self.nodes.values() if not other["stale"]]
            self.best = max((other["height"] for other in live), default=0)
            self.finalized = max((other["finalized"] for other in live), default=0)
            at_best = [other["at"] for other in live if other["height"] == self.best > 0]
            self.timestamp_ms = min(at_best, default=None)
        if height <= node["height"]:
            return
        if height > self.best:
            self.best, self.timestamp_ms = height, now_ms
        if node["stale"]:
            self.finalized = max(self.finalized, node["finalized"])
        node.update(height=height, at=now_ms, stale=False)

    def finalize(self, connection: int, height: int) -> None:
        node = self.nodes[connection]
        if height > node["finalized"]:
            node["finalized"] = height
            self.finalized = max(self.finalized, height)


class LiveChain(RuleBasedStateMachine):
    """One chain, some connections, and a client that subscribed when the first node joined."""

    connections = st.integers(0, 5)

    @initialize()
    def begin(self) -> None:
        self.view = LiveView(LiveLimits())
        self.feed = Feed(self.view, "abc")
        self.client = FeedClient(self.feed)
        self.screen = Screen()
        self.naive = Naive()
        self.now_ms = T0
        self.join(0, "One")
        self.client.command(self.now_ms, f"subscribe:{GENESIS}")

    def hear(self, connection: int, document: dict[str, Any]) -> None:
        self.tell(list(self.view.hear(self.now_ms, connection, None, None, document)))

    def tell(self, changes: list[Change]) -> None:
        self.client.take(self.feed.update(changes))

    @rule(passed_ms=st.sampled_from([1, 150, 1100, 6000, 59_000, 120_000, 121_000]))
    def wait(self, passed_ms: int) -> None:
        self.now_ms += passed_ms
        self.tell(list(self.view.tick(self.now_ms)))

    @rule(connection=connections, name=st.sampled_from(["One", "Two"]))
    def join(self, connection: int, name: str) -> None:
        self.hear(connection, connected(chain=name))
        if connection not in self.naive.nodes:
            self.naive.join(self.now_ms, connection, name)

    @precondition(lambda self: len(self.naive.nodes) > 1)
    @rule(connection=connections)
    def leave(self, connection: int) -> None:
        if set(self.naive.nodes) != {connection}:
            self.tell(list(self.view.leave(connection)))
            self.naive.nodes.pop(connection, None)
            self.naive.relabel()

    @rule(connection=connections, height=st.integers(0, 12))
    def import_block(self, connection: int, height: int) -> None:
        self.hear(connection, block(height))
        if connection in self.naive.nodes:
            self.naive.block(self.now_ms, connection, height)

    @rule(connection=connections, height=st.integers(0, 12))
    def finalize(self, connection: int, height: int) -> None:
        self.hear(connection, finalized(height))
        if connection in self.naive.nodes:
            self.naive.finalize(connection, height)

    @rule(connection=connections, peers=st.integers(0, 3), height=st.integers(0, 12))
    def report(self, connection: int, peers: int, height: int) -> None:
        numbers = {"peers": peers, "bandwidth_upload": peers, "used_state_cache_size": height}
        self.hear(
            connection, {"msg": "system.interval", "height": height, "best": block_hash(height), **numbers}
        )
        if connection in self.naive.nodes:
            self.naive.block(self.now_ms, connection, height)

    @invariant()
    def view_is_as_recomputed(self) -> None:
        chain = self.view.chains[GENESIS]
        assert (chain.best.height, chain.timestamp_ms) == (self.naive.best, self.naive.timestamp_ms)
        assert (chain.finalized.height, chain.label) == (self.naive.finalized, self.naive.label)
        shown = {
            node_id: (node.best.height, node.finalized.height, node.is_stale, node.details.chain)
            for node_id, node in chain.nodes.items()
        }
        expected = {
            node["id"]: (node["height"], node["finalized"], node["stale"], node["chain"])
            for node in self.naive.nodes.values()
        }
        assert shown == expected

    @invariant()
    def increments_come_to_what_a_snapshot_shows(self) -> None:
        self.screen.show(self.client.drain())
        late, fresh = FeedClient(self.feed), Screen()
        late.command(self.now_ms, f"subscribe:{GENESIS}")
        fresh.show(late.drain())
        chain = self.view.chains[GENESIS]
        if chain.timestamp_ms is None:  # a snapshot says 0 then, an increment when the best was lost
            fresh.best[1:] = self.screen.best[1:]
        for screen in (self.screen, fresh):
            for node in screen.nodes.values():
                node[5] = None  # while a node syncs, not every block is told
        assert vars(self.screen) == vars(fresh)


TestLiveChain = LiveChain.TestCase
TestLiveChain.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
