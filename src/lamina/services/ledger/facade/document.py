"""What goes into the facade and comes out: plain dicts of the wire shapes (spec/ledger.md 1)."""

from typing import Any, Protocol

from lamina.formats.canonical_json import ENCODE_DEPTH_MAX, encode, parse
from lamina.formats.errors import FormatError
from lamina.services.ledger.errors import UnreadableBody
from lamina.services.ledger.model.transaction import Transaction
from lamina.services.ledger.rules.form import parse_body, parse_transaction

Document = dict[str, Any]


class Model(Protocol):
    """An object that knows its document, as the original's model classes did."""

    def to_dict(self) -> Document:
        """The document."""
        ...


def plain(value: Document | Model) -> Document:
    """The document of an argument."""
    return value if isinstance(value, dict) else value.to_dict()


def opened(value: Document | Model) -> Transaction:
    """The transaction of an argument, through the same door as a posted one.

    Raises:
        SchemaValidationError, ValidationError, UnreadableBody: it is not a transaction.
    """
    try:
        body = encode(plain(value))
    except FormatError as error:
        raise UnreadableBody from error
    return parse_transaction(parse_body(body))


def parsed(body: bytes) -> Document:
    """A stored document; integers stay exact and floats stay floats."""
    return parse(body, depth_max=ENCODE_DEPTH_MAX)
