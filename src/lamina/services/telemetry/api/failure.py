"""Known errors in the original's shapes (spec/telemetry.md 6.1)."""

import structlog

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import RowsRefused
from lamina.kernel.web.respond import Header
from lamina.services.telemetry import render
from lamina.services.telemetry.errors import BadBody, UnknownReference

_log = structlog.get_logger("lamina.telemetry.api")
_TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")


def render_error(error: LaminaError) -> tuple[int, bytes, list[Header]]:
    """Status, body and headers of a known error."""
    if isinstance(error, BadBody) or error.http_status == 413:
        return error.http_status, error.detail.encode(), [_TEXT]
    if isinstance(error, UnknownReference):
        return error.http_status, render.failure(error.detail), []
    if error.http_status < 500:
        return error.http_status, render.failure(error.detail), []
    # Compat: the original tells clients nothing more of a read that failed; the log has the reason.
    _log.warning(
        "a query failed", code=error.code, reason=error.detail, refused=isinstance(error, RowsRefused)
    )
    return 500, render.query_failure(), []
