"""What a posted item must have before it is scheduled (spec/scheduler.md 10.2, 10.3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lamina.formats import avro_tags
from lamina.formats.ans104.item import DataItem
from lamina.formats.avro_tags import Tag
from lamina.services.scheduler.errors import BadItem, SchedulerError
from lamina.services.scheduler.settings import SchedulerSettings

Kind = Literal["Process", "Message"]


@dataclass(frozen=True, slots=True)
class SizeRule:
    """How large a message may be, and for whom that does not count."""

    is_on: bool
    bytes_max: int
    owners: frozenset[str]
    senders: frozenset[str]
    senders_owners: frozenset[str]

    @classmethod
    def of(cls, settings: SchedulerSettings) -> "SizeRule":
        """The rule that is configured."""
        return cls(
            settings.message_size_checked,
            settings.message_bytes_max,
            frozenset(settings.size_exempt_owners),
            frozenset(settings.size_exempt_from),
            frozenset(settings.size_exempt_from_owners),
        )

    def check_item(self, item: DataItem) -> None:
        """Refuse a message that is too large, by all its bytes.

        Raises:
            SchedulerError: it is.
        """
        self._check(item.tags, item.owner_address, item.size)

    def check_content(self, tags: Sequence[Tag], owner_address: str, data_bytes: int) -> None:
        """Refuse what is elsewhere and too large, by its tags and data: its signature may have any form.

        Raises:
            SchedulerError: it is.
        """
        self._check(tags, owner_address, len(avro_tags.encode(tags)) + data_bytes)

    def _check(self, tags: Sequence[Tag], owner_address: str, size: int) -> None:
        if not self.is_on or size <= self.bytes_max or owner_address in self.owners:
            return
        sender = next((tag.value for tag in tags if tag.name in {"From-Process", "from-process"}), None)
        if sender in self.senders and owner_address in self.senders_owners:
            return
        raise SchedulerError(f"Message size exceeds maximum of {self.bytes_max} bytes")


def kind_of(item: DataItem) -> Kind:
    """Whether an item is a spawn or a message.

    Raises:
        SchedulerError: it is neither.
    """
    kind = item.tag("Type")
    if kind is None:
        kind = item.tag("type")
    if kind is None:
        raise SchedulerError("Type tag not present")
    if kind == "Process":
        return "Process"
    if kind == "Message":
        return "Message"
    raise SchedulerError("Unsupported Type tag value")


def check_tags(item: DataItem, kind: Kind) -> None:
    """Hold an item to the protocol's tags.

    Raises:
        SchedulerError: one is missing, or may not be there.
        BadItem: a message that is for nobody.
    """
    if item.tag("Data-Protocol") is None and item.tag("data-protocol") is None:
        raise SchedulerError("Data-Protocol tag not present")
    for tag in item.tags:
        if tag.name.endswith("+link") or tag.value.endswith("+link"):
            raise SchedulerError(f"Tag {tag.name} cannot contain +link")
    if kind == "Process":
        if item.tag("Module") is None or item.tag("Scheduler") is None:
            raise SchedulerError("Required Module and Scheduler tags for Process type not present")
    elif len(item.target) != 32:
        raise BadItem(f"Length mismatch 32 - {len(item.target)}")
