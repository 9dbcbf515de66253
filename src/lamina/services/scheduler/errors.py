"""Known errors of the scheduler, with the texts that users of the original know (spec/scheduler.md 7.3)."""

from lamina.formats.ans104.errors import ItemPart, MalformedItem
from lamina.kernel.errors import ConfigurationError, LaminaError


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


_DETAILS = {
    ItemPart.SIGNATURE_TYPE: "Buffer too short for signature type",
    ItemPart.SIGNATURE_AND_OWNER: "Buffer too short for signature and public key",
    ItemPart.TARGET: "target bytes error",
    ItemPart.ANCHOR: "anchor bytes error - {}",
    ItemPart.TAG_BYTES: "tag bytes error - {}",
    ItemPart.TAGS: "invalid tag encoding",
}
