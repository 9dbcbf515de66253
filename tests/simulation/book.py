"""An independent reading of what became valid: who may spend what, and how much there is of it."""

import base64
import json
from collections import Counter
from typing import Any

from tests.simulation.violation import Violation

from lamina.formats import base58, signatures
from lamina.formats.transaction import signed_message, transaction_id
from lamina.services.ledger.model.entry import Entry

Document = dict[str, Any]
Output = tuple[str, int]


class Book:
    """The valid transactions, entered block by block as the first honest node decides; it trusts no rule."""

    def __init__(self) -> None:
        self.transactions: dict[str, str] = {}
        self.unspent: dict[Output, tuple[str, int, Document]] = {}
        self.spenders: dict[Output, str] = {}
        self.issued: Counter[str] = Counter()
        self.valid: list[Document] = []

    def enter(self, entry: Entry, members: frozenset[str]) -> None:
        """A block was decided valid.

        Raises:
            Violation: it must not be.
        """
        block: Document = json.loads(entry.body)["block"]
        if frozenset(block["voters"]) != members or block["node_pubkey"] not in members:
            raise Violation("R3", f"valid block {entry.block_id} names other voters than the members")
        for tx in block["transactions"]:
            self._enter(tx, entry.block_id)

    def _enter(self, tx: Document, block_id: str) -> None:
        tx_id: str = tx["id"]
        if tx_id in self.transactions:
            raise Violation("I2", f"transaction {tx_id} stands in {self.transactions[tx_id]} and {block_id}")
        if transaction_id({**tx, "inputs": [{**i, "fulfillment": None} for i in tx["inputs"]]}) != tx_id:
            raise Violation("R3", f"the id of valid transaction {tx_id} is not its hash")
        self.transactions[tx_id] = block_id
        asset_id = tx["asset"].get("id") or tx_id
        outgoing = sum(int(output["amount"]) for output in tx["outputs"])
        if tx["operation"] == "TRANSFER":
            self._spend(tx, asset_id, outgoing)
        else:
            self.issued[asset_id] += outgoing
        if not all(_is_signed(entry, signed_message(tx)) for entry in tx["inputs"]):
            raise Violation("R3", f"valid transaction {tx_id} is not signed by whom it names")
        for index, output in enumerate(tx["outputs"]):
            self.unspent[tx_id, index] = (asset_id, int(output["amount"]), tx)
        self.valid.append(tx)

    def _spend(self, tx: Document, asset_id: str, outgoing: int) -> None:
        incoming = 0
        for entry in tx["inputs"]:
            output = (entry["fulfills"]["transaction_id"], entry["fulfills"]["output_index"])
            if output in self.spenders:
                raise Violation("I1", f"{output} is spent by {self.spenders[output]} and {tx['id']}")
            if output not in self.unspent:
                raise Violation(
                    "I1", f"{output}, which {tx['id']} spends, is no output of a valid transaction"
                )
            asset, amount, source = self.unspent.pop(output)
            self.spenders[output] = tx["id"]
            if asset != asset_id:
                raise Violation("I6", f"{tx['id']} turns asset {asset} into {asset_id}")
            if source["outputs"][output[1]]["public_keys"] != entry["owners_before"]:
                raise Violation("R3", f"{tx['id']} spends {output}, which belongs to somebody else")
            incoming += amount
        if incoming != outgoing:
            raise Violation("I6", f"{tx['id']} makes {outgoing} of {incoming}")

    def check_amounts(self) -> None:
        """What was issued is there, and nothing else."""
        there: Counter[str] = Counter()
        for asset_id, amount, _ in self.unspent.values():
            there[asset_id] += amount
        if there != self.issued:
            raise Violation("I6", "the unspent amounts are not those that were issued")


def _is_signed(entry: Document, message: bytes) -> bool:
    """Single signatures only, which is what the clients use: key and signature stand at fixed places."""
    raw = base64.urlsafe_b64decode(entry["fulfillment"] + "==")
    key, signature = raw[4:36], raw[38:]
    return [base58.encode(key)] == entry["owners_before"] and signatures.verify(key, message, signature)
