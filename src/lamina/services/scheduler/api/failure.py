"""Known errors in the original's shapes (spec/scheduler.md 7.2)."""

from lamina.kernel.errors import LaminaError
from lamina.kernel.web.respond import Header
from lamina.services.scheduler import render
from lamina.services.scheduler.errors import AccessDenied, ProcessNotAllowed, QueryError

_TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")


def render_error(error: LaminaError) -> tuple[int, bytes, list[Header]]:
    """Status, body and headers of a known error."""
    if isinstance(error, QueryError) or error.http_status == 413:
        return error.http_status, error.detail.encode(), [_TEXT]
    is_twofold = isinstance(error, (AccessDenied, ProcessNotAllowed))
    return error.status if is_twofold else error.http_status, render.failure(error.detail), []
