"""Builds the ledger; nothing else builds its objects.

The way of a transaction: `api.transactions` -> `rules.form` -> `pipeline.accept` (`rules.spend`) ->
`store.backlog` -> `pipeline.block` -> `store.log`, `store.votes`, `store.decisions` -> `feeds`.
The way out: `api.<resource>` -> `store.<table>` -> `render`.
"""

from collections.abc import Mapping

from lamina.formats import canonical_json
from lamina.formats.signatures import KeyPair
from lamina.kernel.contracts import (
    ASGIApp,
    Check,
    Endpoint,
    Listener,
    Part,
    ProcessSpec,
    Reporter,
    ServicePlan,
    Task,
)
from lamina.kernel.observability.statsd import Statsd
from lamina.kernel.process import Kernel
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import HttpSettings, PlatformSettings
from lamina.kernel.storage.wakeup import Wakeups
from lamina.kernel.web.openapi_routes import add_documentation
from lamina.kernel.web.respond import Reply
from lamina.kernel.web.routing import Router
from lamina.services.ledger import render
from lamina.services.ledger.api import openapi
from lamina.services.ledger.api.assets import SearchAssets
from lamina.services.ledger.api.blocks import GetBlock, ListBlocks
from lamina.services.ledger.api.failure import render_error
from lamina.services.ledger.api.outputs import ListOutputs
from lamina.services.ledger.api.rejected import ListRejected
from lamina.services.ledger.api.root import GetRoot, get_api_v1
from lamina.services.ledger.api.statuses import GetStatus
from lamina.services.ledger.api.transactions import GetTransaction, ListTransactions, PostTransaction
from lamina.services.ledger.api.votes import ListVotes
from lamina.services.ledger.commands.proof import verify
from lamina.services.ledger.errors import FederationWithoutLog
from lamina.services.ledger.feeds import ValidTransactions
from lamina.services.ledger.node import KEY_FILE, load_node
from lamina.services.ledger.pipeline import gauges, retention
from lamina.services.ledger.pipeline.accept import Intake, LocalAcceptance
from lamina.services.ledger.pipeline.block import BlockBuilder
from lamina.services.ledger.pipeline.federation import FederationMember
from lamina.services.ledger.pipeline.genesis import ensure_genesis
from lamina.services.ledger.reports import LedgerReporter
from lamina.services.ledger.settings import LedgerSettings, http_address, stream_address, stream_url
from lamina.services.ledger.store import backlog, decisions
from lamina.services.ledger.store.position import position
from lamina.services.ledger.store.rejected import Rejections
from lamina.services.ledger.store.schema import MIGRATIONS, NAME

__all__ = [
    "KEY_FILES", "MIGRATIONS", "NAME", "admin", "build", "plan", "position", "prepare", "reporter", "verify",
]  # fmt: skip

KEY_FILES = (KEY_FILE,)

HTTP = "ledger.http"
STREAM = "ledger.stream"
STREAM_PATH = "/api/v1/streams/valid_transactions"

_NOT_FOUND = Reply(404, render.failure("Not found", 404))
_METHOD_NOT_ALLOWED = Reply(405, render.bare_failure("The method is not allowed for the requested URL."))


def plan(settings: Settings) -> ServicePlan:
    """Two listeners shared by the web workers, and one process that builds blocks."""
    ledger = settings.get(LedgerSettings)
    workers = ledger.workers or settings.get(PlatformSettings).worker_count
    return ServicePlan(
        name=NAME,
        listeners=(
            Listener(HTTP, *http_address(settings)),
            Listener(STREAM, *stream_address(settings), path=STREAM_PATH),
        ),
        processes=(ProcessSpec("web", workers, (HTTP, STREAM)), ProcessSpec("pipeline", 1)),
    )


async def prepare(kernel: Kernel) -> None:
    """Check what must hold before any process starts, and begin the chain if nobody has.

    Raises:
        FederationWithoutLog: the keyring names other nodes, and there is no log to share with them.
        FormatError: this build would hash other bytes than the ledger's.
        ForeignChain, KeypairNotFoundException: see there.
    """
    canonical_json.self_test()
    node, ledger = load_node(kernel.settings), kernel.settings.get(LedgerSettings)
    if ledger.log_dsn is not None:
        await (await FederationMember.open(kernel, node)).prepare()
    elif ledger.keyring:
        raise FederationWithoutLog
    else:
        await ensure_genesis(kernel.database, node, kernel.clock)


async def build(kernel: Kernel, role: str) -> Part:
    """The objects of one process."""
    node, ledger = load_node(kernel.settings), kernel.settings.get(LedgerSettings)
    statsd = Statsd(ledger.graphite_host)
    kernel.resources.callback(statsd.close)
    member = None
    if ledger.log_dsn is not None:
        member = await FederationMember.open(kernel, node)
        await member.load_roster()
    if role == "web":
        return _web(kernel, node, member, statsd)
    if member is not None:
        return _federation(kernel, member, statsd)
    return _solo(kernel, node, statsd)


