"""`lamina scheduler su`, `router` and `serve`: a unit in the foreground (spec/scheduler.md 1)."""

import re
from typing import Annotated

import typer

from lamina.cli import up
from lamina.cli.options import options_of
from lamina.cli.scheduler.options import demand_needed, load_settings
from lamina.kernel.errors import LaminaError

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
    _run_original(context, port, {})


def router(context: typer.Context, port: _Port = None) -> None:
    """Run a router until a signal stops it: it sends each request to the unit that has the process.

    Example: SCHEDULER_LIST_PATH=schedulers.json lamina scheduler router 9000
    """
    _run_original(context, port, {"scheduler.mode": "router"})


def serve(context: typer.Context) -> None:
    """Run a scheduler unit alone with Lamina's own defaults: its own PostgreSQL, a wallet made if missing.

    Example: LAMINA_SCHEDULER__GATEWAY_URL=https://arweave.net lamina scheduler serve
    """
    up.run(load_settings(context), ["scheduler"], options_of(context))


def _run_original(context: typer.Context, port: str | None, flags: dict[str, object]) -> None:
    if port is None:
        raise PortMissing
    if not _PORT.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise PortInvalid
    listening: dict[str, object] = {"scheduler.host": "0.0.0.0", "scheduler.port": int(port)}  # noqa: S104
    settings = load_settings(context, {**listening, **flags})
    demand_needed(settings)
    up.run(settings, ["scheduler"], options_of(context))
