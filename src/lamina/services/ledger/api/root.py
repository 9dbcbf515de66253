"""`GET /` and `GET /api/v1/` (spec/ledger.md 3.1, 3.2)."""

from collections.abc import Callable, Sequence

from lamina.kernel.contracts import ASGIApp, Receive, Scope, Send
from lamina.kernel.web.respond import Reply, json_response
from lamina.services.ledger import render


class GetRoot:
    """What this node is and where its API is."""

    def __init__(self, public_key: str, keyring: Callable[[], Sequence[str]], streams: str) -> None:
        """Prepare.

        Args:
            public_key: this node's.
            keyring: says who the other members are now; they may change while the process runs.
            streams: URL of the event stream.
        """
        self._public_key = public_key
        self._keyring = keyring
        self._streams = streams

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        await json_response(send, 200, render.root(self._public_key, self._keyring(), self._streams))


def get_api_v1(streams: str) -> ASGIApp:
    """Where the collections are: fixed for the life of the process."""
    return Reply(200, render.api_v1(streams))
