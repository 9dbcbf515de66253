"""Query strings as name and value pairs, whatever bytes the client sent."""

from urllib.parse import unquote_plus

from lamina.kernel.errors import LaminaError


class ParameterError(LaminaError):
    """A parameter is missing or has an unusable value."""

    code = "parameter"
    http_status = 400

    def __init__(self, parameter: str, text: str) -> None:
        """Keep which parameter and why.

        Args:
            parameter: the parameter's name as the client writes it.
            text: the sentence of the wire contract.
        """
        self.parameter = parameter
        self.text = text
        super().__init__(f"{parameter}: {text}")


class QueryTooLarge(LaminaError):
    """The query string is longer or has more parameters than this service accepts."""

    code = "query_too_large"
    http_status = 400


def parse_query(raw: bytes, *, count_max: int, length_max: int) -> list[tuple[str, str]]:
    """Split and decode a query string.

    Never fails on the content: a broken percent escape stays as it is, bytes that are not UTF-8 become
    U+FFFD, and so does U+0000, which PostgreSQL refuses in text.

    Args:
        raw: the query string as received, without the question mark.
        count_max: the most parameters accepted.
        length_max: the longest query string accepted, in bytes.

    Returns:
        Pairs in the order written, empty values included.

    Raises:
        QueryTooLarge: more bytes or parameters than allowed.
    """
    if not raw:
        return []
    if len(raw) > length_max:
        raise QueryTooLarge(length_max=length_max)
    parts = [part for part in raw.decode("utf-8", "replace").split("&") if part]
    if len(parts) > count_max:
        raise QueryTooLarge(count_max=count_max)
    return [_pair(part) for part in parts]


def _pair(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return _decode(name), _decode(value)


def _decode(text: str) -> str:
    return unquote_plus(text, errors="replace").replace("\x00", "\ufffd")
