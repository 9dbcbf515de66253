"""What one connection sends, over a rolling window. Of the process that holds the socket."""

WINDOW_SECONDS = 10


class TrafficMeter:
    """Counts bytes in steps of a second over the last `WINDOW_SECONDS`, in constant memory."""

    __slots__ = ("_bytes", "_second", "_total", "_total_max")

    def __init__(self, bytes_per_second_max: int) -> None:
        """Start with nothing counted.

        Args:
            bytes_per_second_max: what may be sent on the mean of the window; 0 for no limit.
        """
        self._total_max = bytes_per_second_max * WINDOW_SECONDS
        self._bytes = [0] * WINDOW_SECONDS
        self._second = 0
        self._total = 0

    def add(self, now_ms: int, size_bytes: int) -> bool:
        """Count a frame.

        Args:
            now_ms: time; one before an earlier call's counts as that one.
            size_bytes: payload of the frame.

        Returns:
            Whether this is too much: end the connection and block its address.
        """
        if not self._total_max:
            return False
        self._roll(now_ms // 1000)
        self._bytes[self._second % WINDOW_SECONDS] += size_bytes
        self._total += size_bytes
        return self._total > self._total_max

    def _roll(self, second: int) -> None:
        for passed in range(max(self._second + 1, second - WINDOW_SECONDS + 1), second + 1):
            self._total -= self._bytes[passed % WINDOW_SECONDS]
            self._bytes[passed % WINDOW_SECONDS] = 0
        self._second = max(self._second, second)
