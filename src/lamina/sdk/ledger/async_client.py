"""The async client; what it sends and how answers are read is in `calls`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

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


class AsyncLedgerClient:
    """A ledger at a URL; close it, or use it in an `async with` block.

    The methods are those of `LedgerClient`, with the same arguments, results and errors.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        """Open nothing yet.

        Args:
            url: the ledger's HTTP address, such as `http://localhost:9984`.
            timeout_s: for connecting, and for each silence while an answer is expected.
        """
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s, trust_env=not is_local(url))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def info(self) -> Node:
        """The node behind the URL."""
        return await self._ask(calls.info())

    async def post(self, transaction: Transaction) -> Transaction:
        """Post a signed transaction; see `LedgerClient.post`.

        Raises:
            Refused, FormatError: as there.
        """
        return await self._ask(calls.post(transaction))

    async def get(self, tx_id: str) -> Transaction | None:
        """A valid transaction; None where there is none under this id, or not yet."""
        return await self._ask(calls.get(tx_id))

    async def status(self, tx_id: str) -> TransactionStatus | None:
        """Where a transaction stands; None where the ledger does not have it."""
        return await self._ask(calls.status(tx_id))

    async def wait_valid(self, tx_id: str, timeout_s: float = 30.0) -> None:
        """Wait until a transaction is valid; see `LedgerClient.wait_valid`.

        Raises:
            NotValidInTime: the time is up; it has the status the transaction had.
        """
        patience = Patience(tx_id, timeout_s)
        while (status := await self.status(tx_id)) != "valid":  # noqa: ASYNC110 - the ledger is polled
            await asyncio.sleep(patience.pause_s(status))

    async def transactions(
        self, asset_id: str, operation: Literal["CREATE", "TRANSFER"] | None = None
    ) -> list[Transaction]:
        """The valid transactions of an asset in chain order, or only those of one kind."""
        return await self._ask(calls.transactions(asset_id, operation))

    async def outputs(self, public_key: str, *, spent: bool | None = None) -> list[OutputReference]:
        """Outputs whose condition names a key: all, only spent, or only unspent ones."""
        return await self._ask(calls.outputs(public_key, spent))

    async def assets(self, search: str, limit: int = 0) -> list[Asset]:
        """Assets that match a text, best first; 0 means as many as the ledger gives."""
        return await self._ask(calls.assets(search, limit))

    async def block(self, block_id: str) -> Block | None:
        """A block, whatever its status; None where there is none."""
        return await self._ask(calls.block(block_id))

    async def blocks(self, tx_id: str, status: BlockStatus | None = None) -> list[str]:
        """Ids of the blocks that hold a transaction, or only of those with a status."""
        return await self._ask(calls.blocks(tx_id, status))

    async def votes(self, block_id: str) -> list[Vote]:
        """The votes on a block."""
        return await self._ask(calls.votes(block_id))

    async def create(
        self,
        signers: Signers,
        asset: dict[str, Any] | None,
        *,
        recipients: Recipients | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Transaction:
        """Build, sign and post a CREATE; see `LedgerClient.create`."""
        return await self.post(signed_create(signers, asset, recipients, metadata))

    async def transfer(
        self,
        spent: Transaction,
        recipients: Recipients,
        *,
        signers: Signers,
        indices: Iterable[int] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> Transaction:
        """Build, sign and post a TRANSFER; see `LedgerClient.transfer`."""
        return await self.post(signed_transfer(spent, recipients, signers, indices, metadata))

    @asynccontextmanager
    async def stream(self) -> AsyncGenerator[AsyncIterator[Event]]:
        """Listen to transactions that become valid, from the moment the block is entered.

        Yields:
            The events, without end; see `LedgerClient.stream`.

        Raises:
            LedgerError, OSError, TimeoutError: as there.
        """
        url = (await self.info())["api"]["v1"]["streams"]
        proxy = None if is_local(url) else True
        try:
            socket = await connect(url, open_timeout=self._timeout_s, proxy=proxy)
        except InvalidStatus as refusal:
            raise refused(refusal) from None
        async with socket:
            yield _events(socket)

    async def _ask(self, call: Call[T]) -> T:
        answer = await self._http.request(
            call.method, call.path, params=call.query, content=call.body, headers=call.headers
        )
        return call.result(answer.status_code, answer.content)


async def _events(socket: ClientConnection) -> AsyncIterator[Event]:
    while True:
        try:
            frame = await socket.recv()
        except ConnectionClosed as closed:
            raise ended(closed) from None
        yield read_event(frame)
