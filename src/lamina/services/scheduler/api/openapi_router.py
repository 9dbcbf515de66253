"""The OpenAPI document of a router; a test holds its paths and methods against the routes."""

import lamina
from lamina.kernel.web.openapi_parts import (
    Answer,
    Part,
    answer,
    array_of,
    closed_object,
    header,
    operation,
    or_null,
    path_parameter,
    query_parameter,
    ref,
)
from lamina.kernel.web.openapi_routes import TAG, documentation
from lamina.services.scheduler.api import openapi_examples as examples
from lamina.services.scheduler.api.openapi_failures import NOT_ROUTED, POSTED, READ, failures
from lamina.services.scheduler.api.openapi_schemas import SCHEMAS
from lamina.services.scheduler.api.openapi_shared import get, own_paths, post_body, post_parameters
from lamina.services.scheduler.settings import SchedulerSettings

_TAGS = (
    ("Write", "Spawn processes, send messages: at the unit that has the process."),
    ("Read", "What was scheduled: at the unit that has the process."),
    ("Service", "This router and its units."),
    TAG,
)
_OWN_SCHEMAS: dict[str, Part] = {
    "KnownUnit": closed_object(
        "A unit of the scheduler list, or one that still has processes.",
        {
            "url": {"type": "string"},
            "up": {
                **or_null({"type": "boolean"}),
                "description": "Whether it answered last; null before that.",
            },
            "latency_ms": {**or_null({"type": "number"}), "description": "Of its last answer."},
            "reason": {**or_null({"type": "string"}), "description": "Why it is not up."},
            "process_count": {"type": "integer", "minimum": 0},
            "no_route": {"type": "boolean", "description": "Whether it gets no new process."},
            "wallets_to_route": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Whose new processes go to it.",
            },
            "wallets_only": {"type": "boolean", "description": "Whether it gets no others."},
        },
    ),
    "Units": closed_object("Every unit.", {"units": array_of("KnownUnit")}),
}
_SHOWN_SCHEMAS = {name: SCHEMAS[name] for name in ("Error", "Submitted")}
_REDIRECTED: Answer = (
    "307",
    {
        "description": "Ask this unit the same: method, path, query and body.",
        "headers": {
            "Location": header("The unit's url with the path and query of the request.", {"type": "string"})
        },
        "content": {"text/plain": {"schema": {"type": "string", "maxLength": 0}}},
    },
)


def document(settings: SchedulerSettings) -> Part:
    """Describe the API of one router.

    Args:
        settings: the router's limits and how it answers what is posted.

    Returns:
        An OpenAPI 3.1 document, ready for JSON.
    """
    process = query_parameter("process-id", "The process.", {}, required=True, example=examples.PROCESS_ID)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Lamina scheduler router",
            "version": lamina.__version__,
            "summary": "Sends every request to the scheduler unit that has its process.",
            "description": _description(settings),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "This router."}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS],
        "paths": {
            "/": {
                **_routed("routeRoot", "The unit of a process", process),
                "post": _post(settings),
            },
            "/{id}": _message(),
            "/{id}/latest": _routed("routeLatest", "The newest message of a process", _of_process()),
            "/processes/{id}": _routed("routeProcess", "A process", _of_process()),
            "/timestamp": _routed("routeTime", "Height and time at a process's unit", process),
            "/lamina/units": get(
                "Service",
                ("getUnits", "The units", "Every unit in the order of the list, and whether it answers."),
                [],
                [answer(200, "The units.", ref("Units"), examples.UNITS), NOT_ROUTED, READ[-1]],
            ),
            **own_paths(),
            **documentation(NOT_ROUTED),
        },
        "components": {
            "schemas": {**_SHOWN_SCHEMAS, **_OWN_SCHEMAS},
            "responses": {name: part for name, part in failures(settings).items() if name != "BadQuery"},
        },
    }


def _description(settings: SchedulerSettings) -> str:
    how = (
        "What is posted is sent on, and answered with the unit's own answer."
        if settings.router_post == "proxy"
        else "So is what is posted: clients repeat it at the unit."
    )
    return f"""
Every process is at one unit, which is chosen at its spawn and never changes. Reads are answered with 307 and
the unit's address in `Location`. {how}

What the units answer is described by their own documents, at the same path as this one.
""".strip()


def _routed(operation_id: str, summary: str, parameter: Part) -> Part:
    names = (operation_id, summary, "Answered by the unit that has the process.")
    return get("Read", names, [parameter], [_REDIRECTED, *READ])


def _of_process() -> Part:
    return path_parameter("id", "Of the process.", example=examples.PROCESS_ID)


def _message() -> Part:
    names = (
        "routeMessage",
        "A message, or the messages of a process",
        "A process's messages by its id; any other id needs `process-id`. What else is asked is the unit's.",
    )
    parameters = [
        path_parameter("id", "Of a message, of an assignment, or of a process.", example=examples.PROCESS_ID),
        query_parameter("process-id", "The process of a message or assignment.", {}),
    ]
    return get("Read", names, parameters, [_REDIRECTED, *READ])


def _post(settings: SchedulerSettings) -> Part:
    return operation(
        "Write",
        "routeItem",
        "Schedule an item, or assign one that is elsewhere",
        "A spawn is placed at a unit: at the one it has already, else at one that answers. All else goes to "
        "the unit of its target, or of `process-id`.",
        parameters=post_parameters(settings),
        body=post_body(settings),
        answers=_proxied() if settings.router_post == "proxy" else [_REDIRECTED, *POSTED],
    )


def _proxied() -> list[Answer]:
    unclear = answer(
        502,
        "No whole answer came from the unit; it may have done what was asked. Posting it again is safe.",
        ref("Error"),
    )
    return [answer(200, "The unit's answer.", ref("Submitted"), examples.SUBMITTED), *POSTED, unclear]
