"""What the ledger's answers look like, as JSON Schema 2020-12: the schemas of its OpenAPI document.

A served transaction has passed every rule, so these are stricter than the gate of `rules.schema`, which also
admits what a later rule refuses.
"""

from lamina.kernel.web.openapi_parts import Part, array_of, closed_object, or_null, ref

_KEY_PATTERN = "^[1-9A-HJ-NP-Za-km-z]{43,44}$"
# As loose as the gate: the lists beside a condition are stored as written (spec/ledger.md 2.1).
_LISTED_KEY_PATTERN = "[1-9a-zA-Z^OIl]{43,44}"
_URI_PATTERN = (
    r"^ni:///sha-256;[A-Za-z0-9_-]{43}\?fpt=(ed25519|threshold)-sha-256&cost=[0-9]+"
    r"(&subtypes=ed25519-sha-256)?$"
)
_AMOUNT_PATTERN = "^([1-9][0-9]{0,17}|[1-8][0-9]{18}|9000000000000000000)$"


_KEYS: Part = {"type": "array", "items": {"type": "string", "pattern": _LISTED_KEY_PATTERN}}
_METADATA = or_null({"type": "object", "minProperties": 1})
_CREATED_ASSET = closed_object("What is created.", {"data": or_null({"type": "object"})})
_MOVED_ASSET = closed_object("What is transferred.", {"id": ref("Hash")})


def _transaction(description: str, operation: str, asset: Part, inputs: Part) -> Part:
    return closed_object(
        description,
        {
            "id": ref("Hash"),
            "version": {"const": "1.0"},
            "operation": {"const": operation},
            "asset": asset,
            "metadata": {**_METADATA, "description": "Anything about this transaction."},
            "inputs": inputs,
            "outputs": array_of("Output"),
        },
    )


def _one_input(description: str) -> Part:
    return {
        "type": "array",
        "description": description,
        "items": ref("CreatingInput"),
        "minItems": 1,
        "maxItems": 1,
    }


def _input(description: str, fulfills: Part) -> Part:
    return closed_object(
        description,
        {
            "owners_before": {**_KEYS, "description": "Keys that sign."},
            "fulfills": fulfills,
            "fulfillment": {
                "type": "string",
                "pattern": "^[A-Za-z0-9_-]+$",
                "description": "Signatures: a DER crypto-condition fulfillment in base64url without padding.",
            },
        },
    )


_TRANSACTIONS: dict[str, Part] = {
    "Transaction": {
        "description": "A signed transaction of format 1.0. Its id is the SHA3-256 of its canonical form "
        "without `id` and with every `fulfillment` null.",
        "oneOf": [ref("CreateTransaction"), ref("TransferTransaction")],
    },
    "CreateTransaction": _transaction(
        "Makes an asset; its id becomes the asset's id.",
        "CREATE",
        _CREATED_ASSET,
        _one_input("Who creates."),
    ),
    "TransferTransaction": _transaction(
        "Moves an asset, or parts of it, to new owners.",
        "TRANSFER",
        _MOVED_ASSET,
        {"type": "array", "items": ref("SpendingInput"), "minItems": 1},
    ),
    "GenesisTransaction": _transaction(
        "The only transaction of a chain's first block; it cannot be posted.",
        "GENESIS",
        _CREATED_ASSET,
        _one_input("The node."),
    ),
    "CreatingInput": _input("An input that spends nothing.", {"type": "null"}),
    "SpendingInput": _input("An input that spends an output.", ref("SpentOutput")),
    "SpentOutput": closed_object(
        "Which output is spent.",
        {"transaction_id": ref("Hash"), "output_index": {"type": "integer", "minimum": 0}},
    ),
    "Output": closed_object(
        "An amount that whoever fulfills the condition may spend.",
        {
            "public_keys": {
                **or_null(_KEYS),
                "description": "The owners, for readers; the condition decides.",
            },
            "condition": ref("Condition"),
            "amount": {
                "type": "string",
                "pattern": _AMOUNT_PATTERN,
                "description": "1 to 9000000000000000000, without leading zeros.",
            },
        },
    ),
    "Condition": closed_object(
        "A crypto-condition.",
        {
            "details": ref("Details"),
            "uri": {
                "type": "string",
                "pattern": _URI_PATTERN,
                "description": "Hash of the condition, recomputed from the details.",
            },
        },
    ),
    "Details": {
        "description": "What must be signed, nested at most 99 deep.",
        "oneOf": [ref("Ed25519Details"), ref("ThresholdDetails")],
    },
    "Ed25519Details": closed_object(
        "One key signs.", {"type": {"const": "ed25519-sha-256"}, "public_key": ref("PublicKey")}
    ),
    "ThresholdDetails": closed_object(
        "Any `threshold` of the subconditions are fulfilled.",
        {
            "type": {"const": "threshold-sha-256"},
            "threshold": {"type": "integer", "minimum": 1, "maximum": 100},
            "subconditions": {**array_of("Details"), "minItems": 1},
        },
    ),
}

