"""The JSON Schema of format 1.0 (spec/ledger.md 2.1), as a fast gate and a slow explanation.

jsonschema-rs decides; only a refused document is looked at again by jsonschema, whose first error words the
answer as the original's did.
"""

from collections.abc import Mapping
from typing import Any, cast

import jsonschema
import jsonschema_rs

from lamina.services.ledger.errors import SchemaValidationError

_HASH = {"type": "string", "pattern": "[0-9a-f]{64}"}
_BASE58 = {"type": "string", "pattern": "[1-9a-zA-Z^OIl]{43,44}"}
_KEYS = {"anyOf": [{"type": "array", "items": _BASE58}, {"type": "null"}]}
_URI = (
    r"^ni:///sha-256;([a-zA-Z0-9_-]{0,86})[?]"
    r"(fpt=(ed25519|threshold)-sha-256(&)?|cost=[0-9]+(&)?|subtypes=ed25519-sha-256(&)?){2,3}$"
)


def _object(required: list[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": dict(properties),
    }


_DETAILS = {
    "anyOf": [
        _object(
            ["type", "public_key"],
            {"type": {"type": "string", "pattern": "^ed25519-sha-256$"}, "public_key": _BASE58},
        ),
        _object(
            ["type", "threshold", "subconditions"],
            {
                "type": {"type": "string", "pattern": "^threshold-sha-256$"},
                "threshold": {"type": "integer", "minimum": 1, "maximum": 100},
                "subconditions": {"type": "array", "items": {"$ref": "#/definitions/details"}},
            },
        ),
    ]
}
_DETAILS_REF = {"$ref": "#/definitions/details"}
_FULFILLS = _object(
    ["output_index", "transaction_id"],
    {"output_index": {"type": "integer", "minimum": 0}, "transaction_id": _HASH},
)
_INPUT = _object(
    ["owners_before", "fulfillment", "fulfills"],
    {
        "owners_before": _KEYS,
        "fulfillment": {"anyOf": [{"type": "string", "pattern": "^[a-zA-Z0-9_-]*$"}, _DETAILS_REF]},
        "fulfills": {"anyOf": [_FULFILLS, {"type": "null"}]},
    },
)
_OUTPUT = _object(
    ["amount", "condition", "public_keys"],
    {
        "amount": {"type": "string", "pattern": "^[0-9]{1,20}$"},
        "condition": _object(
            ["details", "uri"], {"details": _DETAILS_REF, "uri": {"type": "string", "pattern": _URI}}
        ),
        "public_keys": _KEYS,
    },
)
_COMMON: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "definitions": {"details": _DETAILS},
    **_object(
        ["id", "inputs", "outputs", "operation", "metadata", "asset", "version"],
        {
            "id": _HASH,
            "operation": {"type": "string", "enum": ["CREATE", "TRANSFER", "GENESIS"]},
            "asset": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"id": _HASH, "data": {"anyOf": [{"type": "object"}, {"type": "null"}]}},
            },
            "inputs": {"type": "array", "items": _INPUT},
            "outputs": {"type": "array", "items": _OUTPUT},
            "metadata": {"anyOf": [{"type": "object", "minProperties": 1}, {"type": "null"}]},
            "version": {"type": "string", "pattern": r"^1\.0$"},
        },
    ),
}
_CREATE: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "properties": {
        "asset": {"additionalProperties": False, "properties": {"data": {}}, "required": ["data"]},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "maxItems": 1,
            "items": {
                "type": "object",
                "required": ["fulfills"],
                "properties": {"fulfills": {"type": "null"}},
            },
        },
    },
}
_TRANSFER: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-04/schema#",
    "type": "object",
    "properties": {
        "asset": {"additionalProperties": False, "properties": {"id": {}}, "required": ["id"]},
        "inputs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["fulfills"],
                "properties": {"fulfills": {"type": "object"}},
            },
        },
    },
}
_SECOND: dict[str, dict[str, Any]] = {"CREATE": _CREATE, "GENESIS": _CREATE, "TRANSFER": _TRANSFER}
_gates = {
    operation: jsonschema_rs.Draft4Validator({**_COMMON, "allOf": [second]})
    for operation, second in _SECOND.items()
}


def check(document: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """Hold a parsed document against the schema of its operation.

    Returns:
        The document, known to be an object of the right shape.

    Raises:
        SchemaValidationError: worded as jsonschema 2.5.1 words its first error.
    """
    if isinstance(document, dict):
        shape = cast("dict[str, Any]", document)
        operation = shape.get("operation")
        gate = _gates.get(operation) if isinstance(operation, str) else None
        if gate is not None and _passes(gate, shape):
            return shape
    return _explain(document)


def _passes(gate: jsonschema_rs.Draft4Validator, document: dict[str, Any]) -> bool:
    """Judge the shape only: payloads are free-form, and their integers may be too large for the gate."""
    try:
        return gate.is_valid({**document, **_stand_ins(document)}) and _indices_are_integers(document)
    except ValueError:
        return False


def _stand_ins(document: dict[str, Any]) -> dict[str, Any]:
    stand_ins: dict[str, Any] = {}
    asset, metadata = document.get("asset"), document.get("metadata")
    if isinstance(asset, dict) and isinstance(cast("dict[str, Any]", asset).get("data"), dict):
        stand_ins["asset"] = {**cast("dict[str, Any]", asset), "data": {}}
    if isinstance(metadata, dict) and metadata:
        stand_ins["metadata"] = {"": None}
    return stand_ins


def _indices_are_integers(document: dict[str, Any]) -> bool:
    """Draft 4 engines differ on 1.0 and on true; an index is neither."""
    return all(
        entry["fulfills"] is None or type(entry["fulfills"]["output_index"]) is int
        for entry in document["inputs"]
    )


def _explain(document: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    _raise_first_error(_COMMON, document)
    assert isinstance(document, dict), "the common schema admits objects only"
    shape = cast("dict[str, Any]", document)
    _raise_first_error(_SECOND[shape["operation"]], shape)
    return shape


def _raise_first_error(schema: dict[str, Any], document: Any) -> None:  # noqa: ANN401
    for error in jsonschema.Draft4Validator(schema).iter_errors(document):  # pyright: ignore[reportUnknownMemberType, reportArgumentType]
        raise SchemaValidationError(_wording(error))


def _wording(error: jsonschema.ValidationError) -> str:
    """Map newer jsonschema texts back to those of 2.5.1, which clients have seen."""
    if error.validator == "minItems":
        return f"{error.instance!r} is too short"
    if error.validator == "maxItems":
        return f"{error.instance!r} is too long"
    return error.message
