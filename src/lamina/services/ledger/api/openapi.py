"""The OpenAPI document of the ledger's HTTP API; a test holds its paths and methods against the routes.

Compatibility quirks are described as they are answered, not as they should have been. HEAD, OPTIONS and the
HTTP layer's own refusals, which are the same everywhere, are told in prose once.
"""

import lamina
from lamina.kernel.web.openapi_parts import (
    Part,
    answer,
    array_of,
    header,
    json_content,
    operation,
    path_parameter,
    query_parameter,
    ref,
)
from lamina.kernel.web.openapi_routes import TAG, documentation
from lamina.services.ledger.api.openapi_examples import Examples, make_examples
from lamina.services.ledger.api.openapi_failures import (
    APPLICATION_OR_REQUEST,
    NOT_FOUND,
    STORED,
    TOO_LARGE,
    WRONG_METHOD,
    bad_parameter,
    failures,
)
from lamina.services.ledger.api.openapi_schemas import SCHEMAS
from lamina.services.ledger.api.query import PARAMETERS_MAX
from lamina.services.ledger.settings import LedgerSettings

_TAGS = (
    ("Node", "What this node is."),
    ("Transactions", "Post, read and follow transactions."),
    ("Outputs", "What a key can spend."),
    ("Assets", "Search what was created."),
    ("Blocks and votes", "How transactions became valid."),
    TAG,
)


def document(settings: LedgerSettings, streams: str) -> Part:
    """Describe the API of one node.

    Args:
        settings: the node's limits, which the document names.
        streams: the event stream's URL that this node advertises.

    Returns:
        An OpenAPI 3.1 document, ready for JSON.
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
        "paths": {
            **_node(examples),
            **_transactions(settings, examples),
            **_collections(settings, examples),
            **_blocks(examples),
            **documentation(WRONG_METHOD),
        },
        "components": {
            "schemas": {**SCHEMAS, "Event": {**SCHEMAS["Event"], "examples": [examples.event]}},
            "responses": failures(settings),
        },
    }


def _description(settings: LedgerSettings, streams: str) -> str:
    return f"""
Wire-compatible with BigchainDB Server 1.0.1 and its drivers, transaction format `1.0`.

A posted transaction is answered 202 as soon as it is stored; it counts once it is `valid`. Ask for its
status, or listen to the event stream at `{streams}`: one websocket text frame, an `Event`, for each
transaction of each block that becomes valid, without history.

Every path is also answered with a trailing slash. HEAD is answered as GET without its body, OPTIONS with
`Allow`. Pages of any origin may read the answers. Every answer carries `X-Request-Id`: the one sent, or a new
one.

Parameters are text. Of a repeated one, the first value counts. A query string has at most
{settings.query_bytes_max} bytes and {PARAMETERS_MAX} parameters. Where unknown parameters are refused, the
operation says so.

Errors have one of these bodies:

- `{{"message": "…", "status": 404}}`, an `ApplicationError`: the request was understood and refused.
- `{{"message": {{"<parameter>": "…"}}}}`, a `ParameterError`: the first parameter that is missing or wrong.
- `{{"message": "…"}}`, a `RequestError`: unknown parameters, an unreadable body, a wrong method.

A fault of the server is answered 500 with a `message`; the server's log tells more under the `X-Request-Id`.

