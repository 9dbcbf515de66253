"""`GET /` and `GET /api/v1/` (spec/ledger.md 3.1, 3.2): fixed for the life of the process."""

from lamina.kernel.contracts import ASGIApp
from lamina.kernel.web.respond import Reply
from lamina.services.ledger import render


def get_root(public_key: str, keyring: tuple[str, ...], streams: str) -> ASGIApp:
    """What this node is and where its API is."""
    return Reply(200, render.root(public_key, keyring, streams))


def get_api_v1(streams: str) -> ASGIApp:
    """Where the collections are."""
    return Reply(200, render.api_v1(streams))
