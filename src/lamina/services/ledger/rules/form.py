"""From posted bytes to a `Transaction`: JSON, schema, id, inputs, outputs (spec/ledger.md 2, steps a to d).

Every part is serialised once; the three texts the ledger needs (what is hashed, what is signed, what is
stored) are concatenations of the same parts.
"""

from collections.abc import Iterable
from typing import Any, cast

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
_UNPROVEN = ("fulfills", "owners_before")
_TAIL = ("metadata", "operation", "outputs", "version")


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
    """Check the id; return the signed message and the complete document, both canonical.

    The members' canonical order is asset, id, inputs, metadata, operation, outputs, version: `head`, the id,
    the inputs with or without their proofs, `tail`.
    """
    encode = canonical_json.encode
    try:
        head = encode({"asset": wire["asset"]})[:-1]
        rests = [encode({name: entry[name] for name in _UNPROVEN})[1:] for entry in wire["inputs"]]
        proofs = [encode(entry["fulfillment"]) for entry in wire["inputs"]]
        tail = b"]," + encode({name: wire[name] for name in _TAIL})[1:]
    except FormatError as error:
        raise UnreadableBody from error
    blank = b',"inputs":[' + b",".join([b'{"fulfillment":null,' + rest for rest in rests])
    computed = sha3_256_hex(b"".join((head, blank, tail)))
    if computed != wire["id"]:
        raise InvalidHash(
            f"The transaction's id '{wire['id']}' isn't equal to the hash of its body, i.e. it's not valid."
        )
    named = b'%s,"id":"%s"' % (head, computed.encode())
    proven = [b'{"fulfillment":%s,%s' % pair for pair in zip(proofs, rests, strict=True)]
    body = b"".join((named, b',"inputs":[', b",".join(proven), tail))
    return b"".join((named, blank, tail)), body


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
        key = _refused_key(value)
        if key is not None:
            raise ValidationError(
                f'Invalid key name "{key}" in {part} object. The key name cannot contain characters '
                '".", "$" or null characters'
            )


def _refused_key(value: object) -> str | None:
    """The first member name, in document order, that may not be used."""
    children: Iterable[object] = ()
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        for key in members:
            if "." in key or "\x00" in key or key[:1] == "$":
                return key
        children = members.values()
    elif isinstance(value, list):
        children = cast("list[object]", value)
    for child in children:
        key = _refused_key(child) if isinstance(child, dict | list) else None  # pyright: ignore[reportUnknownArgumentType]
        if key is not None:
            return key
    return None
