"""Every request of a unit's API as a value: what is sent, and how the answer is read. No I/O."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar, cast
from urllib.parse import quote

from lamina.sdk.scheduler.documents import Page, Process, Scheduled, Submitted, Time, Unit
from lamina.sdk.scheduler.errors import SchedulerError, error_of

T = TypeVar("T")
By = Literal["nonce", "timestamp"]
"""What bounds of a page are: places in the chain, or times in milliseconds."""

_BOUNDS = {"nonce": ("from-nonce", "to-nonce"), "timestamp": ("from", "to")}


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request.

    Attributes:
        path: below the unit's URL.
        params: the query, None where a parameter is left out.
        body: what is posted; None for GET.
        is_of: a member that the answer must have.
    """

    path: str
    is_of: str
    params: Mapping[str, str | int | None] = field(default_factory=dict[str, "str | int | None"])
    body: bytes | None = None

    @property
    def method(self) -> str:
        """GET, or POST where there is a body."""
        return "GET" if self.body is None else "POST"

    @property
    def query(self) -> dict[str, str]:
        """The parameters that are sent."""
        return {name: str(value) for name, value in self.params.items() if value is not None}

    @property
    def headers(self) -> dict[str, str]:
        """What the body is, where there is one."""
        return {} if self.body is None else {"Content-Type": "application/octet-stream"}

    def result(self, status: int, content: bytes) -> T:
        """Read the answer.

        Raises:
            Refused, NotFound, SchedulerError: it is an error, or no such answer of a unit.
        """
        if not 200 <= status < 300:
            raise error_of(status, content)
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if not isinstance(document, dict) or self.is_of not in document:
            raise SchedulerError(status, f"the answer has no {self.is_of}: it is not what was asked for")
        return cast("T", document)


def unit() -> Call[Unit]:
    """`GET /`."""
    return Call("/", "address")


def time() -> Call[Time]:
    """`GET /timestamp`."""
    return Call("/timestamp", "block_height")


def post(item: bytes) -> Call[Submitted]:
    """`POST /`."""
    return Call("/", "id", body=item)


def assign(process_id: str, item_id: str, exclude: Sequence[str], *, base_layer: bool) -> Call[Submitted]:
    """`POST /` for what is elsewhere."""
    params: dict[str, str | int | None] = {
        "process-id": process_id,
        "assign": item_id,
        "base-layer": "" if base_layer else None,
        "exclude": ",".join(exclude) or None,
    }
    return Call("/", "id", params, body=b"")


def process(process_id: str) -> Call[Process]:
    """`GET /processes/{id}`."""
    return Call(f"/processes/{_segment(process_id)}", "process_id")


def message(item_id: str, process_id: str | None) -> Call[Scheduled]:
    """`GET /{id}` of a message; routers need its process."""
    return Call(f"/{_segment(item_id)}", "assignment", {"process-id": process_id})


def latest(process_id: str) -> Call[Scheduled]:
    """`GET /{id}/latest`."""
    return Call(f"/{_segment(process_id)}/latest", "assignment")


def page(process_id: str, after: int | None, until: int | None, limit: int | None, by: By) -> Call[Page]:
    """`GET /{id}` of a process; anchors are asked for, without which no signature can be checked."""
    begin, end = _BOUNDS[by]
    if by == "nonce" and after is None:
        after = -1  # without any nonce a unit would answer with times as cursors
    params: dict[str, str | int | None] = {
        "process-id": process_id,
        begin: after,
        end: until,
        "limit": limit,
        "show-anchor": "true",
    }
    return Call(f"/{_segment(process_id)}", "edges", params)


def _segment(text: str) -> str:
    return quote(text, safe="")
