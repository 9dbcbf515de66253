"""Clients with real keys: they issue, spend, spend twice, post nonsense and post again."""

from random import Random
from struct import unpack
from typing import Any

from tests.simulation.book import Book
from tests.simulation.kernel import Kernel, Pause
from tests.simulation.keys import draw_key
from tests.simulation.node import Node

from lamina.formats import transaction as build
from lamina.formats.errors import FormatError
from lamina.kernel.errors import LaminaError
from lamina.services.ledger.model.transaction import Transaction
from lamina.services.ledger.rules.form import parse_transaction

Document = dict[str, Any]
OWNERS = 4
DOUBLE, MALFORMED, AGAIN = 0.30, 0.05, 0.05
ISSUE = 0.35
BATCH_MAX = 5
POST_EVERY_S = 0.7


def odd_value(chance: Random) -> Any:
    """What JSON can hold and stores, hashes and parsers stumble over."""
    match chance.randrange(6):
        case 0:
            return unpack(
                "<d", chance.randbytes(7) + bytes([chance.choice((0x3F, 0x40, 0x7E, 0x00, 0x80, 0xC3))])
            )[0]
        case 1:
            return chance.choice((-1, 1)) * chance.getrandbits(chance.choice((8, 53, 63, 64, 65, 200)))
        case 2:
            return "".join(
                chr(chance.choice((0x00, 0x1F, 0x22, 0x5C, 0x7F, 0x2028, 0xE9, 0xFFFF, 0x1F600)))
                for _ in range(5)
            )
        case 3:
            value: Any = None
            for _ in range(chance.randrange(1, 50)):
                value = [value] if chance.random() < 0.5 else {"\U0001f600": value, "\uffff": False}
            return value
        case 4:
            return chance.choice((0.0, -0.0, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 0.1 + 0.2))
        case _:
            return None


def bent(fulfillment: str) -> str:
    """The same key, a signature that is not right."""
    return fulfillment[:100] + ("A" if fulfillment[100] != "A" else "B") + fulfillment[101:]


class Clients:
    """They know what is valid, a little late; they post to whichever node they like."""

    def __init__(self, kernel: Kernel, nodes: list[Node], book: Book, transactions: int) -> None:
        self.kernel = kernel
        self.left = transactions
        self.posted: list[Transaction] = []
        self.rivals: list[tuple[Transaction, Transaction]] = []
        self._nodes = nodes
        self._book = book
        self._owners = [draw_key(kernel.random) for _ in range(OWNERS)]
        self._keys = {owner.public: owner for owner in self._owners}
        self._issued = 0

    async def post_all(self) -> None:
        """Until everything has been posted."""
        random = self.kernel.random
        while self.left > 0:
            batch: list[Transaction] = []
            for _ in range(random.randint(1, BATCH_MAX)):
                batch += self._next()
            if batch:
                random.choice(self._nodes).post(batch)
            await Pause(POST_EVERY_S * 2 * random.random())

    def _next(self) -> list[Transaction]:
        """The next transaction of a batch; its rival goes to another node."""
        random = self.kernel.random
        self.left -= 1
        roll = random.random()
        if roll < AGAIN and self.posted:
            return [random.choice(self.posted)]
        if roll < AGAIN + MALFORMED:
            return self._malformed()
        source = self._pick()
        if source is None or random.random() < ISSUE:
            return [self._read(self._issue())]
        tx = self._read(self._spend(*source))
        if random.random() < DOUBLE:
            rival = self._read(self._spend(*source))
            self.left -= 1
            self.rivals.append((tx, rival))
            random.choice(self._nodes).post([rival])
        return [tx]

    def _pick(self) -> tuple[Document, int] | None:
        """An output of a recent valid transaction, spent or not."""
        valid = self._book.valid[-40:]
        sources = [tx for tx in valid if tx["operation"] != "GENESIS" and tx["outputs"]]
        if not sources:
            return None
        random = self.kernel.random
        for _ in range(4):
            source = random.choice(sources)
            index = random.randrange(len(source["outputs"]))
            if (source["id"], index) in self._book.unspent:
                break
        return source, index

    def _issue(self) -> Document:
        random = self.kernel.random
        owner = random.choice(self._owners)
        self._issued += 1
        shares = [
            (random.choice(self._owners).public, random.randint(1, 50)) for _ in range(random.randint(1, 3))
        ]
        return build.sign(
            build.create(owner.public, shares, {"number": self._issued, "odd": odd_value(random)}, None),
            [owner],
        )

    def _spend(self, source: Document, index: int) -> Document:
        random = self.kernel.random
        amount = int(source["outputs"][index]["amount"])
        first = random.randint(1, amount)
        shares = [(random.choice(self._owners).public, n) for n in (first, amount - first) if n]
        asset_id = source["asset"].get("id") or source["id"]
        unsigned = build.transfer(
            build.inputs_of(source, [index]), shares, asset_id, {"note": random.randrange(10**9)}
        )
        return build.sign(unsigned, list(self._keys.values()))

    def _malformed(self) -> list[Transaction]:
        """What gets past the form is judged by the node."""
        random = self.kernel.random
        source = self._pick()
        kind = random.choice(("id", "signature", "amount", "nonsense", "input"))
        document = self._issue() if source is None or kind != "amount" else self._spend(*source)
        match kind:
            case "id":
                document["id"] = "0" * 64
            case "signature":
                document["inputs"][0]["fulfillment"] = bent(document["inputs"][0]["fulfillment"])
            case "amount":
                document["outputs"][0]["amount"] = str(int(document["outputs"][0]["amount"]) + 1)
                document = build.sign(
                    {**document, "inputs": [self._unsigned(entry) for entry in document["inputs"]]},
                    list(self._keys.values()),
                )
            case "nonsense":
                document["outputs"] = random.choice(([1], None, {"a": 1}))
            case _:
                document = self._spend(document, 0)
        try:
            return [parse_transaction(document)]
        except (LaminaError, FormatError):
            return []

    def _unsigned(self, entry: Document) -> Document:
        return {**entry, "fulfillment": build.ed25519(entry["owners_before"][0])}

    def _read(self, document: Document) -> Transaction:
        tx = parse_transaction(document)
        self.posted.append(tx)
        return tx
