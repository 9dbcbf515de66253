"""The OpenAPI document of the ledger's HTTP API; a test holds its paths and methods against the routes.

Compatibility quirks are described as they are answered, not as they should have been. HEAD, OPTIONS and the
HTTP layer's own refusals, which are the same everywhere, are told in prose once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import lamina
from lamina.services.ledger.api.openapi_examples import Examples, make_examples
from lamina.services.ledger.api.openapi_schemas import SCHEMAS, Schema, array_of, ref
from lamina.services.ledger.settings import LedgerSettings

JSON_PATH = "/lamina/openapi.json"
DOCS_PATH = "/lamina/docs"

Part = dict[str, Any]

_TAGS = (
    ("Node", "What this node is."),
    ("Transactions", "Post, read and follow transactions."),
    ("Outputs", "What a key can spend."),
    ("Assets", "Search what was created."),
    ("Blocks and votes", "How transactions became valid."),
    ("Documentation", "This description."),
)


def document(settings: LedgerSettings, streams: str) -> Part:
    """Describe the API of one node.

    Args:
        settings: the node's limits, which the document names.
        streams: the event stream's URL that this node advertises.

    Returns:
        An OpenAPI 3.1 document, for JSON.
    """
    examples = make_examples(streams)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lamina asset ledger",
            "version": lamina.__version__,
            "summary": "Create assets and transfer them under cryptographic conditions.",
            "description": _description(settings, streams),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This node."}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS],
        "paths": _paths(settings, examples),
        "components": {
            "schemas": {**SCHEMAS, "Event": {**SCHEMAS["Event"], "examples": [examples.event]}},
            "responses": _failures(settings),
        },
    }


def _description(settings: LedgerSettings, streams: str) -> str:
    return f"""
Wire-compatible with BigchainDB Server 1.0.1 and its drivers, transaction format `1.0`.

A posted transaction is answered 202 as soon as it is stored; it counts once it is `valid`. Ask `statuses`, or
listen to the event stream at `{streams}`: one websocket text frame, an `Event`, for each transaction of each
block that becomes valid, without history.

Every path is also answered with a trailing slash. HEAD is answered as GET without its body, OPTIONS with
`Allow`. Pages of any origin may read the answers. Every answer carries `X-Request-Id`: the one sent, or a new one.

Parameters are text. Of one that is repeated, the first value counts. A query string has at most
{settings.query_bytes_max} bytes and 64 parameters. Where unknown parameters are refused, it says so.

Errors have one of these bodies:

- `ApplicationError`, `{{"message": "…", "status": 404}}`: the request was understood and refused.
- `ParameterError`, `{{"message": {{"<parameter>": "…"}}}}`: the first parameter that is missing or unusable.
- `RequestError`, `{{"message": "…"}}`: unknown parameters, an unreadable body, a wrong method, a fault of the
server (500).

