"""Follows a node's event stream in a thread, and counts what it announces."""

import json
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager

from tests.running_platform import RunningPlatform
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

HEARD_WITHIN_S = 30.0


class StreamListener:
    """One subscriber of one node.

    Attributes:
        announced: how often each transaction was announced.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.announced: Counter[str] = Counter()
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._listen, args=(socket,), name="listener")
        self._thread.start()

    def _listen(self, socket: ClientConnection) -> None:
        try:
            for message in socket:
                with self._changed:
                    self.announced[json.loads(message)["transaction_id"]] += 1
                    self._changed.notify_all()
        except ConnectionClosed:
            return

    def wait_for(self, tx_ids: Collection[str]) -> None:
        """Wait until each of these has been announced."""
        with self._changed:
            heard = self._changed.wait_for(lambda: self.announced.keys() >= set(tx_ids), HEARD_WITHIN_S)
        assert heard, f"not announced: {set(tx_ids) - self.announced.keys()}"

    def join(self) -> None:
        """Wait for the end of a closed connection."""
        self._thread.join()


@contextmanager
def listening(nodes: Collection[RunningPlatform]) -> Iterator[list[StreamListener]]:
    """One listener for each node, all of them subscribed before anything else happens."""
    with ExitStack() as stack:
        listeners: list[StreamListener] = []
        for node in nodes:
            socket = stack.enter_context(connect(node.stream_url, proxy=None))
            listener = StreamListener(socket)
            stack.callback(listener.join)
            stack.callback(socket.close)
            listeners.append(listener)
        yield listeners
