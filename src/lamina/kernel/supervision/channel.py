"""One JSON document per line between the platform and a child, over an inherited socket pair.

The platform briefs the child on it, so that nothing secret stands in an argument list or environment; the
child reports on it; its end tells either side that the other is gone.
"""

import asyncio
import socket
from typing import Any

import orjson

LINE_BYTES_MAX = 4 * 1024 * 1024


class Channel:
    """One end of the pair."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> "Channel":
        """Take over a connected socket."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=LINE_BYTES_MAX))

    def send(self, document: dict[str, Any]) -> None:
        """Send without waiting; a peer that is gone is noticed by `receive`."""
        self._writer.write(orjson.dumps(document) + b"\n")

    async def receive(self) -> dict[str, Any] | None:
        """The next document, or None when the peer is gone."""
        try:
            line = await self._reader.readline()
        except ConnectionError:
            return None
        return orjson.loads(line) if line.endswith(b"\n") else None

    def close(self) -> None:
        """Close this end."""
        self._writer.close()
