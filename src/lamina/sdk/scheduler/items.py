"""From keys and wishes to signed items. No I/O."""

import secrets
from collections.abc import Iterable

from lamina.formats import base64url
from lamina.formats.ans104 import Draft, SignedItem, Signer, sign
from lamina.formats.avro_tags import Tag

Tags = Iterable[tuple[str, str]]
"""Names and values; either may repeat."""

_PROTOCOL = (Tag("Data-Protocol", "ao"), Tag("Variant", "ao.TN.1"))
_ANCHOR_CHARACTERS = 32


def signed_spawn(
    signer: Signer, module: str, scheduler: str, *, tags: Tags = (), data: bytes | str = b""
) -> SignedItem:
    """A signed spawn; its id is that of the process.

    Args:
        signer: who owns the process.
        module: id of the program that it runs.
        scheduler: address of the unit's wallet.
        tags: more tags.
        data: what it starts with.

    Raises:
        FormatError: a tag is not Unicode text.
    """
    own = (*_PROTOCOL, Tag("Type", "Process"), Tag("Module", module), Tag("Scheduler", scheduler))
    return _signed(signer, b"", (*own, *_tags(tags)), data)


def signed_message(
    signer: Signer, process_id: str, *, tags: Tags = (), data: bytes | str = b""
) -> SignedItem:
    """A signed message; no two have the same id, whatever they say.

    Args:
        signer: who says it.
        process_id: to whom.
        tags: more tags, such as an `Action`.
        data: what is said.

    Raises:
        FormatError: not the id of a process, or a tag is not Unicode text.
    """
    own = (*_PROTOCOL, Tag("Type", "Message"))
    return _signed(signer, base64url.decode(process_id), (*own, *_tags(tags)), data)


def _signed(signer: Signer, target: bytes, tags: tuple[Tag, ...], data: bytes | str) -> SignedItem:
    content = data.encode() if isinstance(data, str) else data
    # Text, so that a unit can show it; random, since a repeatable signature would make the same id again.
    anchor = secrets.token_hex(_ANCHOR_CHARACTERS // 2).encode()
    return sign(Draft(tags, target=target, anchor=anchor, data=(content,)), signer)


def _tags(tags: Tags) -> tuple[Tag, ...]:
    return tuple(Tag(name, value) for name, value in tags)
