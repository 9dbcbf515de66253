"""May this change of the membership stand (distribution-and-reliability 6.4 R4).

A change is a document that a majority of the members before it have signed. It names the chain, so that it
cannot be used on another one, and the members it starts from, so that of two changes made side by side one
stands. Whoever reads the log in order comes to the same members at every position.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lamina.formats import base58, signatures
from lamina.formats.base58 import decode_key
from lamina.formats.canonical_json import encode
from lamina.formats.errors import FormatError
from lamina.formats.signatures import KeyPair
from lamina.services.ledger.errors import ValidationError
from lamina.services.ledger.model.membership import ADD, MEMBERS_MAX, REMOVE, Change, Membership


class _Statement(msgspec.Struct, forbid_unknown_fields=True):
    from_seq: int
    genesis: str
    members: list[str]
    operation: str
    public_key: str


class _Document(msgspec.Struct, forbid_unknown_fields=True):
    change: _Statement
    signatures: dict[str, str]


_documents = msgspec.json.Decoder(_Document)


def propose(change: Change, membership: Membership, genesis: str) -> bytes:
    """An unsigned change, to be signed by a majority of the members it starts from.

    Args:
        change: what is wanted.
        membership: as it is decided now.
        genesis: id of the chain's first block.
    """
    statement = {
        "from_seq": change.from_seq,
        "genesis": genesis,
        "members": sorted(membership.at(change.from_seq)),
        "operation": change.operation,
        "public_key": change.public_key,
    }
    return encode({"change": statement, "signatures": {}})


def sign(body: bytes, node: KeyPair) -> bytes:
    """The same change with one more signature.

    Raises:
        ValidationError: this is not a change.
    """
    document = _read(body)
    signature = base58.encode(node.sign(_signed(document.change)))
    return encode(
        {
            "change": msgspec.to_builtins(document.change),
            "signatures": {**document.signatures, node.public: signature},
        }
    )


def merge(bodies: Sequence[bytes]) -> bytes:
    """One change with the signatures of all of these.

    Raises:
        ValidationError: they are not all the same change.
    """
    documents = [_read(body) for body in bodies]
    if len({_signed(document.change) for document in documents}) != 1:
        raise ValidationError("These files are not signatures of one change")
    merged: dict[str, str] = {}
    for document in documents:
        merged |= document.signatures
    return encode({"change": msgspec.to_builtins(documents[0].change), "signatures": merged})


def open_change(body: bytes, membership: Membership, *, genesis: str, recorded_seq: int) -> Change:
    """Check a change that was recorded when the log ended at a position.

    Args:
        body: what was recorded.
        membership: with every change recorded before it.
        genesis: id of the chain's first block.
        recorded_seq: where the log ended.

    Raises:
        ValidationError: the first rule broken; it changes nothing.
    """
    document = _read(body)
    change = _checked(document.change, membership, genesis=genesis, recorded_seq=recorded_seq)
    members, message = membership.at(change.from_seq), _signed(document.change)
    signed = sum(_is_signed(member, message, document.signatures) for member in members)
    if 2 * signed <= len(members):
        raise ValidationError(f"{signed} of {len(members)} members signed the change, a majority is needed")
    return change


def _checked(statement: _Statement, membership: Membership, *, genesis: str, recorded_seq: int) -> Change:
    members, key = membership.at(statement.from_seq), statement.public_key
    if statement.genesis != genesis:
        raise ValidationError("The change is for another chain")
    if statement.from_seq <= recorded_seq:
        raise ValidationError(
            f"The change begins at position {statement.from_seq}, the log had reached {recorded_seq}"
        )
    if membership.next_change(statement.from_seq - 1) is not None:
        raise ValidationError("A change from that position on, or from a later one, is decided already")
    if statement.members != sorted(members):
        raise ValidationError("The change starts from other members than those decided before it")
    if statement.operation == ADD:
        _check_key(key)
        if key in members or len(members) >= MEMBERS_MAX:
            raise ValidationError(f"{key} is a member already, or there are {MEMBERS_MAX}")
    elif statement.operation != REMOVE or key not in members or len(members) == 1:
        raise ValidationError(f"{key} is no member that could be removed")
    return Change(statement.from_seq, statement.operation, key)


def _check_key(key: str) -> None:
    try:
        decode_key(key)
    except FormatError as error:
        raise ValidationError(f"{key!r} is no public key") from error


def _read(body: bytes) -> _Document:
    try:
        return _documents.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValidationError(f"This is not a change of the membership: {error}") from None


def _signed(statement: _Statement) -> bytes:
    return encode(msgspec.to_builtins(statement))


def _is_signed(member: str, message: bytes, given: Mapping[str, Any]) -> bool:
    try:
        return signatures.verify(decode_key(member), message, base58.decode(given.get(member, "")))
    except FormatError:
        return False
