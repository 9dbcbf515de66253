"""Every request of the ledger's API as a value: what is sent, and how the answer is read. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar, cast
from urllib.parse import quote

from lamina.formats import canonical_json
from lamina.formats.errors import FormatError
from lamina.formats.transaction import Transaction
from lamina.sdk.ledger.documents import (
    Asset,
    Block,
    BlockStatus,
    Node,
    OutputReference,
    TransactionStatus,
    Vote,
)
from lamina.sdk.ledger.errors import LedgerError, error_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request.

    Attributes:
        path: below the ledger's URL.
        params: the query, None where a parameter is left out.
        body: what is posted; None for GET.
        member: the member of the answer that is the result; the whole answer when None.
        expected: results of statuses that are no errors here.
    """

    path: str
    params: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    body: bytes | None = None
    member: str | None = None
    expected: Mapping[int, T] = field(default_factory=dict[int, T])

    @property
    def method(self) -> str:
        """GET, or POST where there is a body."""
        return "GET" if self.body is None else "POST"

    @property
    def query(self) -> dict[str, str]:
        """The parameters that are sent."""
        return {name: value for name, value in self.params.items() if value is not None}

    @property
    def headers(self) -> dict[str, str]:
        """What the body is, where there is one."""
        return {} if self.body is None else {"Content-Type": "application/json"}

    def result(self, status: int, content: bytes) -> T:
        """Read the answer.

        Raises:
            Refused, NotFound, LedgerError: it is an error, or no answer of a ledger.
        """
        if status in self.expected:
            return self.expected[status]
        if not 200 <= status < 300:
            raise error_of(status, content)
        try:
            document = canonical_json.parse(content, depth_max=canonical_json.ENCODE_DEPTH_MAX)
            return cast("T", document if self.member is None else document[self.member])
        except (FormatError, KeyError, TypeError):
            raise LedgerError(status, "the answer is not a ledger's") from None


def info() -> Call[Node]:
    """`GET /`."""
    return Call("/")


def post(transaction: Transaction) -> Call[Transaction]:
    """`POST /transactions`, in the bytes that were hashed.

    Raises:
        FormatError: the transaction has no canonical form.
    """
    return Call("/api/v1/transactions", body=canonical_json.encode(transaction))


def get(tx_id: str) -> Call[Transaction | None]:
    """`GET /transactions/{id}`."""
    return Call(f"/api/v1/transactions/{quote(tx_id, safe='')}", expected={404: None})


def status(tx_id: str) -> Call[TransactionStatus | None]:
    """`GET /statuses` of a transaction."""
    return Call("/api/v1/statuses", {"transaction_id": tx_id}, member="status", expected={404: None})


def transactions(
    asset_id: str, operation: Literal["CREATE", "TRANSFER"] | None = None
) -> Call[list[Transaction]]:
    """`GET /transactions`."""
    return Call("/api/v1/transactions", {"asset_id": asset_id, "operation": operation})


def outputs(public_key: str, spent: bool | None = None) -> Call[list[OutputReference]]:
    """`GET /outputs`."""
    flag = None if spent is None else str(spent).lower()
    return Call("/api/v1/outputs", {"public_key": public_key, "spent": flag})


def assets(search: str, limit: int = 0) -> Call[list[Asset]]:
    """`GET /assets`."""
    return Call("/api/v1/assets", {"search": search, "limit": str(limit)})


def block(block_id: str) -> Call[Block | None]:
    """`GET /blocks/{id}`."""
    return Call(f"/api/v1/blocks/{quote(block_id, safe='')}", expected={404: None})


def blocks(tx_id: str, status: BlockStatus | None = None) -> Call[list[str]]:
    """`GET /blocks`."""
    return Call("/api/v1/blocks", {"transaction_id": tx_id, "status": status})


def votes(block_id: str) -> Call[list[Vote]]:
    """`GET /votes`."""
    return Call("/api/v1/votes", {"block_id": block_id})
