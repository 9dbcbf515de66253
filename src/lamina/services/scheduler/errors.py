"""Known errors of the scheduler, with the texts that users of the original know (spec/scheduler.md 7.3)."""

from pathlib import Path

from lamina.formats.ans104.errors import ItemPart, MalformedItem
from lamina.kernel.errors import DependencyUnreachable, LaminaError


class SchedulerError(LaminaError):
    """Something a client did; the text is the answer."""

    code = "scheduler_refused"
    http_status = 400


class MessageExists(SchedulerError):
    """The same message was scheduled before."""

    code = "scheduler_message_exists"

    def __init__(self, what: str = "Message") -> None:
        """Say what is there already.

        Args:
            what: `Message`, or `Deep hash`.
        """
        super().__init__(f'MessageExists("{what} already exists")')


class ProcessNotFound(SchedulerError):
    """The process was never spawned here."""

    code = "scheduler_process_not_found"

    def __init__(self) -> None:
        """Use the original's words."""
        super().__init__('NotFound("Process not found")')


class BadItem(SchedulerError):
    """The posted bytes are no data item, or its signature is not right."""

    code = "scheduler_bad_item"

    def __init__(self, detail: str) -> None:
        """Wrap the detail as the original does."""
        super().__init__(
            f'error in builder: BuilderError("Byte error in builder: ByteError(\\"{detail}\\")")'
        )

    @classmethod
    def of(cls, fault: MalformedItem) -> "BadItem":
        """The original's word for each part of an item."""
        return cls(_DETAILS.get(fault.part, "tag bytes error - {}").format(fault))


class QueryError(LaminaError):
    """A query parameter cannot be read; answered as plain text."""

    code = "scheduler_query"
    http_status = 400


class HeightUnknown(LaminaError):
    """No gateway has told the network's height yet."""

    code = "scheduler_height_unknown"
    http_status = 503

    def __init__(self) -> None:
        """Use the specified words."""
        super().__init__("gateway height unknown")


class ReadOnly(LaminaError):
    """This unit takes no writes."""

    code = "scheduler_read_only"
    http_status = 403

    def __init__(self) -> None:
        """Use the specified words."""
        super().__init__("This SU is read only")


class ClockBehind(LaminaError):
    """This machine's clock is far behind what was written before."""

    code = "scheduler_clock_behind"
    http_status = 503


class GatewayUnavailable(LaminaError):
    """No gateway answers."""

    code = "scheduler_gateway_unavailable"
    http_status = 400
    exit_code = 5


class DiskStoreFailed(DependencyUnreachable):
    """The disk store cannot be read or written."""

    code = "scheduler_disk_store"

    def __init__(self, place: Path, reason: str) -> None:
        """Say what the storage engine said.

        Args:
            place: the directory or file.
            reason: the engine's words.
        """
        super().__init__(f"The disk store {place} fails: {reason}")
        self.reason = reason

    def default_hint(self) -> str:
        """Name what usually is wrong; nothing is lost with the directory."""
        return (
            "Look for space and permissions. All of it is in PostgreSQL too: with the directory moved away "
            "it is filled again"
        )


class DiskStoreHeld(LaminaError):
    """Another process has the disk store."""

    code = "scheduler_disk_store_held"
    exit_code = 4


class IncomingRefused(LaminaError):
    """A file with migrated messages cannot be taken."""

    code = "scheduler_incoming_refused"
    exit_code = 5

    def default_hint(self) -> str:
        """Migrations may be repeated."""
        return "Run the migration again"


class BadRange(LaminaError):
    """The range of a migration cannot be read."""

    code = "scheduler_bad_range"
    exit_code = 2

    def default_hint(self) -> str:
        """Show all three forms."""
        return "Positions by time: 0 is everything, 1000 all but the oldest 1000, 0-1000 the oldest 1000"


_DETAILS = {
    ItemPart.SIGNATURE_TYPE: "Buffer too short for signature type",
    ItemPart.SIGNATURE_AND_OWNER: "Buffer too short for signature and public key",
    ItemPart.TARGET: "target bytes error",
    ItemPart.ANCHOR: "anchor bytes error - {}",
    ItemPart.TAG_BYTES: "tag bytes error - {}",
    ItemPart.TAGS: "invalid tag encoding",
}
