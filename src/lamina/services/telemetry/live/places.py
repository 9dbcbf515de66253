"""Where a host is, by a city database in MaxMind's format that the operator supplies (ADR 0014)."""

import ipaddress
from pathlib import Path
from typing import Any, cast

import maxminddb

from lamina.kernel.errors import ConfigurationError
from lamina.services.telemetry.live.node import Location

LANGUAGE = "en"


class Places:
    """A city database; its file is mapped, so a look takes microseconds and no memory of this process."""

    def __init__(self, path: Path) -> None:
        """Open the file. One that is replaced meanwhile is read after the next start.

        Raises:
            ConfigurationError: it is missing, or no database of places.
        """
        try:
            self._reader = cast("Any", maxminddb).open_database(path)  # its types are not complete
        except (OSError, maxminddb.InvalidDatabaseError) as fault:
            raise ConfigurationError(
                f"{path} cannot be read as a city database: {fault}",
                hint="Set telemetry.city_database to a .mmdb file such as GeoLite2-City, or to nothing",
            ) from None

    def find(self, host: str) -> Location | None:
        """Where a host is; None where that is not known, or it is no address.

        Args:
            host: any text; what nodes tell of themselves may stand here.
        """
        try:
            found = self._reader.get(ipaddress.ip_address(host))
        except (ValueError, maxminddb.InvalidDatabaseError):
            # No address, one of IPv6 in a database of IPv4, or damaged right there.
            return None
        return _location(found)

    def close(self) -> None:
        """Let the file go."""
        self._reader.close()


def _location(found: object) -> Location | None:
    """Of a city's record: `location.latitude`, `location.longitude`, `city.names.en`."""
    record = _members(found)
    place = _members(record.get("location"))
    latitude, longitude = place.get("latitude"), place.get("longitude")
    if not isinstance(latitude, float) or not isinstance(longitude, float):
        return None
    city = _members(_members(record.get("city")).get("names")).get(LANGUAGE)
    return latitude, longitude, city if isinstance(city, str) else ""


def _members(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
