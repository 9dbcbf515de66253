"""What `failure` renders, as the OpenAPI document tells it: error shapes, and the failures many share."""

from lamina.kernel.web.openapi_parts import Answer, Part, answer, header, ref, response_ref
from lamina.services.ledger.settings import LedgerSettings

APPLICATION_OR_REQUEST: Part = {"anyOf": [ref("ApplicationError"), ref("RequestError")]}

NOT_FOUND: Answer = ("404", response_ref("NotFound"))
WRONG_METHOD: Answer = ("405", response_ref("MethodNotAllowed"))
TOO_LARGE: Answer = ("413", response_ref("TooLarge"))
STORED: tuple[Answer, ...] = (WRONG_METHOD, ("503", response_ref("Unavailable")))
"""What every endpoint that needs the database may answer besides its own."""


def bad_parameter(parameter: str, text: str) -> Answer:
    """The 400 of an endpoint with parameters, with one of its own errors as the example."""
    shapes = [ref("ParameterError"), ref("RequestError"), ref("ApplicationError")]
    return answer(
        400,
        "A parameter is missing or cannot be used, or the query is not accepted as a whole.",
        {"anyOf": shapes},
        {"message": {parameter: text}},
    )


def failures(settings: LedgerSettings) -> Part:
    """The document's shared responses, by name."""
    shared = {
        "NotFound": answer(
            404,
            "There is nothing under this id.",
            ref("ApplicationError"),
            {"message": "Not found", "status": 404},
        ),
        "MethodNotAllowed": answer(
            405,
            "The path was asked with another method.",
            ref("RequestError"),
            {"message": "The method is not allowed for the requested URL."},
            headers={"Allow": header("The methods of this path.", {"type": "string"})},
        ),
        "TooLarge": answer(
            413,
            f"The body has more than {settings.body_bytes_max} bytes. The connection is closed.",
            ref("ApplicationError"),
            {"message": "The request body is larger than this endpoint accepts.", "status": 413},
        ),
        "Unavailable": answer(
            503,
            "The node has too much to do, or its database does not answer. Asking again is safe.",
            ref("ApplicationError"),
            {
                "message": "A bounded queue is full; the request was refused before any work was done.",
                "status": 503,
            },
            headers={"Retry-After": header("Seconds to wait.", {"type": "integer", "minimum": 1})},
        ),
    }
    return {name: response for name, (_, response) in shared.items()}
