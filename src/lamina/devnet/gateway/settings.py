"""Settings of the stand-in gateway."""

from typing import ClassVar

from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import shifted
from lamina.kernel.settings.schema import Count, Port, Seconds, Section, setting


class GatewaySettings(Section):
    """A stand-in for an Arweave gateway and a bundler; for trials only."""

    section: ClassVar[str] = "gateway"

    host: str = setting("127.0.0.1", doc="Address of the stand-in; keep it off public networks.")
    port: Port = setting(1984, doc="Port of the stand-in.")
    block_s: Seconds = setting(120.0, unit="s", doc="Time between two blocks of the pretended network.")
    items_max: Count = setting(10_000, unit="items", doc="Uploaded items that are remembered.")
    item_bytes_max: Count = setting(12_582_912, unit="bytes", doc="Largest item that is taken.")


SETTINGS = GatewaySettings
"""Found by this name when settings are loaded."""


def address(settings: Settings) -> tuple[str, int]:
    """Where the stand-in listens, the platform's port offset included."""
    gateway = settings.get(GatewaySettings)
    return gateway.host, shifted(gateway.port, settings, origin=settings.origin("gateway", "port"))
