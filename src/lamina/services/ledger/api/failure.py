"""Known errors in the original's two error shapes (spec/ledger.md 3)."""

import structlog

from lamina.kernel.errors import LaminaError
from lamina.kernel.web.params import ParameterError
from lamina.kernel.web.respond import Header
from lamina.services.ledger import render
from lamina.services.ledger.api.query import UnknownArguments
from lamina.services.ledger.errors import (
    OperationError,
    SchemaValidationError,
    UnreadableBody,
    ValidationError,
)
from lamina.services.ledger.metrics import REFUSED

_log = structlog.get_logger("lamina.ledger.api")


def render_error(error: LaminaError) -> tuple[int, bytes, list[Header]]:
    """Status, body and headers of a known error."""
    status = error.http_status
    if isinstance(error, ParameterError):
        return status, render.parameter_failure(error.parameter, error.text), []
    if isinstance(error, UnreadableBody | UnknownArguments):
        return status, render.bare_failure(error.detail), []
    message = _message(error)
    if status != 404:
        _log.error("HTTP API error: %d - %s", status, message)
    return status, render.failure(message, status), []


def _message(error: LaminaError) -> str:
    if isinstance(error, SchemaValidationError | ValidationError):
        REFUSED.labels(type(error).__name__).inc()
        return error.message
    if isinstance(error, OperationError):
        return f"(OperationError): {error.detail}"
    return error.detail