What is not HTTP/1.1, is too large or too slow is refused unseen, with an `ApplicationError` of status 400,
408, 431 or 503, and the connection is closed.
""".strip()


def _node(examples: Examples) -> Part:
    return {
        "/": {
            "get": operation(
                "Node",
                "getNode",
                "This node",
                "Who this node is and where its API is. Fixed while the node runs.",
                answers=[answer(200, "The node.", ref("Node"), examples.node), WRONG_METHOD],
            )
        },
        "/api/v1": {
            "get": operation(
                "Node",
                "getCollections",
                "The collections",
                "Where the collections are, relative to this path.",
                answers=[
                    answer(200, "The collections.", ref("Collections"), examples.collections),
                    WRONG_METHOD,
                ],
            )
        },
    }


def _transactions(settings: LedgerSettings, examples: Examples) -> Part:
    return {
        "/api/v1/transactions": {
            "get": _list_transactions(examples),
            "post": _post_transaction(settings, examples),
        },
        "/api/v1/transactions/{id}": {
            "get": operation(
                "Transactions",
                "getTransaction",
                "One transaction",
                "A valid transaction by its id. One that is not valid yet, or never will be, is not found.",
                parameters=[path_parameter("id", "Id of the transaction.", example=examples.create["id"])],
                answers=[
                    answer(200, "The transaction.", ref("Transaction"), examples.create),
                    NOT_FOUND,
                    *STORED,
                ],
            )
        },
        "/api/v1/statuses": {"get": _get_status(examples)},
    }


def _list_transactions(examples: Examples) -> Part:
    return operation(
        "Transactions",
        "listTransactions",
        "The history of an asset",
        "The CREATE transaction of the asset and every TRANSFER of it, in chain order; only valid ones. An "
        "unknown asset has none. Unknown parameters are ignored.",
        parameters=[
            query_parameter("operation", "Only these; in any case.", {"enum": ["CREATE", "TRANSFER"]}),
            query_parameter(
                "asset_id",
                "Id of the asset, which is the id of its CREATE transaction; in any case.",
                {"pattern": "^[0-9a-fA-F]{64}$"},
                required=True,
                example=examples.create["id"],
            ),
        ],
        answers=[
            answer(200, "The transactions.", array_of("Transaction"), [examples.create]),
            bad_parameter("operation", 'Operation must be "CREATE" or "TRANSFER'),
            *STORED,
        ],
    )


def _post_transaction(settings: LedgerSettings, examples: Examples) -> Part:
    location = header(
        "Where to ask for the status.",
        {"type": "string", "pattern": r"^\.\./statuses\?transaction_id=[0-9a-f]{64}$"},
    )
    invalid = "Invalid transaction (InvalidSignature): Transaction signature is invalid."
    return operation(
        "Transactions",
        "postTransaction",
        "Post a transaction",
        "Accepts a signed transaction: it is stored durably before the answer, and becomes valid with its "
        "block. Posting it again is safe. The body is read as JSON whatever its type.",
        body={
            "required": True,
            "description": f"At most {settings.body_bytes_max} bytes.",
            "content": json_content(ref("Transaction"), examples.create),
        },
        answers=[
            answer(
                202,
                "Accepted; the body is the transaction.",
                ref("Transaction"),
                examples.create,
                headers={"Location": location},
            ),
            answer(
                400,
                "Not JSON, not a transaction, or a transaction that breaks a rule.",
                APPLICATION_OR_REQUEST,
                {"message": invalid, "status": 400},
            ),
            TOO_LARGE,
            *STORED,
        ],
    )


def _get_status(examples: Examples) -> Part:
    return operation(
        "Transactions",
        "getStatus",
        "How far a transaction or a block is",
        "Give exactly one of the two; an empty one is not given. Unknown parameters are refused.",
        parameters=[
            query_parameter(
                "transaction_id", "Id of a transaction.", {"minLength": 1}, example=examples.create["id"]
            ),
            query_parameter("block_id", "Id of a block.", {"minLength": 1}),
        ],
        answers=[
            answer(
                200,
                "Where it stands.",
                {"anyOf": [ref("TransactionStatus"), ref("BlockStatus")]},
                {"status": "valid"},
            ),
            answer(
                400,
                "None or both are given, or one is unknown.",
                APPLICATION_OR_REQUEST,
                {
                    "message": "Provide exactly one query parameter. Choices are: block_id, transaction_id",
                    "status": 400,
                },
            ),
            NOT_FOUND,
            *STORED,
        ],
    )


def _collections(settings: LedgerSettings, examples: Examples) -> Part:
    return {
        "/api/v1/outputs": {"get": _list_outputs(examples)},
        "/api/v1/assets": {"get": _search_assets(settings, examples)},
    }


def _list_outputs(examples: Examples) -> Part:
    return operation(
        "Outputs",
        "listOutputs",
        "Outputs of a key",
        "Outputs whose condition names the key anywhere, in chain order, of valid and undecided "
        "transactions. Unknown parameters are refused.",
        parameters=[
            query_parameter(
                "public_key",
                "The key; only its shape is checked, of every value given.",
                {"pattern": "^[1-9A-HJ-NP-Za-km-z]{43,44}$"},
                required=True,
                example=examples.key,
            ),
            query_parameter(
                "spent",
                "Only spent or only unspent ones; in any case. A spend that waits in the backlog does not "
                "count.",
                {"enum": ["true", "false"]},
            ),
        ],
        answers=[
            answer(200, "The outputs.", array_of("OutputReference"), examples.outputs),
            bad_parameter("public_key", "Invalid base58 ed25519 key"),
            *STORED,
        ],
    )


def _search_assets(settings: LedgerSettings, examples: Examples) -> Part:
    return operation(
        "Assets",
        "searchAssets",
        "Search assets",
        "Full-text search over the string values of valid assets, best matches first. Words are "
        'alternatives, `"a phrase"` must occur, `-word` must not; an id finds its asset. Unknown parameters '
        "are ignored.",
        parameters=[
            query_parameter(
                "search",
                f"What to look for; {settings.search_characters_max} characters are looked at.",
                {"minLength": 1},
                required=True,
                example="bicycle",
            ),
            query_parameter(
                "limit",
                f"Results at most, without regard to its sign; 0 means {settings.search_results_max}, and no "
                "more are ever answered.",
                {"type": "integer"},
                example=10,
            ),
        ],
        answers=[
            answer(200, "The assets.", array_of("Asset"), examples.assets),
            bad_parameter("limit", "invalid literal for int() with base 10: 'abc'"),
            *STORED,
        ],
    )


def _blocks(examples: Examples) -> Part:
    block_id = examples.block["id"]
    return {
        "/api/v1/blocks": {"get": _list_blocks(examples)},
        "/api/v1/blocks/{id}": {
            "get": operation(
                "Blocks and votes",
                "getBlock",
                "One block",
                "A block by its id, whatever its status.",
                parameters=[path_parameter("id", "Id of the block.", example=block_id)],
                answers=[
                    answer(200, "The block.", ref("Block"), examples.block),
                    NOT_FOUND,
                    *STORED,
                ],
            )
        },
        "/api/v1/votes": {
            "get": operation(
                "Blocks and votes",
                "listVotes",
                "Votes on a block",
                "Votes as they were signed. An unknown block has none. Unknown parameters are refused.",
                parameters=[
                    query_parameter("block_id", "Id of a block.", {}, required=True, example=block_id)
                ],
                answers=[
                    answer(200, "The votes.", array_of("Vote"), [examples.vote]),
                    bad_parameter(
                        "block_id",
                        "Missing required parameter in the JSON body or the post body or the query string",
                    ),
                    *STORED,
                ],
            )
        },
    }


def _list_blocks(examples: Examples) -> Part:
    return operation(
        "Blocks and votes",
        "listBlocks",
        "Blocks that hold a transaction",
        "Ids in chain order. An unknown transaction is in none. Unknown parameters are refused.",
        parameters=[
            query_parameter(
                "transaction_id", "Id of a transaction.", {}, required=True, example=examples.create["id"]
            ),
            query_parameter(
                "status", "Only these blocks; in any case.", {"enum": ["valid", "invalid", "undecided"]}
            ),
        ],
        answers=[
            answer(200, "The ids.", array_of("Hash"), [examples.block["id"]]),
            bad_parameter("status", "123 is not a valid choice"),
            *STORED,
        ],
    )
