"""What a GraphQL query asks for: the arguments of its `transactions`, as the clients of ao write them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from lamina.formats.ans104.item import DataItem
from lamina.formats.base64url import encode
from lamina.kernel.errors import LaminaError

FIRST = 10
FIRST_MAX = 100
NESTING_MAX = 16
_TOKEN = re.compile(r'#[^\n]*|(?P<token>\$?[A-Za-z_]\w*|-?\d{1,18}|"(?:[^"\\\n]|\\.)*"|[^\s,])', re.ASCII)
_CONSTANTS = {"true": True, "false": False, "null": None}


class BadQuestion(LaminaError):
    """The query asks for what this stand-in cannot answer."""

    code = "gateway_question"
    http_status = 400


@dataclass(frozen=True, slots=True)
class Question:
    """Which items are asked for; None where everything will do.

    Attributes:
        tags: for each name, the values that will do.
        first: how many at most.
        after: the cursor, which is an id, behind which they begin.
        oldest_first: in which order.
    """

    ids: frozenset[str] | None = None
    owners: frozenset[str] | None = None
    recipients: frozenset[str] | None = None
    tags: tuple[tuple[str, frozenset[str]], ...] = ()
    first: int = FIRST
    after: str | None = None
    oldest_first: bool = False

    def admits(self, item: DataItem) -> bool:
        """Whether an item is asked for."""
        return (
            (self.ids is None or item.id in self.ids)
            and (self.owners is None or item.owner_address in self.owners)
            and (self.recipients is None or encode(item.target) in self.recipients)
            and all(_has(item, name, values) for name, values in self.tags)
        )


Texts = list[str] | str | None
"""A list of texts; GraphQL takes one text for a list of one."""


class _Body(msgspec.Struct):
    query: str
    variables: dict[str, Any] | None = None


class _TagFilter(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    values: Texts
    op: Literal["EQ"] = "EQ"


class _Arguments(msgspec.Struct, forbid_unknown_fields=True):
    ids: Texts = None
    owners: Texts = None
    recipients: Texts = None
    tags: list[_TagFilter] | _TagFilter = msgspec.field(default_factory=list[_TagFilter])
    first: Annotated[int, msgspec.Meta(ge=0)] = FIRST
    after: str = ""
    sort: Literal["HEIGHT_DESC", "HEIGHT_ASC"] = "HEIGHT_DESC"


def read(body: bytes) -> Question:
    """Read what was posted: a query with its variables. Which fields are wanted is not looked at.

    Raises:
        BadQuestion: it asks for no transactions, or in a way that is not known here.
    """
    try:
        posted = msgspec.json.decode(body, type=_Body)
        said = _Reader(posted.query, posted.variables or {}).arguments_of("transactions")
        given = {name: value for name, value in said.items() if value is not None}
        arguments = msgspec.convert(given, _Arguments)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as fault:
        raise BadQuestion(f"This stand-in cannot read the query: {fault}") from None
    filters = [arguments.tags] if isinstance(arguments.tags, _TagFilter) else arguments.tags
    return Question(
        ids=_set(arguments.ids),
        owners=_set(arguments.owners),
        recipients=_set(arguments.recipients),
        tags=tuple((each.name, _set(each.values) or frozenset()) for each in filters),
        first=min(arguments.first, FIRST_MAX),
        after=arguments.after or None,
        oldest_first=arguments.sort == "HEIGHT_ASC",
    )


class _Reader:
    """Walks over the tokens of a query."""

    def __init__(self, query: str, variables: Mapping[str, Any]) -> None:
        self._tokens: Iterator[str] = (match["token"] for match in _TOKEN.finditer(query) if match["token"])
        self._variables = variables

    def arguments_of(self, field: str) -> dict[str, Any]:
        """The arguments of the first field of this name."""
        if not any(token == field for token in self._tokens):
            raise BadQuestion(f"The query asks for no {field}")
        return self._members(")", 0) if self._next() == "(" else {}

    def _next(self) -> str:
        token = next(self._tokens, None)
        if token is None:
            raise BadQuestion("The query is cut off")
        return token

    def _members(self, end: str, depth: int) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while (name := self._next()) != end:
            if self._next() != ":":
                raise BadQuestion(f"The query has no colon after {name}")
            members[name] = self._value(self._next(), depth + 1)
        return members

    def _value(self, word: str, depth: int) -> Any:  # noqa: ANN401 - any JSON
        if depth > NESTING_MAX:
            raise BadQuestion("The query is nested too deeply")
        if word == "[":
            values: list[Any] = []
            while (each := self._next()) != "]":
                values.append(self._value(each, depth + 1))
            return values
        if word == "{":
            return self._members("}", depth)
        if word[0] == "$":
            return self._variables.get(word[1:])
        if word[0] == '"' and len(word) > 1:
            return msgspec.json.decode(word, type=str)
        if word.lstrip("-").isdecimal():
            return int(word)
        return _CONSTANTS.get(word, word)


def _set(texts: Texts) -> frozenset[str] | None:
    return None if texts is None else frozenset([texts] if isinstance(texts, str) else texts)


def _has(item: DataItem, name: str, values: frozenset[str]) -> bool:
    return any(tag.name == name and tag.value in values for tag in item.tags)
