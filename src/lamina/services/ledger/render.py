"""Model to wire: the only place, beside the format's own codecs, that writes the original's field names."""

import json
from collections.abc import Iterable, Sequence

import orjson

from lamina.services.ledger.model.rejection import Rejection
from lamina.services.ledger.model.transaction import Outpoint

SOFTWARE = "BigchainDB"
VERSION = "1.0.1"
# Compat: the drivers' tests compare these objects whole (spec/ledger.md 3.1, 3.2).
_DOCS = "https://docs.bigchaindb.com/projects/server/en/v1.0.1/"
_API_DOCS = f"{_DOCS}http-client-server-api.html"
_COLLECTIONS = ("assets", "outputs", "statuses", "transactions")


def root(public_key: str, keyring: Sequence[str], streams: str) -> bytes:
    """`GET /`."""
    return _pretty(
        {
            "api": {"v1": _endpoints("/api/v1/", streams)},
            "docs": _DOCS,
            "keyring": list(keyring),
            "public_key": public_key,
            "software": SOFTWARE,
            "version": VERSION,
        }
    )


def api_v1(streams: str) -> bytes:
    """`GET /api/v1/`."""
    return _pretty(_endpoints("/", streams))


def _endpoints(prefix: str, streams: str) -> dict[str, str]:
    return {"docs": _API_DOCS, "streams": streams, **{name: f"{prefix}{name}/" for name in _COLLECTIONS}}


def _pretty(document: object) -> bytes:
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def failure(message: str, status: int) -> bytes:
    """An application error: message and status."""
    return orjson.dumps({"message": message, "status": status})


def parameter_failure(parameter: str, text: str) -> bytes:
    """A parameter error: the parameter and what is wrong with it."""
    return orjson.dumps({"message": {parameter: text}})


def bare_failure(message: str) -> bytes:
    """An error of the HTTP layer: only a message."""
    return orjson.dumps({"message": message})


def status(word: str) -> bytes:
    """`GET /statuses`."""
    return b'{"status": "%s"}' % word.encode()


def array(documents: Iterable[bytes]) -> bytes:
    """A JSON list of documents that are JSON already."""
    return b"[" + b", ".join(documents) + b"]"


def outputs(found: Iterable[Outpoint]) -> list[bytes]:
    """`GET /outputs`: one document an output."""
    return [
        b'{"transaction_id": "%s", "output_index": %d}' % (o.tx_id.encode(), o.output_index) for o in found
    ]


def asset(asset_id: str, body: bytes) -> bytes:
    """`GET /assets`: an asset's payload, cut out of its CREATE transaction's canonical bytes.

    Canonical member order puts the asset first and the id right behind it, and no payload can contain the
    hash of the transaction that contains it.
    """
    name = asset_id.encode()
    data = body[len(b'{"asset":{"data":') : body.index(b'},"id":"%s",' % name)]
    return b'{"data": %s, "id": "%s"}' % (data, name)


def event(block_id: str, tx_id: str, asset_id: str) -> str:
    """One frame of the event stream (spec/ledger.md 4)."""
    return f'{{"block_id": "{block_id}", "asset_id": "{asset_id}", "transaction_id": "{tx_id}"}}'


def rejections(page: Sequence[Rejection]) -> bytes:
    """The admin list of rejected transactions."""
    return orjson.dumps(
        [
            {
                "transaction_id": entry.tx_id,
                "reason": entry.reason,
                "detail": entry.detail,
                "accepted_at": entry.accepted_at,
                "rejected_at": entry.rejected_at,
            }
            for entry in page
        ]
    )
