"""The command `lamina telemetry replay`."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json
from lamina.cli.telemetry.options import load_settings, local_url
from lamina.kernel.errors import LaminaError

if TYPE_CHECKING:
    from lamina.cli.progress import Progress
    from lamina.cli.telemetry.replay.lane import Lane, Tally

CONNECTIONS_MAX = 10_000


class NotAllTaken(LaminaError):
    """The receiver would not take every message."""

    code = "replay_incomplete"
    exit_code = 4


def replay(  # noqa: PLR0917 - typer reads options from parameters
    context: typer.Context,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="One JSON message a line; - is standard input, .gz is unpacked.",
        ),
    ],
    to: Annotated[
        str | None, typer.Option(metavar="URL", help="The receiver; that of this machine when absent.")
    ] = None,
    rate: Annotated[
        str | None, typer.Option(metavar="N/s", help="Messages per second, all connections together.")
    ] = None,
    connections: Annotated[
        int, typer.Option(min=1, max=CONNECTIONS_MAX, help="Sockets that the nodes are spread over.")
    ] = 1,
    as_binary: Annotated[
        bool, typer.Option("--binary/--text", help="Kind of frames; nodes send binary.")
    ] = True,
    audit: Annotated[
        bool, typer.Option("--audit", help="To /audit, whose messages are never purged.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The report as JSON.")] = False,
) -> None:  # fmt: skip
    """Send messages of files as nodes would, to any receiver, and say how many it read and how fast.

    A node's messages go on one connection, after its system.connected. After an interruption, nodes greet
    again, and what the receiver did not confirm is sent again. Exits 4 when a message was refused, 5 when the
    receiver does not answer for a minute.

    Example: lamina telemetry replay messages.jsonl --connections 10 --rate 500/s
    """
    import uvloop

    from lamina.cli.telemetry.replay.lane import Tally

    options, tally = options_of(context), Tally()
    _check(files)
    url = _url(context, to, audit=audit)
    per_second = _rate(rate)
    work = _replay(files, url, tally, connections=connections, rate=per_second, as_text=not as_binary)
    begin = time.monotonic()
    try:
        uvloop.run(work)
    except* LaminaError:
        _report(tally, time.monotonic() - begin, options, as_json=as_json)
        raise
    _report(tally, time.monotonic() - begin, options, as_json=as_json)
    if tally.refused:
        raise NotAllTaken(f"{tally.refused} messages were not taken: {tally.reason}")


def _check(files: Sequence[Path]) -> None:
    """Refuse what cannot be read before anything is sent."""
    from lamina.cli.telemetry.replay.lines import STDIN

    for path in files:
        if path != STDIN and (path.is_dir() or not os.access(path, os.R_OK)):
            raise typer.BadParameter(f"there is no file {path} that can be read", param_hint="FILE")


def _url(context: typer.Context, to: str | None, *, audit: bool) -> str:
    from lamina.sdk.telemetry.intake import intake_url

    try:
        return intake_url(local_url(load_settings(context)) if to is None else to, audit=audit)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--to") from None


def _rate(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        rate = float(text.removesuffix("/s"))
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise typer.BadParameter(f"not a rate such as 500/s: {text!r}", param_hint="--rate")
    return rate


async def _replay(
    files: Sequence[Path],
    url: str,
    tally: "Tally",
    *,
    connections: int,
    rate: float | None,
    as_text: bool,
) -> None:
    from lamina.cli.progress import Progress
    from lamina.cli.telemetry.replay.lane import Lane
    from lamina.cli.telemetry.replay.pacing import Pacer

    pacer = Pacer(rate)
    lanes = [Lane(url, tally, pacer, as_text=as_text) for _ in range(connections)]
    progress = Progress("replay", "messages", None)
    async with asyncio.TaskGroup() as group:
        for lane in lanes:
            group.create_task(lane.run())
        await _distribute(files, lanes, progress, tally)
        for lane in lanes:
            await lane.pieces.put(None)
    progress.finish(tally.sent)


async def _distribute(
    files: Sequence[Path], lanes: "Sequence[Lane]", progress: "Progress", tally: "Tally"
) -> None:
    from lamina.cli.telemetry.replay.lines import pieces
    from lamina.cli.telemetry.replay.placing import Line, Placing

    placing = Placing(len(lanes))
    async for piece in pieces(files):
        shares: dict[int, list[Line]] = {}
        for payload in piece:
            place, line = placing.place(payload)
            shares.setdefault(place, []).append(line)
        for place, lines in shares.items():
            await lanes[place].pieces.put(lines)
        progress.show(tally.sent)


def _report(tally: "Tally", took_s: float, options: GlobalOptions, *, as_json: bool) -> None:
    rate = tally.sent / max(took_s, 0.001)
    if as_json or options.json:
        print_json(
            {
                "sent": tally.sent,
                "bytes": tally.sent_bytes,
                "seconds": round(took_s, 3),
                "messages_per_second": round(rate, 1),
                "refused": tally.refused,
                "repeated": tally.repeated,
                "connections": tally.connections,
                "reconnects": tally.reconnects,
            }
        )
        return
    typer.echo(
        f"Sent {tally.sent} messages ({tally.sent_bytes} bytes) on {tally.connections} connections "
        f"in {took_s:.1f} s: {rate:.0f}/s"
    )
    if tally.reconnects:
        typer.echo(
            f"Connected again {tally.reconnects} times; {tally.repeated} messages were sent again and may be "
            "stored twice"
        )
