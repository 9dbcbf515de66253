"""What `failure` renders, as the OpenAPI document tells it."""

from lamina.kernel.web.openapi_parts import Answer, Part, answer, header, ref, response_ref
from lamina.services.telemetry.settings import TelemetrySettings

WRONG_METHOD: Answer = ("405", response_ref("MethodNotAllowed"))
READ: tuple[Answer, ...] = (WRONG_METHOD, ("500", response_ref("QueryFailed")))
"""What every endpoint that reads the database may answer besides its own."""

NO_NAME: Answer = ("404", response_ref("NoName"))
NO_CHAIN: Answer = ("404", response_ref("NoChain"))
POSTED: tuple[Answer, ...] = (
    ("400", response_ref("BadBody")),
    WRONG_METHOD,
    ("413", response_ref("TooLarge")),
    ("500", response_ref("PostFailed")),
)


def failures(settings: TelemetrySettings) -> Part:
    """The document's shared responses, by name."""
    unknown = {"error": "the referenced row does not exist"}
    chain = {"error": "There is no such chain now; GET /live/chains lists those that are"}
    shared = {
        "NoChain": answer(404, "No node of this chain is connected.", ref("Error"), chain)[1],
        "QueryFailed": answer(
            500,
            "The database does not answer, or not in time.",
            ref("QueryError"),
            "Error while processing query",
        )[1],
        "PostFailed": answer(
            500,
            "It refers to a row that does not exist, or the database does not answer.",
            {"anyOf": [ref("Error"), ref("QueryError")]},
            unknown,
        )[1],
    }
    return {
        **shared,
        "NoName": {"description": "The segment of the path cannot be a name: not UTF-8, or with U+0000."},
        "MethodNotAllowed": {
            "description": "The path was asked with another method.",
            "headers": {"Allow": header("The methods of this path.", {"type": "string"})},
        },
        "BadBody": _text("The body is not `application/json`, not JSON, or has members of other types."),
        "TooLarge": _text(f"The body has more than {settings.body_bytes_max} bytes."),
    }


def _text(description: str) -> Part:
    return {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}
