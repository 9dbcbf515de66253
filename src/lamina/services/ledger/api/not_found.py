"""The 404 that every resource shares."""

from lamina.kernel.errors import LaminaError


class NotFound(LaminaError):
    """Not found"""  # noqa: D415 - the wire text has no full stop

    code = "ledger_not_found"
    http_status = 404
