"""Reads the frames that nearly all of a bringing websocket's input consists of: whole messages, pings, pongs.

The protocol's own parser is a generator with a Frame for everything, which costs more than all else that is
done for a short message. What is unusual is left to it: from the first fragment, close frame or fault on it
reads all.
"""

from websockets.frames import apply_mask  # pyright: ignore[reportPrivateImportUsage] - in C where that was built

from lamina.kernel.web.inlet import Payload

_TEXT, _BINARY, _PING, _PONG = 0x81, 0x82, 0x89, 0x8A  # each final, without reserved bits
_MESSAGES = (_BINARY, _TEXT)
_MASKED = 0x80
_WIDE = _MASKED | 126
"""Second byte of a frame whose size is in the next two."""


class FrameReader:
    """One client's frames, from the first one after the handshake on.

    Attributes:
        others: bytes that the protocol has to read itself, in order; the caller empties it.
        is_done: whether everything that follows belongs to the protocol.
    """

    def __init__(self, size_max: int) -> None:
        """Start between two frames.

        Args:
            size_max: largest message, in bytes, inclusive; a larger one is the protocol's to refuse.
        """
        self.others = b""
        self.is_done = False
        self._size_max = size_max
        self._sizes_max = {_TEXT: size_max, _BINARY: size_max, _PING: 125, _PONG: 125}
        self._rest = bytearray()
        self._needed = 0

    def read(self, data: bytes) -> list[Payload]:
        """Take input; returns the messages that it completes, in order."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return []
            data, self._rest = bytes(self._rest), bytearray()
        messages: list[Payload] = []
        at, size = 0, len(data)
        while True:
            # What nearly all frames look like, spelled out, since this is done for every message.
            if size - at >= 8 and data[at] in _MESSAGES and _MASKED <= data[at + 1] <= _WIDE:
                start, length = at + 6, data[at + 1] - _MASKED
                if length == 126:
                    start, length = at + 8, data[at + 2] << 8 | data[at + 3]
                end = start + length
                if end <= size and length <= self._size_max:
                    payload = apply_mask(data[start:end], data[start - 4 : start])
                    messages.append((payload, data[at] == _TEXT))
                    at = end
                    continue
            start, end = self._bounds(data, at)
            if end > size:
                self._needed = end - at
                self._rest += data[at:]
                return messages
            kind = data[at]
            if end < 0:
                self.is_done = True
                self.others += data[at:]
                return messages
            if kind in _MESSAGES:
                messages.append((apply_mask(data[start:end], data[start - 4 : start]), kind == _TEXT))
            else:
                self.others += data[at:end]
            at = end

    def _bounds(self, data: bytes, at: int) -> tuple[int, int]:
        """Where the payload of the frame at `at` begins and ends.

        Where too little is there to tell, the end is how far the input has to reach for that; it is -1 for a
        frame that is not ours to read.
        """
        left = len(data) - at
        if left < 2:
            return 0, at + 2
        kind, size = data[at], data[at + 1] - _MASKED
        size_max = self._sizes_max.get(kind)
        if size_max is None or size < 0:
            return 0, -1
        start = at + 6
        if size >= 126:
            width = 2 if size == 126 else 8
            if left < 2 + width:
                return 0, at + 2 + width
            size, start = int.from_bytes(data[at + 2 : at + 2 + width], "big"), start + width
        return (start, start + size) if size <= size_max else (0, -1)
