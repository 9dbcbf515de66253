"""Query parameters of the scheduler (spec/scheduler.md 7.1, 14.2)."""

import re

from lamina.formats import base64url
from lamina.formats.errors import FormatError
from lamina.kernel.contracts import Scope
from lamina.kernel.web.params import parse_query
from lamina.services.scheduler.errors import QueryError, SchedulerError

PARAMETERS_MAX = 64
ID_BYTES = 32
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
_NOT_AN_INTEGER = 'IntError("data store int error: invalid digit found in string")'


def id_bytes(text: str) -> bytes | None:
    """The 32 bytes of an id; None for what is none, and so names nothing."""
    try:
        raw = base64url.decode(text)
    except FormatError:
        return None
    return raw if len(raw) == ID_BYTES else None


class Query:
    """The parameters of one request; of a repeated one the first counts."""

    def __init__(self, scope: Scope, bytes_max: int) -> None:
        """Parse the query string.

        Raises:
            QueryTooLarge: it is longer or has more parameters than allowed.
        """
        pairs = parse_query(scope["query_string"], count_max=PARAMETERS_MAX, length_max=bytes_max)
        self._values = dict(reversed(pairs))

    def text(self, name: str) -> str | None:
        """A text, None when absent."""
        return self._values.get(name)

    def has(self, name: str) -> bool:
        """Whether a parameter is there, with whatever value."""
        return name in self._values

    def integer(self, name: str) -> int | None:
        """A number of 64 bits, None when absent.

        Raises:
            SchedulerError: it is none.
        """
        text = self._values.get(name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
            raise SchedulerError(_NOT_AN_INTEGER)
        return int(text)

    def limit(self, default: int) -> int:
        """How many messages at most.

        Raises:
            QueryError: it is no number of 32 bits, or negative.
        """
        text = self._values.get("limit")
        if text is None:
            return default
        if not _INTEGER.fullmatch(text) or not -(2**31) <= int(text) < 2**31:
            raise QueryError("Query deserialize error: invalid digit found in string")
        if int(text) < 0:
            raise QueryError("Query deserialize error: limit is negative")
        return int(text)


def excluded(asked: Query, count_max: int) -> tuple[str, ...]:
    """The fields that readers of an assignment are asked to leave out, as the client wrote them.

    Raises:
        SchedulerError: they are more than allowed.
    """
    text = asked.text("exclude")
    if text is None:
        return ()
    if text.count(",") >= count_max:
        raise SchedulerError(f"exclude has more than {count_max} values; name fewer fields")
    return tuple(text.split(","))
