"""A trial platform's scheduler asks the stand-in gateway that runs beside it."""

from collections.abc import Sequence

from lamina.devnet.gateway.settings import address
from lamina.kernel.settings.layer import Origin
from lamina.kernel.settings.load import Settings
from lamina.services.scheduler.settings import SchedulerSettings

_ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - compared, not bound
_SETTING = ("scheduler", "gateway_url")


def with_stand_in(settings: Settings, services: Sequence[str]) -> Settings:
    """The settings with the stand-in's address, where it runs and nobody configured a gateway."""
    if not {"scheduler", "gateway"} <= set(services) or settings.origin(*_SETTING).kind != "default":
        return settings
    host, port = address(settings)
    shown = "127.0.0.1" if host in _ANY_ADDRESS else host
    url = f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    origin = Origin("default", "the stand-in gateway of this platform")
    return settings.changed(SchedulerSettings, {"gateway_url": url}, origin)
