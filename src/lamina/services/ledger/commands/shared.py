"""What operators do with the log that their federation shares: restore it, change its members."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lamina.kernel.errors import ConfigurationError, LaminaError
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PostgresSettings
from lamina.kernel.storage import migrate
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.services.ledger.model.block import read_voters
from lamina.services.ledger.model.membership import Change, Membership
from lamina.services.ledger.model.stored import Flaw
from lamina.services.ledger.pipeline.verify import Verifier
from lamina.services.ledger.rules import membership as rules
from lamina.services.ledger.settings import LedgerSettings
from lamina.services.ledger.store import evidence, log, membership, restoration, shared_log
from lamina.services.ledger.store.restoration import Restored
from lamina.services.ledger.store.shared_log import SharedLog

COMMAND_TIMEOUT_S = 3600.0


class CopyFlawed(LaminaError):
    """This node's own copy does not prove itself, so nothing is restored from it."""

    code = "ledger_copy_flawed"
    exit_code = 6

    def default_hint(self) -> str:
        """Another node's copy will do."""
        return "Run: lamina ledger verify   and republish from a node whose copy is valid"


class NothingCopied(LaminaError):
    """This node has not copied the first block of the log yet."""

    code = "ledger_nothing_copied"
    exit_code = 4

    def default_hint(self) -> str:
        """The running node copies it."""
        return "Start the node and wait: lamina status --wait 60"


@dataclass(frozen=True, slots=True)
class Members:
    """Who the members are: at the log's end, and what is decided for later."""

    position: int
    now: Sequence[str]
    changes: Sequence[Change]


@asynccontextmanager
async def opened_log(settings: Settings) -> AsyncGenerator[Database]:
    """The shared log's database, for one command.

    Raises:
        ConfigurationError: this node is not part of a federation.
        DatabaseUnavailable: it does not answer.
    """
    configured = settings.get(LedgerSettings).log_dsn
    if configured is None:
        raise ConfigurationError(
            "This node is on its own: ledger.log_dsn is not set",
            hint="Run: lamina config explain ledger.log_dsn",
        )
    options = PoolOptions(
        configured.get_secret_value(),
        connections_max=2,
        connect_timeout_s=settings.get(PostgresSettings).connect_timeout_s,
        statement_timeout_s=COMMAND_TIMEOUT_S,
        application="lamina ledger command",
    )
    database = await Database.connect(options)
    try:
        yield database
    finally:
        await database.close()


async def republish(shared: Database, own: Database, *, plan: bool) -> Restored:
    """Give the shared log back what this node's copy has of it, once the copy has proved itself.

    Raises:
        CopyFlawed: it does not.
        CommitUnknown, DatabaseUnavailable: as `restoration.restore`.
    """
    flaws: list[Flaw] = []
    await Verifier(own, frozenset(), found=flaws.append, advanced=lambda _: None).run()
    if flaws:
        raise CopyFlawed(f"{len(flaws)} flaws, the first: {flaws[0].text}")
    await migrate.migrate(shared, migrate.load(shared_log.NAME, shared_log.MIGRATIONS))
    return await restoration.restore(shared, own, plan=plan)


async def list_members(own: Database) -> Members:
    """The members as this node's copy knows them.

    Raises:
        NothingCopied: it knows nothing yet.
    """
    known, _ = await _known(own)
    head = await log.read_head(own)
    return Members(head.seq, sorted(known.at(head.seq + 1)), known.changes)


async def propose(own: Database, change: Change) -> bytes:
    """An unsigned change of the membership this node knows.

    Raises:
        NothingCopied: it knows none yet.
    """
    known, genesis = await _known(own)
    return rules.propose(change, known, genesis)


async def submit(shared: Database, own: Database, body: bytes) -> Change:
    """Record a signed change in the shared log, unless everybody would ignore it.

    Raises:
        ValidationError: a rule that it breaks.
        NothingCopied: this node cannot tell yet.
        CommitUnknown: it may be recorded; submitting it again is safe.
    """
    known, genesis = await _known(own)
    recorded = SharedLog(shared)
    head = await recorded.read_head()
    change = rules.open_change(body, known, genesis=genesis, recorded_seq=head.seq)
    await recorded.record_change(body)
    return change


async def next_position(own: Database, margin: int) -> int:
    """A position far enough ahead that no block on its way has it."""
    return (await log.read_head(own)).seq + margin


async def list_evidence(
    own: Database, *, limit: int
) -> list[tuple[str, datetime, dict[str, Any], dict[str, Any]]]:
    """The newest proofs that a node contradicted itself: its key, when it was found, its two votes."""
    return await evidence.page(own, limit=limit)


async def _known(own: Database) -> tuple[Membership, str]:
    first = await log.read(own, 0, 1)
    if not first:
        raise NothingCopied
    return Membership.of(read_voters(first[0].body), await membership.read(own)), first[0].block_id
