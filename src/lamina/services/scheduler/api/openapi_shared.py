"""What the OpenAPI documents of a unit and of a router say alike."""

from collections.abc import Sequence

from lamina.kernel.web.openapi_parts import Answer, Part, operation, query_parameter
from lamina.services.scheduler.api import openapi_examples as examples
from lamina.services.scheduler.api.openapi_failures import NOT_ROUTED
from lamina.services.scheduler.settings import SchedulerSettings


def get(tag: str, names: tuple[str, str, str], parameters: Sequence[Part], answers: Sequence[Answer]) -> Part:
    """A path that is only read.

    Args:
        tag: the group it belongs to.
        names: its id, its title, and what it does.
        parameters: in the order they are checked.
        answers: what it may answer.
    """
    operation_id, summary, description = names
    return {"get": operation(tag, operation_id, summary, description, parameters=parameters, answers=answers)}


def post_body(settings: SchedulerSettings) -> Part:
    """What is posted."""
    return {
        "required": False,
        "description": f"A data item, at most {settings.body_bytes_max} bytes; nothing with `assign`.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }


def post_parameters(settings: SchedulerSettings) -> Sequence[Part]:
    """The query of `POST /`."""
    return [
        query_parameter("process-id", "The process that `assign` goes to.", {}, example=examples.PROCESS_ID),
        query_parameter("assign", "The item that is to be assigned; goes with `process-id`.", {}),
        query_parameter(
            "base-layer",
            "Whether it must be a transaction that lies deep enough, instead of any item; any value.",
            {},
        ),
        query_parameter(
            "exclude",
            "Fields that readers are asked to leave out, between commas; "
            f"at most {settings.exclude_values_max}.",
            {},
        ),
    ]


def own_paths() -> Part:
    """What a process says of itself."""
    empty: Part = {"description": "It does; without a look at the database."}
    metrics: Part = {
        "description": "The metrics.",
        "content": {"application/openmetrics-text": {"schema": {"type": "string"}}},
    }
    disabled: Part = {
        "description": "`scheduler.metrics` is off.",
        "content": {"text/plain": {"schema": {"type": "string"}, "example": "Metrics not enabled"}},
    }
    return {
        "/health": get(
            "Service",
            ("getHealth", "Whether this process answers", "Always empty."),
            [],
            [("200", empty), NOT_ROUTED],
        ),
        "/metrics": get(
            "Service",
            ("getMetrics", "Metrics", "The original's names and Lamina's, in the OpenMetrics format."),
            [],
            [("200", metrics), ("400", disabled), NOT_ROUTED],
        ),
    }
