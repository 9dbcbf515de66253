"""Signed transactions for tests, every one of them different."""

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

from lamina.formats import transaction as build
from lamina.formats.signatures import KeyPair

Document = dict[str, Any]


class Wallet:
    """One key that creates assets and moves them."""

    def __init__(self) -> None:
        self.key = KeyPair.generate()

    def create(
        self, amounts: Sequence[int] = (1,), *, data: Document | None = None, metadata: Document | None = None
    ) -> Document:
        """A signed CREATE with one output to this wallet for each amount."""
        outputs = [(self.key.public, amount) for amount in amounts]
        asset = {"nonce": secrets.token_hex(8), **(data or {})}
        return build.sign(build.create(self.key.public, outputs, asset, metadata), [self.key])

    def transfer(
        self, source: Document, indices: Iterable[int] | None = None, *, to: str | None = None
    ) -> Document:
        """A signed TRANSFER of some outputs of a transaction, all when none are named, into one output."""
        chosen = range(len(source["outputs"])) if indices is None else list(indices)
        amount = sum(int(source["outputs"][index]["amount"]) for index in chosen)
        asset_id = source["asset"].get("id") or source["id"]
        inputs = build.inputs_of(source, chosen)
        metadata = {"nonce": secrets.token_hex(8)}
        unsigned = build.transfer(inputs, [(to or self.key.public, amount)], asset_id, metadata)
        return build.sign(unsigned, [self.key])


def id_of(document: Document) -> str:
    """The transaction's id."""
    return document["id"]


def signed_again(document: Document, key: KeyPair) -> Document:
    """A document changed after signing, with the id and the signatures it would need; inputs of one key."""
    unsigned = {name: value for name, value in document.items() if name != "id"}
    unsigned["inputs"] = [{**entry, "fulfillment": build.ed25519(key.public)} for entry in document["inputs"]]
    return build.sign(unsigned, [key])
