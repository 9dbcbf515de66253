"""Counters to a statsd server over UDP, as the original ledger sends them (spec/ledger.md 6.2).

A count is sent or silently lost; it never waits and never fails its caller.
"""

import contextlib
import socket
import threading
from typing import Any


class Statsd:
    """Sends counts to one server."""

    def __init__(self, host: str, port: int = 8125) -> None:
        """Look the server up in the background; counts before that are lost.

        Args:
            host: name or address; looked up once.
            port: UDP port.
        """
        self._address: tuple[Any, ...] | None = None
        self._socket: socket.socket | None = None
        threading.Thread(target=self._resolve, args=(host, port), name="statsd-lookup", daemon=True).start()

    def count(self, name: str, n: int = 1) -> None:
        """Send `name:n|c`."""
        if self._socket is not None and self._address is not None:
            with contextlib.suppress(OSError):
                self._socket.sendto(f"{name}:{n}|c".encode(), self._address)

    def close(self) -> None:
        """Release the socket; later counts are lost."""
        if self._socket is not None:
            self._socket.close()

    def _resolve(self, host: str, port: int) -> None:
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
            opened = socket.socket(family, kind, protocol)
        except (OSError, UnicodeError):
            return
        opened.setblocking(False)
        self._address = address
        self._socket = opened
