"""The blocking client; what it sends and how answers are read is in `calls`."""

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from lamina.formats.transaction import Transaction
from lamina.sdk.address import is_local
from lamina.sdk.ledger import calls
from lamina.sdk.ledger.calls import Call
from lamina.sdk.ledger.documents import (
    Asset,
    Block,
    BlockStatus,
    Event,
    Node,
    OutputReference,
    TransactionStatus,
    Vote,
)
from lamina.sdk.ledger.events import ended, read_event, refused
from lamina.sdk.ledger.patience import Patience
from lamina.sdk.ledger.signing import Recipients, Signers, signed_create, signed_transfer

T = TypeVar("T")


class LedgerClient:
    """A ledger at a URL; close it, or use it in a `with` block.

    Besides what they say themselves, all methods that ask the ledger raise `LedgerError` for an answer that
    is an error (`Refused` for 400, `NotFound` for 404), and `httpx.TransportError` when there is no answer.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        """Open nothing yet.

        Args:
            url: the ledger's HTTP address, such as `http://localhost:9984`.
            timeout_s: for connecting, and for each silence while an answer is expected.
        """
        self._timeout_s = timeout_s
        self._http = httpx.Client(base_url=url, timeout=timeout_s, trust_env=not is_local(url))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def info(self) -> Node:
        """The node behind the URL."""
        return self._ask(calls.info())

    def post(self, transaction: Transaction) -> Transaction:
        """Post a signed transaction; doing so again is safe.

        Returns:
            The transaction as it was stored. It is not valid yet.

        Raises:
            Refused: it breaks a rule, which the message names.
            FormatError: it has no canonical form.
        """
        return self._ask(calls.post(transaction))

    def get(self, tx_id: str) -> Transaction | None:
        """A valid transaction; None where there is none under this id, or not yet."""
        return self._ask(calls.get(tx_id))

    def status(self, tx_id: str) -> TransactionStatus | None:
        """Where a transaction stands; None where the ledger does not have it."""
        return self._ask(calls.status(tx_id))

    def wait_valid(self, tx_id: str, timeout_s: float = 30.0) -> None:
        """Wait until a transaction is valid.

        Args:
            tx_id: its id.
            timeout_s: how long at most.

        Raises:
            NotValidInTime: the time is up; it has the status the transaction had.
        """
        patience = Patience(tx_id, timeout_s)
        while (status := self.status(tx_id)) != "valid":
            time.sleep(patience.pause_s(status))

    def transactions(
        self, asset_id: str, operation: Literal["CREATE", "TRANSFER"] | None = None
    ) -> list[Transaction]:
        """The valid transactions of an asset in chain order, or only those of one kind."""
        return self._ask(calls.transactions(asset_id, operation))

    def outputs(self, public_key: str, *, spent: bool | None = None) -> list[OutputReference]:
        """Outputs whose condition names a key: all, only spent, or only unspent ones."""
        return self._ask(calls.outputs(public_key, spent))

    def assets(self, search: str, limit: int = 0) -> list[Asset]:
        """Assets that match a text, best first; 0 means as many as the ledger gives."""
        return self._ask(calls.assets(search, limit))

    def block(self, block_id: str) -> Block | None:
        """A block, whatever its status; None where there is none."""
        return self._ask(calls.block(block_id))

    def blocks(self, tx_id: str, status: BlockStatus | None = None) -> list[str]:
        """Ids of the blocks that hold a transaction, or only of those with a status."""
        return self._ask(calls.blocks(tx_id, status))

    def votes(self, block_id: str) -> list[Vote]:
        """The votes on a block."""
        return self._ask(calls.votes(block_id))

    def create(
        self,
        signers: Signers,
        asset: dict[str, Any] | None,
        *,
        recipients: Recipients | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Transaction:
        """Build, sign and post a CREATE.

        Args:
            signers: who creates: one key pair, or several that all sign.
            asset: the asset's data.
            recipients: who may spend each output, and its amount; the signers own one when absent.
            metadata: a non-empty object, or None.

        Returns:
            The transaction as it was stored; its id is the asset's.

        Raises:
            ValueError: no signers, or an amount below 1.
            Refused, FormatError: as `post`.
        """
        return self.post(signed_create(signers, asset, recipients, metadata))

    def transfer(
        self,
        spent: Transaction,
        recipients: Recipients,
        *,
        signers: Signers,
        indices: Iterable[int] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Transaction:
        """Build, sign and post a TRANSFER that spends outputs of one transaction.

        Outputs of several transactions are joined with `lamina.formats.transaction.inputs_of`, `transfer` and
        `sign`, and posted.

        Args:
            spent: the valid transaction.
            recipients: who may spend each output, and its amount; amounts must add up to what is spent.
            signers: the owners of what is spent.
            indices: which outputs are spent; all when absent.
            metadata: a non-empty object, or None.

        Returns:
            The transaction as it was stored.

        Raises:
            ValueError: an amount below 1.
            IndexError: there is no such output.
            Refused, FormatError: as `post`, and when a key is missing that must sign.
        """
        return self.post(signed_transfer(spent, recipients, signers, indices, metadata))

    @contextmanager
    def stream(self) -> Generator[Iterator[Event]]:
        """Listen to transactions that become valid, from the moment the block is entered.

        The stream has no history: after an interruption, ask for the status of what you wait for.

        Yields:
            The events, without end; iterating raises `StreamEnded` when the ledger closes the stream.

        Raises:
            LedgerError: the ledger takes no more listeners (503).
            OSError, TimeoutError: the stream's address, which is the ledger's own word, does not answer.
        """
        url = self.info()["api"]["v1"]["streams"]
        proxy = None if is_local(url) else True
        try:
            socket = connect(url, open_timeout=self._timeout_s, proxy=proxy)
        except InvalidStatus as refusal:
            raise refused(refusal) from None
        with socket:
            yield _events(socket)

    def _ask(self, call: Call[T]) -> T:
        answer = self._http.request(
            call.method, call.path, params=call.query, content=call.body, headers=call.headers
        )
        return call.result(answer.status_code, answer.content)


def _events(socket: ClientConnection) -> Iterator[Event]:
    while True:
        try:
            frame = socket.recv()
        except ConnectionClosed as closed:
            raise ended(closed) from None
        yield read_event(frame)
