"""What a service promises the platform, and what the platform hands to a service.

A service is described before any process starts (`ServicePlan`) and built once in every process that runs
a part of it (`Part`). Nothing here does anything.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from lamina.kernel.errors import LaminaError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Listener:
    """A TCP address, bound by the platform before any process starts and shared by the workers.

    Attributes:
        pending_max: connections that may wait to be accepted, where it is not `http.pending_connections_max`.
    """

    name: str
    host: str
    port: int
    path: str = "/"
    pending_max: int | None = None


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """`count` operating-system processes that all run the service's `role`.

    Attributes:
        flush_s: seconds it may take, after its clients are gone, to store what it holds.
        plans_each_query: whether its database plans a query anew each time it runs: for tables of so many
            partitions that a plan for any parameters is dear.
    """

    role: str
    count: int
    listeners: tuple[str, ...] = ()
    flush_s: float = 0.0
    plans_each_query: bool = False


@dataclass(frozen=True, slots=True)
class ServicePlan:
    """What a service needs from the platform: addresses and processes."""

    name: str
    listeners: tuple[Listener, ...]
    processes: tuple[ProcessSpec, ...]


RenderedError = tuple[int, bytes, Sequence[tuple[bytes, bytes]]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An ASGI application on one of the service's listeners, and its wire shape of a known error.

    Attributes:
        limits: bounds that differ on this listener, by their names in `kernel.web.limits`.
    """

    listener: str
    app: ASGIApp
    render_error: Callable[[LaminaError], RenderedError]
    limits: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, slots=True)
class Task:
    """Long-running work of a process: restarted within a budget, cancelled when the process drains."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Check:
    """A readiness check: returns None when well, else the reason in one sentence."""

    name: str
    run: Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Part:
    """Everything one process runs of one service."""

    endpoints: Sequence[Endpoint] = ()
    tasks: Sequence[Task] = ()
    checks: Sequence[Check] = ()


class Reporter(Protocol):
    """What a service says of itself to telemetry, in the messages that nodes of chains send."""

    async def introduce(self) -> Mapping[str, Any]:
        """Fields of `system.connected`: `network_id`, `chain` and more."""
        ...

    async def tell(self) -> Sequence[Mapping[str, Any]]:
        """Messages about what happened since the last call."""
        ...


Position = dict[str, int | str]
"""Where a service's data ends: what a copy must have again, such as the last position and its digest."""

Advanced = Callable[[str, int, int], None]
"""Told how far work is: what is counted, in the plural; how many are done; how many there are."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a service found when it proved its data again.

    Attributes:
        checked: how many of what were looked at: `{"blocks": 12}`.
        flaw_count: how many flaws were found.
        flaws: the first of them, a sentence each.
    """

    checked: Mapping[str, int]
    flaw_count: int = 0
    flaws: Sequence[str] = ()
