"""From posted bytes to a `Transaction`: JSON, schema, id, inputs, outputs (spec/ledger.md 2, steps a to d).

Every part is serialised once; the three texts the ledger needs (what is hashed, what is signed, what is
stored) are concatenations of the same parts.
"""

from collections.abc import Iterator
from typing import Any

from lamina.formats import canonical_json
from lamina.formats.conditions import (
    Fulfillment,
    UnsupportedFulfillment,
    condition_uri,
    details_keys,
    parse_fulfillment,
)
from lamina.formats.conditions import ThresholdTooDeep as DetailsTooDeep
from lamina.formats.errors import FormatError
from lamina.formats.hashes import sha3_256_hex
from lamina.services.ledger.errors import (
    AmountError,
    InvalidHash,
    InvalidSignature,
    ThresholdTooDeep,
    UnreadableBody,
    ValidationError,
)
from lamina.services.ledger.model.transaction import Input, Outpoint, Output, Transaction
from lamina.services.ledger.rules import schema

AMOUNT_MAX = 9 * 10**18


def parse_body(data: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Step (a).

    Raises:
        UnreadableBody: not JSON, or JSON that cannot be canonical.
    """
    try:
        return canonical_json.parse(data)
    except FormatError as error:
        raise UnreadableBody from error


def parse_transaction(document: object) -> Transaction:
    """Steps (b) to (d): everything that can be said of a transaction without looking at the chain.

    Signatures are not verified here: their turn comes after the chain's rules (spec/ledger.md 2.2).

    Raises:
        SchemaValidationError, ValidationError: as spec/ledger.md 2.1 and 2.2 rules 1 to 5 word them.
        UnreadableBody: the document holds something that has no canonical form.
    """
    wire = schema.check(document)
    message, body = _serialise(wire)
    inputs = tuple(_input(entry) for entry in wire["inputs"])
    outputs = tuple(_output(entry) for entry in wire["outputs"])
    return Transaction(
        id=wire["id"],
        operation=wire["operation"],
        asset_id=wire["asset"].get("id") or wire["id"],
        inputs=inputs,
        outputs=outputs,
        body=body,
        message=message,
        is_normal=all(
            _is_normal(entry, output) for entry, output in zip(wire["outputs"], outputs, strict=True)
        ),
    )


def _serialise(wire: dict[str, Any]) -> tuple[bytes, bytes]:
    """Check the id; return the signed message and the complete document, both canonical."""
    encode = canonical_json.encode
    try:
        asset = encode(wire["asset"])
        rests = [
            encode({"fulfills": i["fulfills"], "owners_before": i["owners_before"]})[1:]
            for i in wire["inputs"]
        ]
        proofs = [encode(entry["fulfillment"]) for entry in wire["inputs"]]
        tail = b"".join((
            b',"metadata":', encode(wire["metadata"]),
            b',"operation":"', wire["operation"].encode(),
            b'","outputs":', encode(wire["outputs"]),
            b',"version":"1.0"}',
        ))  # fmt: skip
    except FormatError as error:
        raise UnreadableBody from error
    head = b'{"asset":' + asset
    blank = b',"inputs":[' + b",".join([b'{"fulfillment":null,' + rest for rest in rests]) + b"]"
    computed = sha3_256_hex(b"".join((head, blank, tail)))
    if computed != wire["id"]:
        raise InvalidHash(
            f"The transaction's id '{wire['id']}' isn't equal to the hash of its body, i.e. it's not valid."
        )
    named = b',"id":"' + computed.encode() + b'"'
    full = [b'{"fulfillment":' + proof + b"," + rest for proof, rest in zip(proofs, rests, strict=True)]
    message = b"".join((head, named, blank, tail))
    body = b"".join((head, named, b',"inputs":[', b",".join(full), b"]", tail))
    return message, body


def _input(wire: dict[str, Any]) -> Input:
    if wire["owners_before"] is None:
        raise ValidationError("`owners_before` must be a list of public keys")
    fulfills = wire["fulfills"]
    spends = None if fulfills is None else Outpoint(fulfills["transaction_id"], fulfills["output_index"])
    return Input(tuple(wire["owners_before"]), spends, _fulfillment(wire["fulfillment"]))


def _fulfillment(wire: object) -> Fulfillment | None:
    """None for what can never be a right signature: unsigned details, or a type that signs nothing."""
    if not isinstance(wire, str):
        return None
    try:
        return parse_fulfillment(wire)
    except UnsupportedFulfillment:
        return None
    except FormatError as error:
        raise InvalidSignature("Fulfillment URI couldn't been parsed") from error


def _output(wire: dict[str, Any]) -> Output:
    details = wire["condition"]["details"]
    try:
        uri = condition_uri(details)
    except DetailsTooDeep as error:
        raise ThresholdTooDeep from error
    except FormatError as error:
        raise ValidationError(f"The condition cannot be used: {error}") from error
    amount = int(wire["amount"])
    if amount < 1:
        raise AmountError("`amount` must be greater than 0")
    if amount > AMOUNT_MAX:
        raise AmountError(f"`amount` must be <= {AMOUNT_MAX}")
    keys = wire["public_keys"]
    return Output(amount, uri, None if keys is None else tuple(keys), frozenset(details_keys(details)))


def _is_normal(wire: dict[str, Any], output: Output) -> bool:
    return wire["amount"] == str(output.amount) and wire["condition"]["uri"] == output.condition_uri


def check_key_names(document: dict[str, Any]) -> None:
    """Step (f): names that the original's storage could not hold (spec/ledger.md 1.3, architecture 4).

    Raises:
        ValidationError: naming the first such key, in asset data before metadata.
    """
    for part, value in (("asset", document["asset"].get("data")), ("metadata", document["metadata"])):
        for key in _keys(value):
            if "." in key or "\x00" in key or key.startswith("$"):
                raise ValidationError(
                    f'Invalid key name "{key}" in {part} object. The key name cannot contain characters '
                    '".", "$" or null characters'
                )


def _keys(value: object) -> Iterator[str]:
    """Every member name at any depth, in document order."""
    pending: list[Any] = [value]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            yield from node  # pyright: ignore[reportUnknownVariableType]
            pending.extend(reversed(list(node.values())))  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(node, list):
            pending.extend(reversed(node))  # pyright: ignore[reportUnknownArgumentType]
