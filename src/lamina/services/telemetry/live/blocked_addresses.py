"""Addresses refused for a while, in bounded memory. Of one process: another has not seen their traffic."""


class BlockedAddresses:
    """The oldest is let in again when there are too many."""

    def __init__(self, block_seconds: int, addresses_max: int = 10_000) -> None:
        """Start with nobody blocked.

        Args:
            block_seconds: how long an address is refused.
            addresses_max: most addresses kept.
        """
        self._block_ms = block_seconds * 1000
        self._addresses_max = addresses_max
        self._until_ms: dict[str, int] = {}  # the first to end is the first: dictionaries keep the order

    def block(self, now_ms: int, host: str) -> None:
        """Refuse a host from now on.

        Args:
            now_ms: time.
            host: address without a port.
        """
        self._until_ms.pop(host, None)
        self._until_ms[host] = now_ms + self._block_ms
        while len(self._until_ms) > self._addresses_max:
            del self._until_ms[next(iter(self._until_ms))]

    def is_blocked(self, now_ms: int, host: str) -> bool:
        """Whether the host is to be refused now."""
        until_ms = self._until_ms.get(host)
        if until_ms is None:
            return False
        if now_ms < until_ms:
            return True
        del self._until_ms[host]
        return False