def _solo(kernel: Kernel, node: KeyPair, statsd: Statsd) -> Part:
    """The process of a node on its own that builds blocks and decides them."""
    ledger, rejections = kernel.settings.get(LedgerSettings), Rejections(kernel.database)
    wakeups = Wakeups(kernel.database, (backlog.CHANNEL,))
    builder = BlockBuilder(kernel.database, wakeups, node, ledger, clock=kernel.clock, statsd=statsd)
    return Part(
        tasks=(
            Task("ledger.wakeups", wakeups.run),
            Task("ledger.blocks", builder.run),
            Task(
                "ledger.gauges", lambda: gauges.run(lambda: backlog.count(kernel.database), rejections.count)
            ),
            Task("ledger.retention", lambda: retention.run(rejections, ledger)),
        ),
        checks=(Check("database", kernel.database.check),),
    )


def _federation(kernel: Kernel, member: FederationMember, statsd: Statsd) -> Part:
    """The process of a federation's node that builds, follows, votes and counts."""
    ledger, rounds = kernel.settings.get(LedgerSettings), member.rounds(statsd)
    return Part(
        tasks=(
            *rounds.tasks,
            Task("ledger.gauges", lambda: gauges.run(member.log.count_waiting, member.rejections.count)),
            Task("ledger.retention", lambda: retention.run(member.rejections, ledger)),
        ),
        checks=(
            Check("database", kernel.database.check),
            member.check_log(),
            Check("integrity", rounds.alarm.check),
        ),
    )


def _web(kernel: Kernel, node: KeyPair, member: FederationMember | None, statsd: Statsd) -> Part:
    http, ledger = kernel.settings.get(HttpSettings), kernel.settings.get(LedgerSettings)
    wakeups = Wakeups(kernel.database, (decisions.CHANNEL,))
    acceptor = (
        LocalAcceptance(kernel.database, node, strict_owners=ledger.strict_owners)
        if member is None
        else member.acceptance()
    )
    intake = Intake(acceptor, ledger, statsd)
    one = GetTransaction(kernel.database, ledger)
    feed = ValidTransactions(kernel.database, wakeups, ledger, queue_events_max=http.ws_queue_events_max)
    router = Router(not_found=_NOT_FOUND, method_not_allowed=_METHOD_NOT_ALLOWED)
    streams = stream_url(kernel.settings)
    keyring = (lambda: ledger.keyring) if member is None else member.keyring
    router.add("/", {"GET": GetRoot(node.public, keyring, streams)})
    router.add("/api/v1", {"GET": get_api_v1(streams)})
    router.add(
        "/api/v1/transactions",
        {"GET": ListTransactions(kernel.database, ledger), "POST": PostTransaction(intake, ledger)},
    )
    router.add("/api/v1/transactions/{id}", {"GET": one})
    router.add("/api/v1/outputs", {"GET": ListOutputs(kernel.database, ledger)})
    shared = None if member is None else member.log.find_status
    router.add("/api/v1/statuses", {"GET": GetStatus(kernel.database, ledger, shared)})
    router.add("/api/v1/assets", {"GET": SearchAssets(kernel.database, ledger)})
    router.add("/api/v1/blocks", {"GET": ListBlocks(kernel.database, ledger)})
    router.add("/api/v1/blocks/{id}", {"GET": GetBlock(kernel.database)})
    router.add("/api/v1/votes", {"GET": ListVotes(kernel.database, ledger)})
    add_documentation(router, openapi.document(ledger, streams))
    return Part(
        endpoints=(Endpoint(HTTP, router, render_error), Endpoint(STREAM, _stream(feed), render_error)),
        tasks=(
            Task("ledger.wakeups", wakeups.run),
            Task("ledger.accept", intake.run),
            Task("ledger.read", one.run),
            Task("ledger.stream", feed.run),
            *(() if member is None else (Task("ledger.roster", member.keep_roster),)),
        ),
        checks=(Check("database", kernel.database.check), *(() if member is None else (member.check_log(),))),
    )


async def admin(kernel: Kernel) -> Mapping[str, ASGIApp]:
    """What operators may ask: the recorded ends of transactions that were accepted and then refused."""
    if kernel.settings.get(LedgerSettings).log_dsn is None:
        return {"rejected": ListRejected(Rejections(kernel.database))}
    member = await FederationMember.open(kernel, load_node(kernel.settings))
    return {"rejected": ListRejected(member.rejections)}


async def reporter(kernel: Kernel) -> Reporter:
    """Blocks, votes, decisions and the backlog."""
    return LedgerReporter(kernel.database, load_node(kernel.settings).public)


def _stream(feed: ValidTransactions) -> ASGIApp:
    """The event stream's own listener knows one path."""
    router = Router(not_found=_NOT_FOUND, method_not_allowed=_METHOD_NOT_ALLOWED)
    router.add_websocket(STREAM_PATH, feed.serve)
    return router
