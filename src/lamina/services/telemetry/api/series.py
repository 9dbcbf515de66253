"""`/nodes/{peer_id}/series`: one field of a node's messages over time (spec/telemetry.md B.4)."""

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.kernel.web.respond import json_response
from lamina.services.telemetry import render
from lamina.services.telemetry.api import query
from lamina.services.telemetry.api.reading import Reading
from lamina.services.telemetry.store import series

STEP_S = 60
MSG = "system.interval"


class GetSeries:
    """Sums of a numeric field, one for each step of time that has any."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with pairs of time and value; without a field with none."""
        asked = self._reading.query(scope)
        wanted = series.Wanted(
            peer_id=scope["path_params"]["peer_id"],
            msg=asked.text("msg") or MSG,
            path=tuple((asked.text("field") or "").split(".")),
            since=asked.time("start_time", query.BEGINNING),
            until=asked.time("end_time", query.now()),
            step_s=max(1, asked.integer("step", STEP_S)),
            sum_up=asked.choice("agg", series.SUMS, "mean"),
        )
        limit = asked.limit(self._reading.settings.rows_max, self._reading.settings.rows_max)
        rows = await series.read(self._reading.database, wanted, limit, self._reading.timeout_s)
        await json_response(send, 200, render.dumps([render.point(row) for row in rows]))
