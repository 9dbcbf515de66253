"""`lamina ledger verify`: proves the chain again from its own bytes."""

import time
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.ledger.options import load_settings
from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, printable, result_console
from lamina.cli.progress import Progress

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings
    from lamina.services.ledger.model.stored import Flaw
    from lamina.services.ledger.pipeline.verify import Verification

EXIT_FLAWED = 6
FLAWS_KEPT = 1000
FLAWS_SHOWN = 50


@dataclass(slots=True)
class _Report:
    """What the verification told, within bounds."""

    flaws: "list[Flaw]" = field(default_factory=list["Flaw"])
    progress: Progress | None = None

    def keep(self, flaw: "Flaw") -> None:
        if len(self.flaws) < FLAWS_KEPT:
            self.flaws.append(flaw)

    def advance(self, state: "Verification") -> None:
        if self.progress is None:
            self.progress = Progress("verify", "blocks", state.last_seq - state.first_seq + 1)
        self.progress.show(state.blocks)


def verify(
    context: typer.Context,
    first: Annotated[int, typer.Option("--from", min=1, help="Position of the first block to verify.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Recompute ids, signatures, links, spends, votes and elections of the whole chain; exits 6 on any flaw.

    The platform may run meanwhile. Blocks that are appended during the run are left for the next one.

    Example: lamina ledger verify --from 100000 --json
    """
    options = options_of(context)
    report = _Report()
    begin = time.monotonic()
    state, membership_from = _verify(load_settings(context), first, report)
    if report.progress is not None:
        report.progress.finish(state.blocks)
    document = _document(state, report, membership_from, time.monotonic() - begin)
    if as_json or options.json:
        print_json(document)
    else:
        _print(document, options)
    if state.flaws:
        raise typer.Exit(EXIT_FLAWED)


def _verify(settings: "Settings", first: int, report: _Report) -> "tuple[Verification, str]":
    from lamina.cli.database import DatabaseMissing, OpenDatabase, using_database
    from lamina.services.ledger.commands.identity import membership
    from lamina.services.ledger.pipeline.verify import Verifier
    from lamina.services.ledger.store import schema

    members = membership(settings)

    async def work(place: OpenDatabase) -> "Verification":
        if not await schema.exists(place.database):
            raise DatabaseMissing("There is no ledger in this database")
        verifier = Verifier(place.database, members, found=report.keep, advanced=report.advance)
        return await verifier.run(first)

    state = using_database(settings, work, command="ledger verify")
    return state, "settings" if members else "genesis block"


def _document(state: "Verification", report: _Report, membership_from: str, seconds: float) -> dict[str, Any]:
    return {
        "valid": not state.flaws,
        "from": state.first_seq,
        "to": state.last_seq,
        "blocks": state.blocks,
        "transactions": state.transactions,
        "votes": state.votes,
        "members": sorted(state.membership.at(state.last_seq + 1)),
        "members_from": membership_from,
        "seconds": round(seconds, 3),
        "flaw_count": state.flaws,
        "flaws": [asdict(flaw) for flaw in report.flaws],
    }


def _print(document: dict[str, Any], options: GlobalOptions) -> None:
    console = result_console(color=options.color)
    for flaw in document["flaws"][:FLAWS_SHOWN]:
        where = "" if flaw["seq"] is None else f"block {flaw['seq']} "
        line = f"{flaw['kind']:16} {where}{flaw['subject']}: {flaw['text']}"
        console.print(printable(line), markup=False)
    if document["flaw_count"] > FLAWS_SHOWN:
        console.print(
            f"… {document['flaw_count']} flaws in all; --json lists up to {FLAWS_KEPT}", markup=False
        )
    state = "valid" if document["valid"] else "invalid"
    console.print(
        f"{state}: blocks {document['from']} to {document['to']}, {document['transactions']} transactions, "
        f"{document['votes']} votes, {document['flaw_count']} flaws, {document['seconds']:.1f} s",
        style="bold",
        markup=False,
    )
    if document["members_from"] != "settings":
        console.print(
            "The membership was taken from the genesis block: no key is configured here.", markup=False
        )
