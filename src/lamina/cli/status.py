"""`lamina status`: what runs, where, how healthy."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, result_console
from lamina.kernel.errors import DependencyUnreachable

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings

POLL_S = 0.2
REQUEST_TIMEOUT_S = 5.0
EXIT_NOT_READY = 5


class PlatformUnreachable(DependencyUnreachable):
    """No platform answers on the admin port."""

    code = "platform_unreachable"

    def default_hint(self) -> str:
        """Say how to start one."""
        return "Run: lamina up   (or give the --port-offset it was started with)"


def command(
    context: typer.Context,
    wait: Annotated[float, typer.Option(help="Seconds to wait until everything is ready.")] = 0.0,
) -> None:
    """Show what runs; exits 0 only when everything is ready.

    Example: lamina status --wait 60
    """
    options = options_of(context)
    document = running_platform(options, wait)
    if options.json:
        print_json(document)
    else:
        _print(document, options)
    if not document["ready"]:
        raise typer.Exit(EXIT_NOT_READY)


def running_platform(options: GlobalOptions, wait_s: float = 0.0) -> dict[str, Any]:
    """The status document of the platform that runs; ready, or what it was when the wait was over.

    Raises:
        PlatformUnreachable: nothing answered in that time.
    """
    return _ask_until_ready(admin_url(options), wait_s)


def admin_url(options: GlobalOptions) -> str:
    """Where the running platform's admin listener should be."""
    return admin_address(options.settings())


def admin_address(settings: "Settings") -> str:
    """The same for settings that are loaded."""
    from lamina.kernel.settings.platform import AdminSettings, shifted

    admin = settings.get(AdminSettings)
    port = shifted(admin.port, settings, origin=settings.origin("admin", "port"))
    return f"http://{admin.host}:{port}"


def _ask_until_ready(url: str, wait_s: float) -> dict[str, Any]:
    import httpx

    deadline = time.monotonic() + wait_s
    while True:
        try:
            answer = httpx.get(f"{url}/status", timeout=REQUEST_TIMEOUT_S, trust_env=False)
            document: dict[str, Any] = answer.json()
        except (httpx.TransportError, ValueError) as failure:
            if time.monotonic() >= deadline:
                raise PlatformUnreachable(f"No platform answers at {url}") from failure
        else:
            if document.get("ready") or time.monotonic() >= deadline:
                return document
        time.sleep(POLL_S)


def _print(document: dict[str, Any], options: GlobalOptions) -> None:
    from rich.table import Table

    console = result_console(color=options.color)
    state = "ready" if document["ready"] else "not ready"
    console.print(f"Lamina {document['version']}: {state}, up {document['uptime_s']:.0f} s", markup=False)
    console.print(f"  data      {document['data_dir']}  (PostgreSQL: {document['database']})", markup=False)
    for name, url in document["addresses"].items():
        console.print(f"  {name:14} {url}", markup=False)
    table = Table("process", "pid", "state", "restarts", box=None, pad_edge=False)
    for process in document["processes"]:
        state = "ready" if process["ready"] else "; ".join(process["reasons"])
        table.add_row(process["name"], str(process["pid"]), state, str(process["restarts"]))
    console.print(table)
