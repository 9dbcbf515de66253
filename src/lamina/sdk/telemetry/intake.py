"""Where nodes connect, and why a connection ended. No I/O."""

from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def intake_url(url: str, *, audit: bool) -> str:
    """The websocket of telemetry at a URL.

    Args:
        url: telemetry's address, `http` or `ws`; a path is kept.
        audit: the one whose messages are never purged.

    Raises:
        ValueError: the URL has another scheme, or no host.
    """
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise ValueError(f"not an address such as ws://localhost:8080/: {url!r}")
    path = parts.path.rstrip("/")
    return urlunsplit(
        (_SCHEMES[parts.scheme], parts.netloc, f"{path}/audit" if audit else path or "/", parts.query, "")
    )


def reason_of(closed: ConnectionClosed) -> str:
    """Why a connection ended, in telemetry's words where it said any."""
    if closed.rcvd is None:
        return "it was cut off"
    return f"{closed.rcvd.code} {closed.rcvd.reason}".rstrip()
