"""The story `lamina demo` tells: Alice, Bob and Carol on a running ledger, through its public API only."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import httpx

from lamina.cli.narrator import Narrator
from lamina.cli.status import PlatformUnreachable
from lamina.formats.transaction import ed25519, inputs_of, sign, threshold, transfer
from lamina.sdk.ledger import Event, KeyPair, LedgerClient, LedgerError, Refused, Transaction

STREAM_PATIENCE_S = 30.0


def tell(url: str, narrator: Narrator) -> None:
    """Tell it against the ledger at a URL.

    Raises:
        PlatformUnreachable: nothing answers there.
        LedgerError: the ledger does not do what it should.
    """
    try:
        with LedgerClient(url) as ledger:
            _Story(ledger, url, narrator).tell()
    except httpx.TransportError as failure:
        raise PlatformUnreachable(f"No ledger answers at {url}") from failure


class _Story:
    """Alice, Bob and Carol, and what they do with their assets."""

    def __init__(self, ledger: LedgerClient, url: str, narrator: Narrator) -> None:
        self._ledger = ledger
        self._url = url
        self._narrator = narrator
        self._alice, self._bob, self._carol = (KeyPair.generate() for _ in range(3))

    def tell(self) -> None:
        """The whole story; each step is asserted by the ledger's own answers."""
        node = self._ledger.info()
        self._say(f"The node {node['public_key']} runs at {self._url}")
        bicycle = self._register_bicycle()
        sale = self._sell_bicycle(bicycle)
        self._refuse_second_sale(bicycle)
        self._split_tokens()
        self._two_of_three()
        self._search(bicycle)
        self._look_at_block(sale)
        self._say(f"That is all. Try it yourself: {self._url}/lamina/docs")

    def _register_bicycle(self) -> Transaction:
        self._chapter("CREATE: Alice registers a bicycle")
        self._say("She signs it with her own key; nobody else can make a transaction in her name.")
        started = time.perf_counter()
        bicycle = self._ledger.create(
            self._alice, {"bicycle": {"manufacturer": "bkfab", "serial_number": f"demo {time.time_ns()}"}}
        )
        self._say("202: durable, waiting for a block.")
        self._ledger.wait_valid(bicycle["id"])
        self._say(f"valid {(time.perf_counter() - started) * 1000:.0f} ms after the POST")
        self._link(bicycle)
        return bicycle

    def _sell_bicycle(self, bicycle: Transaction) -> Transaction:
        self._chapter("TRANSFER: Alice sells it to Bob, and somebody listens to the stream")
        with ThreadPoolExecutor(1) as thread, self._ledger.stream() as events:
            sale = self._ledger.transfer(bicycle, [(self._bob.public, 1)], signers=self._alice)
            announced: Future[Event] = thread.submit(_await_event, events, sale["id"])
            event = _patiently(announced)
        self._say(f"The stream says: {dict(event)}")
        self._link(sale)
        return sale

    def _refuse_second_sale(self, bicycle: Transaction) -> None:
        self._chapter("Double spend: Alice tries to sell the same bicycle to Carol")
        try:
            self._ledger.transfer(bicycle, [(self._carol.public, 1)], signers=self._alice)
        except Refused as refusal:
            self._say(f"Refused: {refusal}")
        else:
            raise LedgerError(202, "The ledger accepted a double spend.")

    def _split_tokens(self) -> None:
        self._chapter("Divisible asset: ten tokens, three to Bob and seven back to Alice")
        tokens = self._ledger.create(
            self._alice, {"token": "demo tokens"}, recipients=[(self._alice.public, 10)]
        )
        self._ledger.wait_valid(tokens["id"])
        split = self._ledger.transfer(
            tokens, [(self._bob.public, 3), (self._alice.public, 7)], signers=self._alice
        )
        self._ledger.wait_valid(split["id"])
        self._say(f"Amounts of the outputs now: {[output['amount'] for output in split['outputs']]}")
        self._link(split)

    def _two_of_three(self) -> None:
        self._chapter("Threshold: a painting that any two of the three may hand on")
        keys = (self._alice, self._bob, self._carol)
        condition = threshold(2, [ed25519(key.public) for key in keys])
        painting = self._ledger.create(self._alice, {"painting": "demo"}, recipients=[(condition, 1)])
        self._ledger.wait_valid(painting["id"])
        unsigned = transfer(inputs_of(painting), [(self._bob.public, 1)], painting["id"], None)
        signed = self._ledger.post(sign(unsigned, [self._alice, self._carol]))
        self._ledger.wait_valid(signed["id"])
        self._say("Alice and Carol signed; Bob did not have to.")
        self._link(signed)

    def _search(self, bicycle: Transaction) -> None:
        self._chapter("Search: every text inside an asset can be found")
        serial: str = bicycle["asset"]["data"]["bicycle"]["serial_number"]
        found = self._ledger.assets(f'"{serial}"')
        self._say(f"Searching for {serial!r} finds {[asset['id'] for asset in found]}")

    def _look_at_block(self, sale: Transaction) -> None:
        self._chapter("Blocks and votes: where the sale is written down, and who vouches for it")
        (block_id,) = self._ledger.blocks(sale["id"])
        for vote in self._ledger.votes(block_id):
            word = "valid" if vote["vote"]["is_block_valid"] else "invalid"
            self._say(f"{vote['node_pubkey']} voted {word}")
        self._say(f"{self._url}/api/v1/blocks/{block_id}")

    def _chapter(self, title: str) -> None:
        self._narrator.chapter(title)

    def _say(self, sentence: str) -> None:
        self._narrator.say(sentence)

    def _link(self, transaction: Transaction) -> None:
        self._say(f"{self._url}/api/v1/transactions/{transaction['id']}")


def _patiently(announced: Future[Event]) -> Event:
    try:
        return announced.result(STREAM_PATIENCE_S)
    except TimeoutError:
        raise LedgerError(
            504, f"The stream announced nothing for {STREAM_PATIENCE_S:.0f} s. Run: lamina status"
        ) from None


def _await_event(events: Iterator[Event], tx_id: str) -> Event:
    return next(event for event in events if event["transaction_id"] == tx_id)