_BLOCKS: dict[str, Part] = {
    "Block": closed_object(
        "A signed block. Its id is the SHA3-256 of the canonical form of `block`.",
        {
            "id": ref("Hash"),
            "block": closed_object(
                "What is hashed and signed.",
                {
                    "timestamp": ref("Timestamp"),
                    "transactions": {
                        "type": "array",
                        "items": {"anyOf": [ref("Transaction"), ref("GenesisTransaction")]},
                        "minItems": 1,
                    },
                    "node_pubkey": ref("PublicKey"),
                    "voters": {"type": "array", "items": ref("PublicKey"), "minItems": 1},
                },
            ),
            "signature": ref("Signature"),
        },
    ),
    "Vote": closed_object(
        "A node's signed word on one block.",
        {
            "node_pubkey": ref("PublicKey"),
            "signature": ref("Signature"),
            "vote": closed_object(
                "What is signed.",
                {
                    "voting_for_block": ref("Hash"),
                    "previous_block": ref("Hash"),
                    "is_block_valid": {"type": "boolean"},
                    "invalid_reason": {"type": ["string", "null"]},
                    "timestamp": ref("Timestamp"),
                },
            ),
        },
    ),
}

_ANSWERS: dict[str, Part] = {
    "OutputReference": closed_object(
        "Where an output stands.",
        {"transaction_id": ref("Hash"), "output_index": {"type": "integer", "minimum": 0}},
    ),
    "Asset": closed_object(
        "An asset: the payload of its CREATE transaction, and that transaction's id.",
        {"data": or_null({"type": "object"}), "id": ref("Hash")},
    ),
    "TransactionStatus": closed_object(
        "How far it is.", {"status": {"enum": ["backlog", "undecided", "valid"]}}
    ),
    "BlockStatus": closed_object("How far it is.", {"status": {"enum": ["undecided", "valid", "invalid"]}}),
    "Node": closed_object(
        "This node and where its API is.",
        {
            "api": closed_object("By version.", {"v1": ref("Collections")}),
            "docs": {"type": "string", "format": "uri"},
            "keyring": {
                "type": "array",
                "items": ref("PublicKey"),
                "description": "The federation's other nodes.",
            },
            "public_key": ref("PublicKey"),
            "software": {"const": "BigchainDB"},
            "version": {"const": "1.0.1"},
        },
    ),
    "Collections": closed_object(
        "Where the collections are.",
        {
            "assets": {"type": "string"},
            "docs": {"type": "string", "format": "uri"},
            "outputs": {"type": "string"},
            "statuses": {"type": "string"},
            "streams": {"type": "string", "format": "uri", "description": "The event stream."},
            "transactions": {"type": "string"},
        },
    ),
    "Event": closed_object(
        "One frame of the event stream: a transaction of a block that has just become valid.",
        {"block_id": ref("Hash"), "asset_id": ref("Hash"), "transaction_id": ref("Hash")},
    ),
}

_VALUES: dict[str, Part] = {
    "Hash": {
        "type": "string",
        "pattern": "^[0-9a-f]{64}$",
        "description": "SHA3-256 as lower-case hex digits.",
    },
    "PublicKey": {
        "type": "string",
        "pattern": _KEY_PATTERN,
        "description": "An ed25519 key of 32 bytes in base58.",
    },
    "Signature": {
        "type": "string",
        "pattern": "^[1-9A-HJ-NP-Za-km-z]{86,88}$",
        "description": "An ed25519 signature of 64 bytes in base58.",
    },
    "Timestamp": {
        "type": "string",
        "pattern": "^[0-9]{10}$",
        "description": "Unix seconds by the node's clock.",
    },
}

_ERRORS: dict[str, Part] = {
    "ApplicationError": closed_object(
        "The request was understood and refused.",
        {"message": {"type": "string"}, "status": {"type": "integer", "description": "The HTTP status."}},
    ),
    "ParameterError": closed_object(
        "A parameter is missing or cannot be used; only the first such parameter is named.",
        {
            "message": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "minProperties": 1,
                "maxProperties": 1,
                "description": "The parameter and what is wrong with it.",
            }
        },
    ),
    "RequestError": closed_object("The request could not be understood.", {"message": {"type": "string"}}),
}

SCHEMAS: dict[str, Part] = {**_TRANSACTIONS, **_BLOCKS, **_ANSWERS, **_VALUES, **_ERRORS}
