"""`lamina telemetry tail`: what nodes say, as it is stored."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import options_of
from lamina.cli.output import printable
from lamina.cli.prompts import say
from lamina.cli.status import PlatformUnreachable
from lamina.cli.telemetry.options import load_settings, local_url

if TYPE_CHECKING:
    from lamina.cli.telemetry.following import Follower
    from lamina.sdk.telemetry import Log

POLL_S = 1.0
LIMIT_MAX = 100_000


def tail(  # noqa: PLR0917 - typer reads options from parameters
    context: typer.Context,
    peer: Annotated[str | None, typer.Option(metavar="ID", help="Only this peer.")] = None,
    msg: Annotated[str | None, typer.Option(metavar="TYPE", help="Only this type, as block.import.")] = None,
    limit: Annotated[int, typer.Option(min=0, max=LIMIT_MAX, help="How many to begin with.")] = 20,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON lines.")] = False,
) -> None:
    """Show the newest stored messages of all peers or of one, the newest last.

    Asks the HTTP API of the receiver on this machine. Messages of connections that never said who they are
    belong to no peer, and are not shown.

    Example: lamina telemetry tail --msg block.import --follow
    """
    options = options_of(context)
    url = local_url(load_settings(context))
    asyncio.run(_tail(url, (peer, msg), limit, follow=follow, as_json=as_json or options.json))


async def _tail(
    url: str, wanted: tuple[str | None, str | None], limit: int, *, follow: bool, as_json: bool
) -> None:
    import httpx

    from lamina.cli.telemetry.following import Follower
    from lamina.sdk.telemetry import AsyncTelemetryClient

    async with AsyncTelemetryClient(url) as client:
        follower = Follower(client, *wanted)
        try:
            _show(await follower.newest(limit), follower, as_json=as_json)
        except httpx.TransportError as failure:
            raise PlatformUnreachable(
                f"No telemetry answers at {url}", hint="Run: lamina up   (or lamina telemetry serve)"
            ) from failure
        is_away = False
        while follow:
            await asyncio.sleep(POLL_S)
            try:
                _show(await follower.fresh(), follower, as_json=as_json)
                is_away = False
            except httpx.TransportError:
                if not is_away:
                    say(f"warning: no telemetry answers at {url}; trying again")
                is_away = True


def _show(rows: "list[Log]", follower: "Follower", *, as_json: bool) -> None:
    for row in rows:
        text = json.dumps(row, ensure_ascii=False) if as_json else _line(row, follower.names)
        sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _line(row: "Log", names: dict[str, str]) -> str:
    who = row["peer_id"]
    named = f"{names[who]} ({who[:6]}…{who[-6:]})" if names.get(who) else who
    rest = {name: value for name, value in row["logs"].items() if name not in {"ts", "msg", "level"}}
    said = json.dumps(rest, ensure_ascii=False)
    return printable(f"{row['created_at']}  {named}  {row['msg'] or '-'}  {said}")
