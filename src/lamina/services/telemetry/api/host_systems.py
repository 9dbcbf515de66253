"""`/host_systems` (spec/telemetry.md 6.7)."""

from typing import Annotated

import msgspec

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.respond import Reply, json_response
from lamina.services.telemetry import render
from lamina.services.telemetry.api import body
from lamina.services.telemetry.api.reading import Reading, answer
from lamina.services.telemetry.store import host_systems

Integer = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


class HostSystem(msgspec.Struct):
    """A machine that benchmarks run on."""

    description: str
    os: str
    cpu_qty: Integer
    cpu_clock: Integer
    ram_mb: Integer
    disk_info: str


EXAMPLE = Reply(
    200,
    render.dumps(
        msgspec.structs.asdict(HostSystem("Any notes to go here", "freebsd", 4, 2600, 8192, "NVME"))
    ),
)


class ListHostSystems:
    """All of them."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer, by id."""
        self._reading.query(scope)
        rows = await host_systems.list_all(self._reading.database, self._reading.timeout_s)
        await answer(scope, send, map(render.host_system, rows))


class PostHostSystem:
    """A new one."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Store it and answer with it."""
        self._reading.query(scope)
        given = body.decode(
            await body.read(scope, receive, self._reading.settings.body_bytes_max), HostSystem
        )
        row = await host_systems.insert(self._reading.database, msgspec.structs.asdict(given))
        await json_response(send, 200, render.dumps(render.host_system(row)))
