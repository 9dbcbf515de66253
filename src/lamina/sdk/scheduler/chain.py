"""Whether what was read is what the unit signed, in order and without gaps (spec/scheduler.md 11). No I/O."""

from hashlib import sha256

from lamina.formats import ans104, avro_tags, base64url
from lamina.formats.ans104 import DataItem, SignatureType
from lamina.formats.avro_tags import Tag
from lamina.formats.errors import FormatError
from lamina.sdk.scheduler.documents import Assignment, Scheduled
from lamina.sdk.scheduler.errors import BrokenChain

_ID_BYTES = 32


class Chain:
    """Follows the messages of one process; what it lets pass is proved.

    Proved are the order and the unit's word: nonces without gaps, the links of the hash chain, ids, and the
    signatures of one wallet. That a message's author signed it is not proved by what a unit shows of it,
    since data and anchor are shown as text.
    """

    def __init__(self, process_id: str, *, address: str | None = None, signatures: bool = True) -> None:
        """Start before the first message.

        Args:
            process_id: whose messages.
            address: of the wallet that must have signed; None stands for that of the first assignment.
            signatures: whether signatures are checked; units that do not show anchors make that impossible.

        Raises:
            FormatError: not the id of a process.
        """
        self._process_id = process_id
        self._address = address
        self._signatures = signatures
        self._nonce = 0
        self._link = sha256(_id_bytes(process_id)).digest()
        self.last: Scheduled | None = None

    def resume(self, after: Scheduled) -> "Chain":
        """Go on behind a message that was proved before; returns the chain itself.

        Raises:
            FormatError: it is no message with a place.
        """
        tags = _tags(after["assignment"])
        nonce = tags.get("Nonce", "")
        if not (nonce.isascii() and nonce.isdecimal()):
            raise FormatError(f"a nonce is a decimal number, not {nonce!r}")
        self._nonce, self.last = int(nonce) + 1, after
        self._link = sha256(
            _id_bytes(after["assignment"]["id"]) + _id_bytes(tags.get("Hash-Chain", ""))
        ).digest()
        return self

    def follow(self, scheduled: Scheduled) -> Scheduled:
        """Prove the next message; returns it.

        Raises:
            BrokenChain: it is not the next one, or is not what the unit signed.
        """
        assignment, tags = scheduled["assignment"], _tags(scheduled["assignment"])
        nonce = tags.get("Nonce", "none")
        try:
            self._check_place(tags, nonce)
            _check_ids(scheduled, tags, nonce)
            self._check_owner(assignment, nonce)
            if self._signatures and not is_signed(assignment):
                raise BrokenChain(nonce, "its signature is not the unit's")
        except FormatError as failure:
            raise BrokenChain(nonce, str(failure)) from failure
        self._link = sha256(base64url.decode(assignment["id"]) + self._link).digest()
        self._nonce, self.last = self._nonce + 1, scheduled
        return scheduled

    def _check_place(self, tags: dict[str, str], nonce: str) -> None:
        expected = {
            "Process": self._process_id,
            "Nonce": str(self._nonce),
            "Hash-Chain": base64url.encode(self._link),
        }
        for name, value in expected.items():
            if tags.get(name) != value:
                raise BrokenChain(nonce, f"{name} is {tags.get(name)}, not {value}")

    def _check_owner(self, assignment: Assignment, nonce: str) -> None:
        address = ans104.owner_address(base64url.decode(assignment["owner"]["key"]))
        if self._address is None:
            self._address = address
        if address != self._address:
            raise BrokenChain(nonce, f"it is of the wallet {address}, not {self._address}")


def is_signed(assignment: Assignment) -> bool:
    """Whether an assignment was signed by the owner that it names.

    Raises:
        FormatError: there is nothing that could be checked: a part is no base64url, or the anchor is not
            shown, as in single messages and by units that do not know `show-anchor`.
    """
    anchor = assignment["anchor"]
    if anchor is None:
        raise FormatError("its anchor is not shown, so its signature cannot be checked: read it from a page")
    tags = tuple(Tag(each["name"], each["value"]) for each in assignment["tags"])
    none = memoryview(b"")
    item = DataItem(
        signature_type=SignatureType.ARWEAVE,
        signature=base64url.decode(assignment["signature"]),
        owner=base64url.decode(assignment["owner"]["key"]),
        target=b"",
        anchor=_anchor_bytes(anchor),
        tags=tags,
        tag_bytes=avro_tags.encode(tags),
        data=none,
        raw=none,
    )
    return ans104.verify(item)


def _check_ids(scheduled: Scheduled, tags: dict[str, str], nonce: str) -> None:
    assignment, message = scheduled["assignment"], scheduled["message"]
    for signed in (assignment, message):
        if signed is not None:
            found = base64url.encode(sha256(base64url.decode(signed["signature"])).digest())
            if found != signed["id"]:
                raise BrokenChain(nonce, f"the id {signed['id']} is not that of its signature")
    named = tags.get("Message", tags.get("Process"))
    if message is not None and message["id"] != named:
        raise BrokenChain(nonce, f"it assigns {named}, not the message {message['id']} beside it")


def _anchor_bytes(text: str) -> bytes:
    """An anchor is shown as its 32 bytes of text, or as base64url, which is longer than any such text."""
    raw = text.encode()
    return raw if len(raw) == _ID_BYTES else base64url.decode(text)


def _tags(assignment: Assignment) -> dict[str, str]:
    return {tag["name"]: tag["value"] for tag in reversed(assignment["tags"])}


def _id_bytes(text: str) -> bytes:
    raw = base64url.decode(text)
    if len(raw) != _ID_BYTES:
        raise FormatError(f"an id has {_ID_BYTES} bytes, not {len(raw)}")
    return raw
