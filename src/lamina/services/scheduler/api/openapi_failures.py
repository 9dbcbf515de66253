"""What `failure` renders, as the OpenAPI document tells it."""

from lamina.kernel.web.openapi_parts import Answer, Part, answer, header, json_content, ref, response_ref
from lamina.services.scheduler.settings import SchedulerSettings

NOT_ROUTED: Answer = ("404", response_ref("NotRouted"))
READ: tuple[Answer, ...] = (
    ("400", response_ref("Refused")),
    ("403", response_ref("Forbidden")),
    NOT_ROUTED,
    ("503", response_ref("Unavailable")),
)
"""What every endpoint that reads the database may answer besides its own."""

LISTED: tuple[Answer, ...] = (("400", response_ref("BadQuery")), *READ[1:])
POSTED: tuple[Answer, ...] = (
    ("400", response_ref("Refused")),
    ("403", response_ref("Forbidden")),
    NOT_ROUTED,
    ("413", response_ref("TooLarge")),
    ("503", response_ref("Unavailable")),
)


def failures(settings: SchedulerSettings) -> Part:
    """The document's shared responses, by name."""
    error = ref("Error")
    bad_number: Part = {
        "description": "Nothing is known under this id, or a bound is no number (JSON); `limit` is (text).",
        "content": {
            **json_content(error, {"error": "Message or Process not found"}),
            **_text("Query deserialize error: invalid digit found in string"),
        },
    }
    shared = {
        "Refused": answer(
            400,
            "The request is refused as it is; the text says why. Unknown ids are refused this way too.",
            error,
            {"error": 'NotFound("Process not found")'},
        )[1],
        "Forbidden": answer(
            403,
            "This unit takes no writes, none from this address, or does not serve this process.",
            error,
            {"error": "This SU is read only"},
        )[1],
        "Unavailable": answer(
            503,
            "The unit just started, no gateway has told the network's height yet, there is too much to do, "
            "or the database does not answer. Posting the same item again is safe.",
            error,
            {"error": "gateway height unknown"},
            headers={"Retry-After": header("Seconds to wait.", {"type": "integer", "minimum": 1})},
        )[1],
    }
    return {
        **shared,
        "BadQuery": bad_number,
        "NotRouted": {"description": "There is no such path, or it was asked with another method."},
        "TooLarge": {
            "description": f"The body has more than {settings.body_bytes_max} bytes.",
            "content": _text("The request body is larger than this endpoint accepts."),
        },
    }


def _text(example: str) -> Part:
    return {"text/plain": {"schema": {"type": "string"}, "example": example}}
