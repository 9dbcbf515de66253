"""Building and signing transactions of format 1.0, for clients; the server judges them elsewhere.

Plain dicts in and out, as the original's driver has them: an unsigned input carries the details of the
condition it must fulfill, a signed one the fulfillment text (spec/ledger.md 1.3 and 7).
"""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from lamina.formats.canonical_json import encode
from lamina.formats.conditions import Details, condition_uri, details_keys, fulfill
from lamina.formats.errors import FormatError
from lamina.formats.hashes import sha3_256_hex
from lamina.formats.signatures import KeyPair

Transaction = dict[str, Any]
Recipient = str | Sequence[Any] | Details
"""A key, a list of keys (all must sign; lists nest), or the details of any condition."""

VERSION = "1.0"
GENESIS_MESSAGE = "Hello World from the BigchainDB"


def ed25519(key: str) -> Details:
    """Details of the condition that one key signs."""
    return {"type": "ed25519-sha-256", "public_key": key}


def threshold(m: int, members: Sequence[Details]) -> Details:
    """Details of the condition that any `m` of `members` fulfill."""
    return {"type": "threshold-sha-256", "threshold": m, "subconditions": list(members)}


def create(
    signers: Recipient,
    recipients: Sequence[tuple[Recipient, int]],
    asset: dict[str, Any] | None,
    metadata: dict[str, Any] | None,
) -> Transaction:
    """An unsigned CREATE.

    Args:
        signers: keys that all sign the only input.
        recipients: who may spend each output, and its amount.
        asset: the asset's data.
        metadata: a non-empty object, or None.

    Raises:
        ValueError: no keys, a nested list of one key, or an amount below 1.
        FormatError: a key that is not base58 of 32 bytes, or bad details.
    """
    return _transaction("CREATE", [_input(signers)], recipients, {"data": asset}, metadata)


def transfer(
    inputs: Sequence[dict[str, Any]],
    recipients: Sequence[tuple[Recipient, int]],
    asset_id: str,
    metadata: dict[str, Any] | None,
) -> Transaction:
    """An unsigned TRANSFER.

    Args:
        inputs: unsigned inputs from `inputs_of`.
        recipients: who may spend each output, and its amount.
        asset_id: id of the CREATE that made the asset.
        metadata: a non-empty object, or None.

    Raises:
        ValueError: as `create`.
    """
    return _transaction("TRANSFER", list(inputs), recipients, {"id": asset_id}, metadata)


def genesis(public_key: str) -> Transaction:
    """The unsigned GENESIS of a node's key (spec/ledger.md 1.5).

    Raises:
        FormatError: the key is not base58 of 32 bytes.
    """
    metadata = {"message": GENESIS_MESSAGE}
    return _transaction("GENESIS", [_input(public_key)], [(public_key, 1)], {"data": None}, metadata)


def inputs_of(transaction: Transaction, indices: Iterable[int] | None = None) -> list[dict[str, Any]]:
    """Unsigned inputs that spend outputs of a signed transaction.

    Args:
        transaction: it must carry its id.
        indices: which outputs; all when absent.
    """
    outputs: list[dict[str, Any]] = transaction["outputs"]
    return [
        {
            "owners_before": outputs[index]["public_keys"] or _owners(outputs[index]["condition"]["details"]),
            "fulfills": {"transaction_id": transaction["id"], "output_index": index},
            "fulfillment": outputs[index]["condition"]["details"],
        }
        for index in (range(len(outputs)) if indices is None else indices)
    ]


def sign(transaction: Transaction, keys: Iterable[KeyPair]) -> Transaction:
    """The transaction with its id and every input fulfilled; the one given stays as it is.

    Args:
        transaction: unsigned, from `create`, `transfer` or `genesis`.
        keys: key pairs; those no input needs are ignored.

    Raises:
        FormatError: an input is signed already, or lacks keys.
    """
    signed = {**transaction, "id": transaction_id(transaction)}
    message = signed_message(signed)
    by_key = {pair.public: pair for pair in keys}
    signed["inputs"] = [_signed_input(unsigned, by_key, message) for unsigned in transaction["inputs"]]
    return signed


def transaction_id(transaction: Transaction) -> str:
    """Id of a transaction: the hash of its body without id and fulfillments.

    Raises:
        FormatError: the body has no canonical form.
    """
    body = {name: value for name, value in _unfulfilled(transaction).items() if name != "id"}
    return sha3_256_hex(encode(body))


def signed_message(transaction: Transaction) -> bytes:
    """What every signature of a transaction signs: its body with id, without fulfillments.

    Raises:
        FormatError: the body has no canonical form.
    """
    return encode(_unfulfilled(transaction))


def _transaction(
    operation: str,
    inputs: list[dict[str, Any]],
    recipients: Sequence[tuple[Recipient, int]],
    asset: dict[str, Any],
    metadata: dict[str, Any] | None,
) -> Transaction:
    """The body all operations share, without id."""
    return {
        "version": VERSION,
        "operation": operation,
        "asset": asset,
        "metadata": metadata,
        "inputs": inputs,
        "outputs": [_output(recipient, amount) for recipient, amount in recipients],
    }


def _input(signers: Recipient) -> dict[str, Any]:
    """An unsigned input that spends nothing."""
    details = _condition(signers)["details"]
    return {"owners_before": _owners(details), "fulfills": None, "fulfillment": details}


def _output(recipient: Recipient, amount: int) -> dict[str, Any]:
    """An output that `recipient` may spend."""
    if type(amount) is not int or amount < 1:
        raise ValueError("an amount is a whole number of at least 1")
    condition = _condition(recipient)
    return {"public_keys": _owners(condition["details"]), "condition": condition, "amount": str(amount)}


def _condition(recipient: Recipient) -> dict[str, Any]:
    """Details of the condition a recipient stands for, and its URI."""
    details = _details(recipient)
    return {"details": details, "uri": condition_uri(details)}


def _details(recipient: Recipient) -> Details:
    """Details a recipient stands for; a list of one key is that key (spec/ledger.md 7)."""
    if isinstance(recipient, str):
        return ed25519(recipient)
    if isinstance(recipient, dict):
        return recipient
    members = [_member(member) for member in recipient]
    if not members:
        raise ValueError("a recipient needs at least one key")
    return members[0] if len(members) == 1 else threshold(len(members), members)


def _member(recipient: Recipient) -> Details:
    """The condition a member of a list of recipients stands for."""
    if not isinstance(recipient, str | dict) and len(recipient) < 2:
        raise ValueError("a nested list needs at least two keys")
    return _details(recipient)


def _owners(details: Details) -> list[str]:
    """Keys of well-formed details in reading order, repeated ones kept, as the original lists them."""
    if "public_key" in details:
        return [details["public_key"]]
    return [key for member in details["subconditions"] for key in _owners(member)]


def _unfulfilled(transaction: Transaction) -> Transaction:
    """A copy whose inputs carry no fulfillment."""
    return {**transaction, "inputs": [{**item, "fulfillment": None} for item in transaction["inputs"]]}


def _signed_input(unsigned: dict[str, Any], keys: dict[str, KeyPair], message: bytes) -> dict[str, Any]:
    """The input with the fulfillment that the keys allow."""
    details: object = unsigned["fulfillment"]
    if not isinstance(details, dict):
        raise FormatError("the input is signed already")
    details = cast("Details", details)
    signatures = {key: keys[key].sign(message) for key in details_keys(details) if key in keys}
    return {**unsigned, "fulfillment": fulfill(details, signatures)}
