"""`lamina scheduler import`: takes over the database of the original scheduler."""

import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lamina.cli.backup.stages import Stages
from lamina.cli.options import GlobalOptions, options_of
from lamina.cli.output import print_json, printable, result_console
from lamina.cli.prompts import say
from lamina.kernel.errors import ConfigurationError

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings
    from lamina.services.scheduler.takeover.takeover import Report

EXIT_REFUSED = 6
FLAWS_SHOWN = 5
SOURCE_VARIABLE = "SU_IMPORT_DATABASE_URL"
SOURCE_TIMEOUT_S = 3600.0
_SENTENCES = {
    "copied": "Copying what is not here yet",
    "verified": "Verifying chains, signatures and bundles of what was copied",
}


def import_(
    context: typer.Context,
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="DSN",
            help=f"The original's database, postgresql://…; {SOURCE_VARIABLE} when absent, which keeps the "
            "password out of the list of processes.",
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON.")] = False,
) -> None:
    """Take over the PostgreSQL database of an original scheduler: every process, message and bundle, proven.

    The source is only read, as it is at one moment, and may be in use. Run it again to go on after an
    interruption, or to add what is new. A process in which something is wrong is not taken over, and listed;
    the exit code is 6 then.

    Example: SU_IMPORT_DATABASE_URL=postgresql://reader:secret@db/su lamina scheduler import
    """
    options = options_of(context)
    dsn = _source(source)
    settings = options.settings(legacy_service="scheduler")
    address = _own_address(settings)
    begin = time.monotonic()
    report = _import(settings, dsn)
    document = _document(report, time.monotonic() - begin)
    if as_json or options.json:
        print_json(document)
    else:
        _print(document, options)
    _compare_wallets(report, address)
    if report.refused or report.routes.count:
        raise typer.Exit(EXIT_REFUSED)


def _source(given: str | None) -> str:
    """The source's DSN, which no log shows and no child process inherits."""
    from lamina.kernel.observability.redaction import register_secret
    from lamina.kernel.settings import dsn

    in_environment = os.environ.pop(SOURCE_VARIABLE, None)
    text = given or in_environment
    if not text:
        raise ConfigurationError(
            "No source is named", hint=f"Set {SOURCE_VARIABLE}=postgresql://user:password@host/su"
        )
    register_secret(text)
    try:
        dsn.check(dsn.Dsn(text))
    except ValueError as fault:
        raise ConfigurationError(
            f"The source {fault}", hint="Write it as the original's DATABASE_URL"
        ) from None
    password = dsn.without_password(text)[1]
    if password:
        register_secret(password)
        if given:
            say(f"warning: other accounts see the password in the list of processes; set {SOURCE_VARIABLE}")
    return text


def _import(settings: "Settings", dsn: str) -> "Report":
    from lamina.app import registry
    from lamina.cli.database import OpenDatabase, using_database
    from lamina.kernel.storage import migrate
    from lamina.kernel.storage.database import Database, PoolOptions
    from lamina.services.scheduler.settings import SchedulerSettings
    from lamina.services.scheduler.takeover.takeover import Takeover

    steps = _Steps()
    service = registry.load("scheduler")
    options = PoolOptions(
        dsn, connections_max=1, statement_timeout_s=SOURCE_TIMEOUT_S, application="lamina scheduler import"
    )

    async def work(place: OpenDatabase) -> "Report":
        await migrate.migrate(place.database, migrate.load(service.NAME, service.MIGRATIONS))
        source = await Database.connect(options)
        try:
            keeps_said = settings.get(SchedulerSettings).deep_hash_checks
            return await Takeover(place.database, steps.advanced, keeps_said=keeps_said).run(source)
        finally:
            await source.close()

    try:
        return using_database(settings, work, command="scheduler import", create=True)
    finally:
        steps.stages.finish()


class _Steps:
    """Says how far each step is."""

    def __init__(self) -> None:
        self.stages = Stages()
        self._step = ""

    def advanced(self, step: str, done: int, total: int) -> None:
        if step != self._step:
            self._step = step
            self.stages.begin(step, _SENTENCES[step])
        self.stages.advance("messages", done, total)


def _own_address(settings: "Settings") -> str | None:
    """Of this unit's wallet; None while there is none.

    Raises:
        ConfigurationError, SecretFileError: it cannot be used.
    """
    from lamina.services.scheduler.sequencer.wallet import load_wallet, wallet_path

    return load_wallet(settings).address if wallet_path(settings).exists() else None


def _compare_wallets(report: "Report", address: str | None) -> None:
    """Readers know a scheduler by its wallet: it should stay the same."""
    others = [each for each in report.signers if each != address]
    if others:
        here = "has no wallet yet" if address is None else f"has the wallet {address}"
        say(
            f"warning: assignments are signed by {', '.join(others)}, and this unit {here}. "
            "Set SU_WALLET_PATH to the original's wallet before it takes writes"
        )


def _document(report: "Report", seconds: float) -> dict[str, Any]:
    return {
        "source": asdict(report.source),
        "verified_messages": report.verified,
        "opened_processes": report.opened,
        "refused_processes": report.refused,
        "refused": [asdict(refusal) for refusal in report.refusals],
        "refused_routes": report.routes.count,
        "routes": report.routes.first,
        "signers": list(report.signers),
        "seconds": round(seconds, 3),
    }


def _print(document: dict[str, Any], options: GlobalOptions) -> None:
    console = result_console(color=options.color)
    for refusal in document["refused"]:
        verified = refusal["verified"]
        here = "nothing of it is here" if verified is None else f"{verified} messages are here"
        console.print(
            printable(f"refused: process {refusal['process_id']}: {refusal['flaw_count']} flaws, {here}"),
            markup=False,
        )
        for flaw in refusal["flaws"][:FLAWS_SHOWN]:
            console.print(printable(f"  {flaw}"), markup=False)
    if document["refused_processes"] > len(document["refused"]):
        console.print(f"… {document['refused_processes']} processes were refused in all", markup=False)
    for flaw in document["routes"]:
        console.print(printable(f"refused: {flaw}"), markup=False)
    source = document["source"]
    console.print(
        f"{document['opened_processes']} processes opened with {document['verified_messages']} messages "
        f"verified, {document['refused_processes']} processes refused; the source has {source['processes']} "
        f"processes and {source['messages']} messages, {document['seconds']:.1f} s",
        style="bold",
        markup=False,
    )
