"""Many nodes that talk at once and know what they said."""

import contextlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from tests.telemetry_messages import SMALL_TYPES, Node
from tests.telemetry_service import Telemetry, frames
from tests.websocket_frames import CLOSE, PONG, TIMEOUT_S, WebSocket, plain

PATHS = ("/", "/audit")
CHUNK = 20
_seeds = itertools.count(random.SystemRandom().randrange(2**40))


def new_node(envelope: int | None = None) -> Node:
    """A node that no other test knows."""
    return Node(next(_seeds), envelope)


class Load:
    """Sockets that say as much as they may until stopped, half of them on `/audit`.

    Attributes:
        nodes: who speaks; every other one in the envelope shape.
        said: how many messages of each peer the server has read, in any case those before the last pong.
    """

    def __init__(self, telemetry: Telemetry, sockets: int, pause_s: float = 0.01) -> None:
        self.nodes = [new_node(number % 2 or None) for number in range(sockets)]
        self.said: Counter[str] = Counter()
        self._telemetry = telemetry
        self._pause_s = pause_s
        self._stopping = threading.Event()

    @contextmanager
    def running(self) -> Iterator["Load"]:
        """Talk from threads of their own; in the end every socket is closed in order."""
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            talks = [threads.submit(self._talk, number) for number in range(len(self.nodes))]
            try:
                yield self
            finally:
                self._stopping.set()
        for talk in talks:
            talk.result()

    def _talk(self, number: int) -> None:
        node = self.nodes[number]
        with self._telemetry.node(PATHS[number % 2], timeout_s=4 * TIMEOUT_S) as socket:
            socket.send(frames([node.hello()]))
            self.said[node.peer_id] += 1
            while not self._stopping.is_set():
                socket.send(frames(node.message(kind) for kind in SMALL_TYPES * (CHUNK // len(SMALL_TYPES))))
                self.said[node.peer_id] += CHUNK
                time.sleep(self._pause_s)
            socket.close()

    def check(self) -> int:
        """Everything said is stored, once; returns how much that is."""
        for node in self.nodes:
            self._telemetry.wait_stored(node.peer_id, self.said[node.peer_id])
        return self.said.total()


def talk_all(telemetries: list[Telemetry], sockets: int, messages_each: int) -> dict[str, int]:
    """Say so much on so many sockets as fast as it is taken; returns how much each peer said."""
    nodes = [new_node(number % 2 or None) for number in range(sockets)]

    def talk(number: int) -> None:
        socket = telemetries[number % len(telemetries)].node(PATHS[number // 2 % 2], timeout_s=4 * TIMEOUT_S)
        with socket:
            left = messages_each
            talking = nodes[number].talk(messages_each, SMALL_TYPES)
            while left:
                count = min(left, 250)
                socket.send(frames(itertools.islice(talking, count)))
                left -= count
            socket.close()

    with ThreadPoolExecutor(min(sockets, 64)) as threads:
        list(threads.map(talk, range(sockets)))
    return {node.peer_id: messages_each for node in nodes}


def check_totals(telemetry: Telemetry, said: dict[str, int]) -> None:
    """What HTTP answers adds up to what was said, for each peer and together."""
    for peer_id, count in said.items():
        telemetry.wait_stored(peer_id, count)
    nodes = telemetry.nodes()
    assert said.keys() <= nodes.keys()
    paths = Counter(nodes[peer_id]["audit"] for peer_id in said)
    assert abs(paths[True] - paths[False]) <= 2


@contextmanager
def answering(socket: WebSocket) -> Iterator[threading.Event]:
    """Answer pings as every client does; the event is set while the connection stands."""
    lives, stopping = threading.Event(), threading.Event()
    lives.set()
    socket.socket.settimeout(0.1)

    def answer() -> None:
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                data = socket.socket.recv(2)
                if not data or data[0] & 15 == CLOSE:
                    lives.clear()
                    return
                socket.send(plain(PONG, b""))

    thread = threading.Thread(target=answer, name="pongs")
    thread.start()
    try:
        yield lives
    finally:
        stopping.set()
        thread.join()
