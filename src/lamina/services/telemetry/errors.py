"""Known errors of telemetry."""

from lamina.kernel.errors import LaminaError


class QueryFailed(LaminaError):
    """A read did not succeed; what the original says of every such failure (spec/telemetry.md 6.1)."""

    code = "telemetry_query_failed"
    http_status = 500


class BadBody(LaminaError):
    """A POST has a body that is not what the resource takes."""

    code = "telemetry_bad_body"
    http_status = 400


class UnknownReference(LaminaError):
    """A POST refers to a row that does not exist."""

    code = "telemetry_unknown_reference"
    http_status = 500


class AddressNotAllowed(LaminaError):
    """A node connects from a network that is not on the list."""

    code = "telemetry_address_not_allowed"
    http_status = 403


class NoSuchChain(LaminaError):
    """No node of this chain is connected."""

    code = "telemetry_no_such_chain"
    http_status = 404


class TooManyStreams(LaminaError):
    """The receiver serves as many streams as it may."""

    code = "telemetry_too_many_streams"
    http_status = 503
