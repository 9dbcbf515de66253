"""The bounds every listener enforces before a service sees a byte."""

from dataclasses import dataclass, fields

from lamina.kernel.settings.platform import HttpSettings


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Bounds on one HTTP server (distribution-and-reliability.md section 14); defaults are in HttpSettings.

    Attributes:
        header_timeout_s: from a request's first byte (or the connection's start) to its last header byte.
        body_timeout_s: the longest silence while a request body is expected.
        write_timeout_s: how long a client may leave its responses unread.
        request_timeout_s: from the last header byte to the first response byte.
        connections_per_address_max: open connections of one remote address, trusted proxies excepted.
        header_bytes_max: request line and headers together; also the bound on chunked framing overhead.
        keep_alive_s: how long an idle connection is kept between two requests.
        ws_frame_bytes_max: one inbound websocket message, fragments together.
        ws_queue_events_max: events a websocket subscriber may leave unread.
        ws_ping_interval_s: between two server pings; a pong must come within the same time. 0: no pings.
        pending_connections_max: connections that may wait to be accepted.
    """

    header_timeout_s: float
    body_timeout_s: float
    write_timeout_s: float
    request_timeout_s: float
    connections_per_address_max: int
    header_bytes_max: int
    keep_alive_s: float
    ws_frame_bytes_max: int
    ws_queue_events_max: int
    ws_ping_interval_s: float
    pending_connections_max: int

    @classmethod
    def from_settings(cls, settings: HttpSettings) -> "HttpLimits":
        """The bounds as configured; the fields of both have the same names."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})
