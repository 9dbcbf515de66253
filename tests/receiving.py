"""A receiver of our own that ends connections when a test wants: what a node sees of one that fails."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve


class Receiver:
    """Keeps what it read, connection by connection."""

    def __init__(self) -> None:
        self.connections: list[list[bytes]] = []
        self.paths: list[str] = []
        self.texts = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/"

    @property
    def messages(self) -> list[bytes]:
        """Everything that was read, once per time that it was."""
        return [message for connection in self.connections for message in connection]

    def read(self, connection: ServerConnection) -> Iterator[bytes]:
        """Messages of one connection, kept as they come."""
        kept: list[bytes] = []
        self.connections.append(kept)
        self.paths.append(connection.request.path if connection.request else "")
        with contextlib.suppress(ConnectionClosed):
            for message in connection:
                self.texts += isinstance(message, str)
                kept.append(message.encode() if isinstance(message, str) else message)
                yield kept[-1]


@contextlib.contextmanager
def receiving(
    behave: Callable[[Receiver, ServerConnection], None], *, max_size: int | None = 2**20
) -> Iterator[Receiver]:
    """Serve nodes as `behave` says; a connection ends with it."""
    receiver = Receiver()
    with serve(
        lambda connection: behave(receiver, connection), "127.0.0.1", 0, max_size=max_size, close_timeout=1
    ) as server:
        receiver.port = server.socket.getsockname()[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield receiver
        server.shutdown()
        thread.join()
