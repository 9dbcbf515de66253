"""Query parameters in the original's order of checks, with its two error shapes (spec/ledger.md 3)."""

import re
from collections.abc import Sequence

from lamina.kernel.contracts import Scope
from lamina.kernel.web.params import ParameterError, parse_query
from lamina.services.ledger.errors import InvalidRequest
from lamina.services.ledger.model.identifier import is_id
from lamina.services.ledger.model.status import Status

PARAMETERS_MAX = 64
_KEY = re.compile(r"[1-9a-zA-Z]{43,44}")
_NOT_BASE58 = frozenset("Il0O")
_MISSING = "Missing required parameter in the JSON body or the post body or the query string"


class UnknownArguments(InvalidRequest):
    """A strict endpoint was given parameters it does not know."""

    code = "ledger_unknown_arguments"


class Query:
    """The parameters of one request."""

    def __init__(self, scope: Scope, bytes_max: int) -> None:
        """Parse the query string.

        Raises:
            QueryTooLarge: it is longer or has more parameters than allowed.
        """
        self._pairs = parse_query(scope["query_string"], count_max=PARAMETERS_MAX, length_max=bytes_max)

    def values(self, name: str) -> Sequence[str]:
        """Every value given for a name."""
        return [value for key, value in self._pairs if key == name]

    def required(self, name: str) -> str:
        """The first value of a parameter that must be there, the empty one included.

        Raises:
            ParameterError: it is absent.
        """
        values = self.values(name)
        if not values:
            raise ParameterError(name, _MISSING)
        return values[0]

    def optional(self, name: str) -> str | None:
        """The first value, or None."""
        values = self.values(name)
        return values[0] if values else None

    def only(self, *names: str) -> None:
        """Refuse whatever else was given.

        Raises:
            UnknownArguments: naming the others.
        """
        unknown = dict.fromkeys(key for key, _ in self._pairs if key not in names)
        if unknown:
            raise UnknownArguments(f"Unknown arguments: {', '.join(unknown)}")


def operation(query: Query) -> str | None:
    """CREATE, TRANSFER, or None for both.

    Raises:
        ParameterError: anything else.
    """
    text = query.optional("operation")
    if text is None or text.upper() in {"CREATE", "TRANSFER"}:
        return None if text is None else text.upper()
    # Compat: the missing final quote is the original's (spec/ledger.md 3.4).
    raise ParameterError("operation", 'Operation must be "CREATE" or "TRANSFER')


def asset_id(query: Query) -> str:
    """64 hex digits, lower case.

    Raises:
        ParameterError: absent or not a hash.
    """
    text = query.required("asset_id").lower()
    if not is_id(text):
        raise ParameterError("asset_id", "Invalid hash")
    return text


def public_key(query: Query) -> str:
    """A key by its shape; that it decodes is not asked.

    Raises:
        ParameterError: absent, or any of its values is not shaped like a key.
    """
    text = query.required("public_key")
    for value in query.values("public_key"):
        if not _KEY.fullmatch(value) or _NOT_BASE58 & set(value):
            raise ParameterError("public_key", "Invalid base58 ed25519 key")
    return text


def spent(query: Query) -> bool | None:
    """True, False or None.

    Raises:
        ParameterError: any of its values is no boolean.
    """
    values = [value.lower() for value in query.values("spent")]
    for value in values:
        if value not in {"true", "false"}:
            raise ParameterError("spent", 'Boolean value must be "true" or "false" (lowercase)')
    return values[0] == "true" if values else None


def block_status(query: Query) -> Status | None:
    """A status by its word, or None.

    Raises:
        ParameterError: no such status.
    """
    text = query.optional("status")
    if text is None:
        return None
    for status in Status:
        if status.word == text.lower():
            return status
    raise ParameterError("status", f"{text.lower()} is not a valid choice")


def limit(query: Query) -> int:
    """How many results at most; 0 means all, and a negative number counts as its absolute value.

    Raises:
        ParameterError: no integer.
    """
    text = query.optional("limit")
    try:
        # Compat: MongoDB read a negative limit so (spec/ledger.md 3.8).
        return 0 if text is None else abs(int(text))
    except ValueError:
        raise ParameterError("limit", f"invalid literal for int() with base 10: {text!r}") from None
