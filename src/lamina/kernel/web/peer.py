"""Whose request it is when proxies stand between; no header is believed unless a trusted proxy sent it."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from lamina.kernel.errors import ConfigurationError


class TrustedProxies:
    """The networks whose X-Forwarded-For is believed (distribution-and-reliability.md section 14)."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Parse the networks.

        Args:
            networks: addresses or CIDR blocks, such as `127.0.0.1` or `10.0.0.0/8`.

        Raises:
            ConfigurationError: one of them is neither.
        """
        try:
            self._networks = tuple(ip_network(text, strict=False) for text in networks)
        except ValueError as error:
            raise ConfigurationError(f"trusted_proxies: {error}") from error

    def trusts(self, peer: str) -> bool:
        """Whether this address belongs to a trusted proxy."""
        if not self._networks:
            return False
        address = _address(peer)
        return address is not None and any(address in network for network in self._networks)

    def client_address(self, peer: str, forwarded_for: Iterable[bytes]) -> str:
        """The nearest address nobody trusted vouches for.

        Args:
            peer: the address at the other end of the connection.
            forwarded_for: the values of every X-Forwarded-For header, in order.

        Returns:
            The right-most untrusted hop; the last trusted one when a hop is unreadable or all are trusted.
        """
        if not self.trusts(peer):
            return peer
        client = peer
        for hop in reversed(b",".join(forwarded_for).decode("latin-1").split(",")):
            address = _address(hop.strip())
            if address is None:
                break
            client = str(address)
            if not self.trusts(client):
                break
        return client


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """Parse an address; an IPv4 client of an IPv6 socket is an IPv4 client."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
