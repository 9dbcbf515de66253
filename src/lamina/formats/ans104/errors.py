"""Why bytes are no data item, or no bundle."""

from enum import StrEnum

from lamina.formats.errors import FormatError


class ItemPart(StrEnum):
    """The field of an item in which reading stopped; a service has its own words for each."""

    SIGNATURE_TYPE = "signature type"
    SIGNATURE_AND_OWNER = "signature and owner"
    TARGET = "target"
    ANCHOR = "anchor"
    TAG_BYTES = "tag bytes"
    TAGS = "tags"


class MalformedItem(FormatError):
    """Bytes are not one data item; `part` says where, the message why."""

    def __init__(self, part: ItemPart, reason: str) -> None:
        super().__init__(f"data item, {part}: {reason}")
        self.part = part


class MalformedBundle(FormatError):
    """Bytes are not one bundle, or it holds other items than it says."""
