"""`lamina scheduler su`, `router` and `serve`: a unit in the foreground (spec/scheduler.md 1)."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli import up
from lamina.cli.options import options_of
from lamina.cli.scheduler.options import ROUTER_NEEDS, UNIT_NEEDS, demand_needed, load_settings
from lamina.kernel.errors import LaminaError

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings

_PORT = re.compile(r"\d{1,5}", re.ASCII)
_Port = Annotated[str | None, typer.Argument(metavar="PORT", help="Where to listen, on every address.")]


class PortMissing(LaminaError):
    """A mode was given, and no port behind it."""

    code = "scheduler_port_missing"
    exit_code = 2

    def __init__(self) -> None:
        """Use the original's words."""
        super().__init__("Port argument not provided")

    def default_hint(self) -> str:
        """Show how it is given."""
        return "Run: lamina scheduler su 9000"


class PortInvalid(LaminaError):
    """The port is no number from 1 to 65535."""

    code = "scheduler_port_invalid"
    exit_code = 2

    def __init__(self) -> None:
        """Use the original's words."""
        super().__init__("Port number is not valid")

    def default_hint(self) -> str:
        """Name what is valid."""
        return "Give a number from 1 to 65535"


def su(context: typer.Context, port: _Port = None) -> None:
    """Run a scheduler unit until a signal stops it, with the arguments and needs of the original.

    SU_WALLET_PATH, DATABASE_URL, GATEWAY_URL and UPLOAD_NODE_URL must be set. Several units may share one
    database and one wallet.

    Example: lamina scheduler su 9000
    """
    # The original's unit reads the list's name too, and does nothing with it.
    settings = _load(context, {"scheduler.port": _number(port)}, "SCHEDULER_LIST_PATH")
    demand_needed(settings, UNIT_NEEDS)
    up.run(settings, ["scheduler"], options_of(context))


def router(context: typer.Context, port: _Port = None) -> None:
    """Run a router until a signal stops it: it sends each request to the unit that has the process.

    The variables of a unit must be set, and SCHEDULER_LIST_PATH.

    Example: SCHEDULER_LIST_PATH=schedulers.json lamina scheduler router 9000
    """
    settings = _load(context, {"scheduler.mode": "router", "scheduler.router_port": _number(port)})
    demand_needed(settings, ROUTER_NEEDS)
    up.run(settings, ["scheduler"], options_of(context))


def serve(context: typer.Context) -> None:
    """Run a scheduler unit alone with Lamina's own defaults: its own PostgreSQL, a wallet made if missing.

    Example: LAMINA_SCHEDULER__GATEWAY_URL=https://arweave.net lamina scheduler serve
    """
    up.run(load_settings(context), ["scheduler"], options_of(context))


def _number(port: str | None) -> int:
    if port is None:
        raise PortMissing
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise PortInvalid
    return int(port)


def _load(context: typer.Context, flags: Mapping[str, object], *without: str) -> "Settings":
    """The settings; the mode is the argument's, whatever the environment says."""
    everywhere = {"scheduler.host": "0.0.0.0"}  # noqa: S104
    return load_settings(context, {**everywhere, **flags}, without=("MODE", *without))
