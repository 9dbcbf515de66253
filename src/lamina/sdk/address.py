"""Whether a URL is of this machine: such a service is never asked through the environment's proxy."""

import ipaddress
from urllib.parse import urlsplit


def is_local(url: str) -> bool:
    """Whether the host is `localhost` or a loopback address."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
