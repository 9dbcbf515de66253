"""The OpenAPI document of a unit; a test holds its paths and methods against the routes.

Compatibility quirks are described as they are answered. HEAD, OPTIONS and the HTTP layer's own refusals,
which are the same everywhere, are told in prose once.
"""

import lamina
from lamina.kernel.web.openapi_parts import (
    Part,
    answer,
    json_content,
    operation,
    path_parameter,
    query_parameter,
    ref,
)
from lamina.kernel.web.openapi_routes import TAG, documentation
from lamina.services.scheduler.api import openapi_examples as examples
from lamina.services.scheduler.api.openapi_failures import (
    LISTED,
    NOT_ROUTED,
    POSTED,
    READ,
    failures,
)
from lamina.services.scheduler.api.openapi_schemas import SCHEMAS
from lamina.services.scheduler.api.openapi_shared import get, own_paths, post_body, post_parameters
from lamina.services.scheduler.settings import SchedulerSettings

_TAGS = (
    ("Write", "Spawn processes, send messages."),
    ("Read", "What was scheduled, in order."),
    ("Service", "This unit."),
    TAG,
)


def document(settings: SchedulerSettings) -> Part:
    """Describe the API of one unit.

    Args:
        settings: the unit's limits, which the document names.

    Returns:
        An OpenAPI 3.1 document, ready for JSON.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lamina scheduler",
            "version": lamina.__version__,
            "summary": "Gives every message of a process its place, signed and chained by hashes.",
            "description": _description(settings),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This unit."}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS],
        "paths": {
            "/": {**_root(), **_post(settings)},
            "/{id}": _message(settings),
            "/{id}/latest": _latest(),
            "/processes/{id}": _process(),
            **_service(),
            **documentation(NOT_ROUTED),
        },
        "components": {"schemas": SCHEMAS, "responses": failures(settings)},
    }


def _description(settings: SchedulerSettings) -> str:
    return f"""
Wire-compatible with ao's Scheduler Unit.

What is posted are data items of ANS-104: bytes that their owner signed. A message gets a nonce (0, 1, 2, …
without gaps), a time that is later than the last one's, and a link of a hash chain; the assignment that says
so is signed by this unit's wallet. An answer of 200 means that it is durable.

Ids, owners, signatures and links are base64url without padding. Every known refusal is a 400 with a text,
also for ids that nobody knows. A list has at most {settings.default_limit} messages unless it is asked for
another number, and is refused where it would have more than {settings.read_bytes_max} bytes.

Routers to several units answer these paths with 307 and the unit's address in `Location`; they need
`process-id` where the path names no process.

HEAD is answered as GET without its body, OPTIONS with `Allow`. A trailing slash changes nothing. Pages of any
origin may read the answers. Unknown parameters are ignored; of a repeated one the first value counts.
""".strip()


def _post(settings: SchedulerSettings) -> Part:
    described = operation(
        "Write",
        "postItem",
        "Schedule an item, or assign one that is elsewhere",
        "An item with the tag `Type` of `Process` spawns a process whose id is the item's; one of `Message` "
        "goes to the process that is its target. With `process-id` and `assign`, an item that the network "
        "knows already is given a place; what is answered is then the id of the assignment. A spawn may be "
        "posted again, a message may not.",
        parameters=post_parameters(settings),
        body=post_body(settings),
        answers=[answer(200, "It is durable.", ref("Submitted"), examples.SUBMITTED), *POSTED],
    )
    return {"post": described}


def _message(settings: SchedulerSettings) -> Part:
    number: Part = {"pattern": "^[+-]?[0-9]+$"}
    found: Part = {
        "description": "The message, or the list.",
        "content": json_content({"anyOf": [ref("Scheduled"), ref("List")]}, examples.LIST),
    }
    described = (
        "The message with this id, or of this assignment; for the id of a process, its messages in order. "
        "Where `from-nonce` or `to-nonce` is there, `from` and `to` do not count."
    )
    names = ("getMessage", "A message, or the messages of a process", described)
    parameters = [
        path_parameter("id", "Of a message, of an assignment, or of a process.", example=examples.PROCESS_ID),
        query_parameter("from", "Only later than this, in milliseconds.", number, example="1720000000000"),
        query_parameter("to", "Not later than this.", number),
        query_parameter("from-nonce", "Only after this nonce.", number),
        query_parameter("to-nonce", "Up to this nonce.", number),
        query_parameter(
            "limit",
            f"At most so many; {settings.default_limit} when absent.",
            {"type": "integer", "minimum": 0, "maximum": 2**31 - 1},
            example=10,
        ),
        query_parameter(
            "show-anchor", "Whether anchors of assignments are given that are no text; any value.", {}
        ),
        query_parameter("process-id", "Ignored here; a router needs it.", {}),
    ]
    return get("Read", names, parameters, [("200", found), *LISTED])


def _latest() -> Part:
    names = ("getLatest", "The newest message of a process", "The one with the highest nonce.")
    return get(
        "Read",
        names,
        [path_parameter("id", "Of the process.", example=examples.PROCESS_ID)],
        [answer(200, "The message.", ref("Scheduled"), examples.SCHEDULED), *READ],
    )


def _process() -> Part:
    names = ("getProcess", "A process", "What it was spawned with, and when.")
    return get(
        "Read",
        names,
        [path_parameter("id", "Of the process.", example=examples.PROCESS_ID)],
        [answer(200, "The process.", ref("Process"), examples.PROCESS), *READ],
    )


def _root() -> Part:
    names = ("getUnit", "Whose unit this is", "The address of the wallet that signs assignments.")
    asked = [query_parameter("process-id", "Ignored here; a router needs it.", {})]
    return get("Service", names, asked, [answer(200, "The unit.", ref("Unit"), examples.UNIT), NOT_ROUTED])


def _service() -> Part:
    time_names = ("getTime", "Height and time", "As assignments would get them now.")
    asked = [query_parameter("process-id", "Ignored here; a router needs it.", {})]
    unavailable = READ[-1]
    return {
        "/timestamp": get(
            "Service",
            time_names,
            asked,
            [answer(200, "Both.", ref("Time"), examples.TIME), NOT_ROUTED, unavailable],
        ),
        **own_paths(),
    }