What is not HTTP/1.1, too large or too slow is refused before it is looked at, with an `ApplicationError` of status
400, 408, 431 or 503, and the connection is closed.
""".strip()


def _paths(settings: LedgerSettings, examples: Examples) -> Part:
    return {
        **_node_paths(examples),
        **_transaction_paths(settings, examples),
        **_collection_paths(settings, examples),
        **_block_paths(examples),
        **_documentation_paths(),
    }


def _node_paths(examples: Examples) -> Part:
    return {
        "/": {
            "get": _operation(
                "Node",
                "getNode",
                "This node",
                "Who this node is and where its API is. Fixed while the node runs.",
                answers=_answers(_json("The node.", ref("Node"), examples.node)),
            )
        },
        "/api/v1": {
            "get": _operation(
                "Node",
                "getCollections",
                "The collections",
                "Where the collections are, relative to this path.",
                answers=_answers(_json("The collections.", ref("Collections"), examples.collections)),
            )
        },
    }


def _transaction_paths(settings: LedgerSettings, examples: Examples) -> Part:
    return {
        "/api/v1/transactions": {
            "get": _operation(
                "Transactions",
                "listTransactions",
                "The history of an asset",
                "The CREATE transaction of the asset and every TRANSFER of it, in chain order; only valid "
                "transactions. An unknown asset has none. Unknown parameters are ignored.",
                _query("operation", "Only these; in any case.", {"enum": ["CREATE", "TRANSFER"]}),
                _query(
                    "asset_id",
                    "Id of the asset, which is the id of its CREATE transaction; in any case.",
                    {"pattern": "^[0-9a-fA-F]{64}$"},
                    required=True,
                    example=examples.create["id"],
                ),
                answers=_answers(
                    _json("The transactions.", array_of("Transaction"), [examples.create]),
                    _bad_request({"operation": 'Operation must be "CREATE" or "TRANSFER'}),
                    *_STORED,
                ),
            ),
            "post": _post_transaction(settings, examples),
        },
        "/api/v1/transactions/{id}": {
            "get": _operation(
                "Transactions",
                "getTransaction",
                "One transaction",
                "A valid transaction by its id. One that is not valid yet, or never will be, is not found.",
                _path_id("Id of the transaction.", examples.create["id"]),
                answers=_answers(
                    _json("The transaction.", ref("Transaction"), examples.create), _NOT_FOUND, *_STORED
                ),
            )
        },
        "/api/v1/statuses": {
            "get": _operation(
                "Transactions",
                "getStatus",
                "How far a transaction or a block is",
                "Give exactly one of the two. Unknown parameters are refused.",
                _query("transaction_id", "Id of a transaction.", {}, example=examples.create["id"]),
                _query("block_id", "Id of a block.", {}),
                answers=_answers(
                    _json(
                        "Where it stands.",
                        {"anyOf": [ref("TransactionStatus"), ref("BlockStatus")]},
                        {"status": "valid"},
                    ),
                    _refused_request(
                        "Provide exactly one query parameter. Choices are: block_id, transaction_id"
                    ),
                    _NOT_FOUND,
                    *_STORED,
                ),
            )
        },
    }


def _post_transaction(settings: LedgerSettings, examples: Examples) -> Part:
    invalid = {"message": "Invalid transaction (InvalidSignature): Transaction signature is invalid."}
    posted = _operation(
        "Transactions",
        "postTransaction",
        "Post a transaction",
        "Accepts a signed transaction: it is stored durably before the answer, and becomes valid once its block "
        "does. Posting the same transaction again is safe. The body is read as JSON whatever its type.",
        answers=_answers(
            (
                "202",
                {
                    "description": "Accepted. The body is the transaction.",
                    "headers": {
                        "Location": {
                            "description": "Where to ask for the status.",
                            "required": True,
                            "schema": {
                                "type": "string",
                                "pattern": r"^\.\./statuses\?transaction_id=[0-9a-f]{64}$",
                            },
                        }
                    },
                    **_content(ref("Transaction"), examples.create),
                },
            ),
            (
                "400",
                {
                    "description": "Not JSON, not a transaction, or a transaction that breaks a rule.",
                    **_content(
                        {"anyOf": [ref("ApplicationError"), ref("RequestError")]}, {**invalid, "status": 400}
                    ),
                },
            ),
            ("413", _response_ref("TooLarge")),
            *_STORED,
        ),
    )
    body = {
        "required": True,
        "description": f"At most {settings.body_bytes_max} bytes.",
        **_content(ref("Transaction"), examples.create),
    }
    return {**posted, "requestBody": body}


def _collection_paths(settings: LedgerSettings, examples: Examples) -> Part:
    return {
        "/api/v1/outputs": {
            "get": _operation(
                "Outputs",
                "listOutputs",
                "Outputs of a key",
                "Outputs whose condition names the key anywhere, in chain order, of transactions that are valid or "
                "undecided. Unknown parameters are refused.",
                _query(
                    "public_key",
                    "The key; checked by its shape only.",
                    {"pattern": "^[1-9A-HJ-NP-Za-km-z]{43,44}$"},
                    required=True,
                    example=examples.key,
                ),
                _query(
                    "spent",
                    "Only spent or only unspent ones; in any case. Spends that only wait in the backlog do not "
                    "count.",
                    {"enum": ["true", "false"]},
                ),
                answers=_answers(
                    _json("The outputs.", array_of("OutputReference"), examples.outputs),
                    _bad_request({"public_key": "Invalid base58 ed25519 key"}),
                    *_STORED,
                ),
            )
        },
        "/api/v1/assets": {
            "get": _operation(
                "Assets",
                "searchAssets",
                "Search assets",
                "Full-text search over the string values of valid assets, best matches first. Words are "
                'alternatives, `"a phrase"` must occur, `-word` must not; an asset\'s id finds it too. Unknown '
                "parameters are ignored.",
                _query(
                    "search",
                    f"What to look for; {settings.search_characters_max} characters are looked at.",
                    {"minLength": 1},
                    required=True,
                    example="bicycle lamina",
                ),
                _query(
                    "limit",
                    f"Results at most; 0 is as many as there are, up to {settings.search_results_max}. The sign "
                    "does not count.",
                    {"type": "integer"},
                    example=10,
                ),
                answers=_answers(
                    _json("The assets.", array_of("Asset"), examples.assets),
                    _bad_request({"limit": "invalid literal for int() with base 10: 'abc'"}),
                    *_STORED,
                ),
            )
        },
    }


def _block_paths(examples: Examples) -> Part:
    block_id = examples.block["id"]
    return {
        "/api/v1/blocks": {
            "get": _operation(
                "Blocks and votes",
                "listBlocks",
                "Blocks that hold a transaction",
                "Ids in chain order. An unknown transaction is in none. Unknown parameters are refused.",
                _query(
                    "transaction_id",
                    "Id of a transaction.",
                    {},
                    required=True,
                    example=examples.create["id"],
                ),
                _query(
                    "status", "Only these blocks; in any case.", {"enum": ["valid", "invalid", "undecided"]}
                ),
                answers=_answers(
                    _json("The ids.", array_of("Hash"), [block_id]),
                    _bad_request({"status": "123 is not a valid choice"}),
                    *_STORED,
                ),
            )
        },
        "/api/v1/blocks/{id}": {
            "get": _operation(
                "Blocks and votes",
                "getBlock",
                "One block",
                "A block by its id, whatever its status.",
                _path_id("Id of the block.", block_id),
                answers=_answers(_json("The block.", ref("Block"), examples.block), _NOT_FOUND, *_STORED),
            )
        },
        "/api/v1/votes": {
            "get": _operation(
                "Blocks and votes",
                "listVotes",
                "Votes on a block",
                "Votes as they were signed. An unknown block has none. Unknown parameters are refused.",
                _query("block_id", "Id of a block.", {}, required=True, example=block_id),
                answers=_answers(
                    _json("The votes.", array_of("Vote"), [examples.vote]),
                    _bad_request(
                        {
                            "block_id": "Missing required parameter in the JSON body or the post body or the "
                            "query string"
                        }
                    ),
                    *_STORED,
                ),
            )
        },
    }


def _documentation_paths() -> Part:
    page = {
        "description": "A page without outside parts.",
        "content": {"text/html": {"schema": {"type": "string"}}},
    }
    return {
        JSON_PATH: {
            "get": _operation(
                "Documentation",
                "getOpenApi",
                "This document",
                "OpenAPI 3.1 as JSON.",
                answers=_answers(_json("The document.", {"type": "object", "required": ["openapi"]}, None)),
            )
        },
        DOCS_PATH: {
            "get": _operation(
                "Documentation",
                "getDocs",
                "This document for people",
                "The page that shows this document and lets requests be tried.",
                answers=_answers(("200", page)),
            )
        },
    }


def _operation(  # noqa: PLR0917 - the words in the order they are read
    tag: str,
    operation_id: str,
    summary: str,
    description: str,
    *parameters: Part,
    answers: Mapping[str, Part],
) -> Part:
    described: Part = {
        "tags": [tag],
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        "responses": dict(answers),
    }
    return {**described, "parameters": list(parameters)} if parameters else described


def _query(
    name: str, description: str, schema: Schema, *, required: bool = False, example: object = None
) -> Part:
    parameter = {
        "name": name,
        "in": "query",
        "description": description,
        "required": required,
        "schema": {"type": "string", **schema},
    }
    return parameter if example is None else {**parameter, "example": example}


def _path_id(description: str, example: str) -> Part:
    return {
        "name": "id",
        "in": "path",
        "description": description,
        "required": True,
        "schema": {"type": "string", "minLength": 1},
        "example": example,
    }


Answer = tuple[str, Part]


def _answers(*answers: Answer) -> Part:
    """Answers by status, and the 405 that every path has for other methods."""
    return dict(sorted([*answers, ("405", _response_ref("MethodNotAllowed"))]))


def _json(description: str, schema: Schema, example: object) -> Answer:
    """A 200 with a document."""
    return "200", {"description": description, **_content(schema, example)}


def _content(schema: Schema, example: object) -> Part:
    media = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"content": {"application/json": media}}


def _bad_request(message: Mapping[str, str]) -> Answer:
    """A 400 of an endpoint with parameters, with one of its own errors as the example."""
    shapes = [ref("ParameterError"), ref("RequestError"), ref("ApplicationError")]
    return "400", {
        "description": "A parameter is missing, unusable or unknown.",
        **_content({"anyOf": shapes}, {"message": dict(message)}),
    }


def _refused_request(message: str) -> Answer:
    """A 400 of an endpoint that judges its parameters together."""
    return "400", {
        "description": "The parameters do not fit together, or one is unknown.",
        **_content(
            {"anyOf": [ref("ApplicationError"), ref("RequestError")]}, {"message": message, "status": 400}
        ),
    }


def _response_ref(name: str) -> Part:
    return {"$ref": f"#/components/responses/{name}"}


_NOT_FOUND: Answer = ("404", _response_ref("NotFound"))
_STORED: Sequence[Answer] = (("503", _response_ref("Unavailable")),)
"""What every endpoint that needs the database may answer."""


def _failures(settings: LedgerSettings) -> Part:
    """The failures that endpoints share."""
    return {
        "NotFound": _failure(
            "There is nothing under this id.",
            ref("ApplicationError"),
            {"message": "Not found", "status": 404},
        ),
        "MethodNotAllowed": _failure(
            "The path was asked with another method.",
            ref("RequestError"),
            {"message": "The method is not allowed for the requested URL."},
            {"Allow": _header("The methods of this path.", {"type": "string"})},
        ),
        "TooLarge": _failure(
            f"The body is larger than {settings.body_bytes_max} bytes. The connection is closed.",
            ref("ApplicationError"),
            {"message": "The request body is larger than this endpoint accepts.", "status": 413},
        ),
        "Unavailable": _failure(
            "The node is overloaded or its database does not answer. Asking again is safe.",
            ref("ApplicationError"),
            {
                "message": "A bounded queue is full; the request was refused before any work was done.",
                "status": 503,
            },
            {"Retry-After": _header("Seconds to wait.", {"type": "integer", "minimum": 1})},
        ),
    }


def _failure(description: str, schema: Schema, example: Part, headers: Part | None = None) -> Part:
    failure = {"description": description, **_content(schema, example)}
    return {**failure, "headers": headers} if headers else failure


def _header(description: str, schema: Schema) -> Part:
    return {"description": description, "required": True, "schema": schema}
