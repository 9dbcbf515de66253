"""Query parameters: what does not parse is ignored, never refused (spec/telemetry.md 6.1)."""

import re
from collections.abc import Container
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog

from lamina.kernel.contracts import Scope
from lamina.kernel.web.params import QueryTooLarge, parse_query
from lamina.services.telemetry.rules.timestamp import parse_moment

_log = structlog.get_logger("lamina.telemetry.api")

PARAMETERS_MAX = 64
BEGINNING = datetime(1970, 1, 1)  # noqa: DTZ001 - the tables' timestamps are zone-less UTC
END = datetime(9999, 12, 31)  # noqa: DTZ001
_INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
T = TypeVar("T")
_INT_4, _INT_8 = 2**31, 2**63


def now() -> datetime:
    """The present, zone-less UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


class Query:
    """The parameters of one request; of a repeated one the first counts."""

    def __init__(self, scope: Scope, bytes_max: int) -> None:
        """Parse the query string; one that is too large counts as empty."""
        try:
            pairs = parse_query(scope["query_string"], count_max=PARAMETERS_MAX, length_max=bytes_max)
        except QueryTooLarge:
            _log.warning("a query string was ignored", bytes=len(scope["query_string"]))
            pairs = []
        self._values = dict(reversed(pairs))

    def text(self, name: str) -> str | None:
        """A text, None when absent."""
        return self._values.get(name)

    def time(self, name: str, default: datetime) -> datetime:
        """A moment, zone-less UTC."""
        text = self._values.get(name)
        if text is None:
            return default
        moment = parse_moment(text)
        return _ignored(name, text, default) if moment is None else moment

    def moment(self, name: str) -> datetime | None:
        """A moment, zone-less UTC; None when absent."""
        text = self._values.get(name)
        if text is None:
            return None
        moment = parse_moment(text)
        return _ignored(name, text, None) if moment is None else moment

    def truth(self, name: str) -> bool | None:
        """True or false; None when absent."""
        return {"true": True, "1": True, "false": False, "0": False}.get(self._values.get(name, "").lower())

    def integer(self, name: str, default: int) -> int:
        """A number of 32 bits."""
        found = self._integer(name, _INT_4)
        return default if found is None else found

    def choice(self, name: str, allowed: Container[str], default: str) -> str:
        """One of a few words."""
        text = self._values.get(name)
        if text is None or text in allowed:
            return text or default
        return _ignored(name, text, default)

    def limit(self, default: int, highest: int) -> int:
        """How many elements; a negative number counts as absent."""
        asked = self._integer("limit", _INT_4)
        return default if asked is None or asked < 0 else min(asked, highest)

    def since_age(self, default_s: int | None) -> datetime | None:
        """The moment `max_age_s` seconds ago; None when it is neither given nor has a default."""
        age_s = self._integer("max_age_s", _INT_8)
        if age_s is None:
            age_s = default_s
        if age_s is None:
            return None
        try:
            return max(now() - timedelta(seconds=age_s), BEGINNING)
        except OverflowError:
            return BEGINNING if age_s > 0 else END

    def _integer(self, name: str, bound: int) -> int | None:
        text = self._values.get(name)
        if text is None:
            return None
        if not _INTEGER.fullmatch(text) or not -bound <= int(text) < bound:
            return _ignored(name, text, None)
        return int(text)


def _ignored(name: str, text: str, default: T) -> T:
    _log.warning("a parameter was ignored", parameter=name, value=text[:80])
    return default
