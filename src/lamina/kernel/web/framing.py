"""Refuses requests whose end two parsers could place differently; llhttp in strict mode finds most of them.

Checked there: Content-Length beside Transfer-Encoding, repeated or odd lengths, a space before the colon,
bare LF and CR, folded headers, bad chunk sizes. Checked here: what it lets through.
"""

from collections.abc import Mapping, Sequence

from lamina.kernel.web.respond import Header

BYTES_PER_CHUNK_FREE = 16
VERSIONS = frozenset({"1.0", "1.1"})
SINGLE_HEADERS = frozenset({b"host", b"transfer-encoding"})


class Refusal(Exception):
    """The request being parsed is refused with this status."""

    def __init__(self, status: int) -> None:
        """Keep the status."""
        super().__init__(status)
        self.status = status


def check_head(version: str, headers: Sequence[Header]) -> bool:
    """Check what llhttp does not (distribution-and-reliability.md section 14).

    Args:
        version: `1.0` or `1.1`; anything else is refused.
        headers: names in lower case.

    Returns:
        Whether the body is chunked.

    Raises:
        Refusal: 400.
    """
    fields = dict(headers)
    coding = fields.get(b"transfer-encoding")
    # Any other coding, and any on HTTP/1.0, is read differently by different proxies (RFC 9112 section 6.1).
    odd_coding = coding is not None and (coding.lower() != b"chunked" or version != "1.1")
    repeated = len(fields) < len(headers) and _repeats(headers)
    if odd_coding or repeated or version not in VERSIONS or _websocket_with_body(fields):
        raise Refusal(400)
    return coding is not None


def _repeats(headers: Sequence[Header]) -> bool:
    single = [name for name, _ in headers if name in SINGLE_HEADERS]
    return len(single) > len(set(single))


def _websocket_with_body(fields: Mapping[bytes, bytes]) -> bool:
    if fields.get(b"upgrade", b"").lower() != b"websocket":
        return False
    return b"transfer-encoding" in fields or fields.get(b"content-length", b"0") != b"0"


def head_bytes(url: bytes, headers: Sequence[Header]) -> int:
    """The size of a request's head, near enough for a bound."""
    return len(url) + sum(len(name) + len(value) + 4 for name, value in headers)


class ChunkedOverhead:
    """Counts what a chunked body costs beside its content: chunk extensions and trailers are not free.

    Every read may bring framing worth a chunk line per content byte; more than that adds to an account that
    is bounded.
    """

    def __init__(self, bytes_max: int) -> None:
        """Start an account of `bytes_max`."""
        self._bytes_max = bytes_max
        self._spent = 0

    def charge(self, read: int, delivered: int) -> bool:
        """Book one piece of input.

        Args:
            read: its bytes on the wire.
            delivered: content bytes found in it.

        Returns:
            Whether the account is overdrawn.
        """
        self._spent = max(0, self._spent + read - delivered * BYTES_PER_CHUNK_FREE)
        return self._spent > self._bytes_max
