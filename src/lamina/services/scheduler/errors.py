"""Known errors of the scheduler, with the texts that users of the original know (spec/scheduler.md 7.3)."""

from pathlib import Path

from lamina.formats.ans104.errors import ItemPart, MalformedItem
from lamina.kernel.errors import ConfigurationError, DependencyUnreachable, LaminaError


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


class WarmingUp(LaminaError):
    """The unit has just started and was told to wait before it takes writes."""

    code = "scheduler_warming_up"
    http_status = 503

    def __init__(self) -> None:
        """Use the original's words."""
        super().__init__("Server is warming up. Please try again later.")


class AccessDenied(LaminaError):
    """The client's address is not on the list of those that may post."""

    code = "scheduler_access_denied"
    http_status = 403

    def __init__(self, *, is_named: bool = True) -> None:
        """Use the original's words, and its status for requests that do not say whose they are.

        Args:
            is_named: whether there was an `X-Real-IP` header.
        """
        super().__init__("Access denied")
        self.status = 403 if is_named else 400


class ProcessNotAllowed(LaminaError):
    """The list of processes gives this process to another unit."""

    code = "scheduler_process_not_allowed"
    http_status = 403

    def __init__(self, process_id: str = "", *, http_status: int = 403) -> None:
        """Use the original's words.

        Args:
            process_id: which one.
            http_status: 403 for reads, 400 for writes.
        """
        super().__init__(f"Process {process_id} is not allowed on this SU")
        self.status = http_status


class ClockBehind(LaminaError):
    """This machine's clock is far behind what was written before."""

    code = "scheduler_clock_behind"
    http_status = 503


class BadSchedulerList(ConfigurationError):
    """The scheduler list cannot be used as it stands."""

    code = "scheduler_list"

    def default_hint(self) -> str:
        """Show the form of a list."""
        return 'The list is JSON: [{"url": "https://su1.example.org"}, ...]; see docs/how-to/run-a-router.md'


class UnitDown(LaminaError):
    """The unit of a process cannot be reached, so nothing was sent to it."""

    code = "scheduler_unit_down"
    http_status = 503
    retryable = True


class UnitUnclear(LaminaError):
    """The unit of a process gave no answer that could be passed on; it may have done what was asked."""

    code = "scheduler_unit_unclear"
    http_status = 502


class RoutedTwice(LaminaError):
    """A router sent this to a router: the scheduler list must name units, and no router."""

    code = "scheduler_routed_twice"
    http_status = 502


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
