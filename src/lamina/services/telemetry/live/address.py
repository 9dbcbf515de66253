"""The host part of a peer's address as it is recorded."""


def host_of(address: str) -> str:
    """Drop the port of `203.0.113.7:51234` or `[::1]:51234`; an address without one stays as it is.

    Args:
        address: as in `peer_connections.ip_addr`.
    """
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address
