"""A federation of five on one database, through the library facade, for tests that let it work."""

from typing import Any

from lamina.formats import transaction as build
from lamina.formats.base58 import encode
from lamina.formats.signatures import KeyPair, new_seed
from lamina.services.ledger.facade import Bigchain, Connection
from lamina.services.ledger.model.stored import Flaw
from lamina.services.ledger.pipeline.verify import Verifier

Document = dict[str, Any]
NODES = 5
UNKNOWN = "0" * 64

alice, bob, carol = KeyPair.generate(), KeyPair.generate(), KeyPair.generate()


def created(owner: KeyPair = alice, amount: int = 1, **data: Any) -> Document:
    return build.sign(build.create(owner.public, [(owner.public, amount)], data or None, None), [owner])


def sent(source: Document, to: KeyPair, by: KeyPair = alice, amount: int = 1) -> Document:
    asset_id = source["id"] if source["operation"] == "CREATE" else source["asset"]["id"]
    unsigned = build.transfer(build.inputs_of(source, [0]), [(to.public, amount)], asset_id, None)
    return build.sign(unsigned, [by])


def private_keys(count: int) -> list[tuple[str, str]]:
    """(public, private) pairs as a configuration has them."""
    seeds = [new_seed() for _ in range(count)]
    return [(KeyPair.from_seed(seed).public, encode(seed)) for seed in seeds]


class Five:
    """A federation of five, and what tests do with it again and again."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.keys = private_keys(NODES)
        self.connection = Connection(dsn)
        self.nodes = [self.node(index) for index in range(NODES)]
        self.genesis = self.nodes[0].create_genesis_block()

    def node(self, index: int, *, backlog_reassign_delay: float | None = None) -> Bigchain:
        others = [public for public, _ in self.keys if public != self.keys[index][0]]
        return Bigchain(*self.keys[index], others, self.connection, backlog_reassign_delay)

    def block(self, *transactions: Document, by: int = 0) -> Document:
        """Write a block of these."""
        block = self.nodes[by].create_block(transactions)
        self.nodes[by].write_block(block)
        return block

    def vote(self, block: Document, *decisions: bool) -> None:
        """The first nodes vote, one decision each."""
        for node, decision in zip(self.nodes, decisions, strict=False):
            previous = node.get_last_voted_block()
            assert previous is not None
            node.write_vote(node.vote(block["id"], previous["id"], decision))

    def valid(self, *transactions: Document) -> Document:
        """A block that became valid."""
        block = self.block(*transactions)
        self.vote(block, True, True, True)
        assert self.nodes[0].get_block(block["id"], include_status=True) == (block, "valid")
        return block

    def read(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of the database as they are."""
        rows = self.connection.run(self.connection.database.fetch("test.read", query))
        return [tuple(row.values()) for row in rows]

    def decisions(self) -> list[tuple[Any, ...]]:
        """(block id, status) in the order they were recorded."""
        return self.read("SELECT block_id, status FROM ledger.decisions ORDER BY position")

    def flaws(self) -> list[Flaw]:
        """What `lamina ledger verify` would say."""
        found: list[Flaw] = []
        members = {public for public, _ in self.keys}
        verifier = Verifier(self.connection.database, members, found=found.append, advanced=lambda _: None)
        self.connection.run(verifier.run())
        return found


def without(document: Document, name: str) -> Document:
    return {key: value for key, value in document.items() if key != name}
