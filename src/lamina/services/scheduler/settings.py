"""Settings of the scheduler, with the names the original gave them (spec/scheduler.md 2)."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pydantic

from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PlatformSettings, shifted
from lamina.kernel.settings.schema import Count, Elsewhere, Port, Seconds, Section, setting
from lamina.services.scheduler.environment import exact_truth

Amount = Annotated[int, pydantic.Field(ge=0)]
ExcludeCount = Annotated[int, pydantic.Field(ge=1, le=9_000)]
"""Each is a tag of the assignment, which could not be read with more than 10,000."""
Duration = Annotated[float, pydantic.Field(ge=0, allow_inf_nan=False)]


def _checked_url(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("should be a URL such as https://example.org/list.json")
    return url


def _refused(value: pydantic.SecretStr) -> pydantic.SecretStr:
    """A unit of ours keeps all processes in one database; one that ignored this would read another's."""
    if value.get_secret_value():
        raise ValueError("is not supported: a database for each group of processes needs a unit for each")
    return value


Url = Annotated[str, pydantic.AfterValidator(_checked_url)]
Unsupported = Annotated[pydantic.SecretStr, pydantic.AfterValidator(_refused)]


class SchedulerSettings(Section):
    """One scheduler unit."""

    section: ClassVar[str] = "scheduler"
    legacy_separator: ClassVar[str] = ","
    legacy_elsewhere: ClassVar[tuple[Elsewhere, ...]] = (
        Elsewhere("postgres.dsn", ("DATABASE_URL",)),
        Elsewhere("postgres.read_dsn", ("DATABASE_READ_URL",)),
        Elsewhere("postgres.pool_connections_max", ("DB_WRITE_CONNECTIONS",)),
        Elsewhere("postgres.read_only", ("SU_READ_ONLY",)),
        # The original's switches; Lamina's own, which begin with SU_, are read like any truth value.
        Elsewhere("scheduler.process_assignment", ("ENABLE_PROCESS_ASSIGNMENT",), exact_truth),
        Elsewhere("scheduler.deep_hash_checks", ("ENABLE_DEEP_HASH_CHECKS",), exact_truth),
        Elsewhere("scheduler.metrics", ("ENABLE_METRICS",), exact_truth),
        Elsewhere("scheduler.message_size_checked", ("ENABLE_MESSAGE_MAX_SIZE",), exact_truth),
        Elsewhere("scheduler.router_checked", ("ENABLE_ROUTER_CHECK",), exact_truth),
        Elsewhere("scheduler.use_disk", ("USE_DISK",), exact_truth),
        Elsewhere("scheduler.use_local_store", ("USE_LOCAL_STORE",), exact_truth),
    )

    host: str = setting("0.0.0.0", doc="Address of the API.")  # noqa: S104
    port: Port = setting(9000, doc="Port of the API.")
    workers: Count = setting(
        1,
        unit="processes",
        doc="Units of this platform; several are safe, one signs with every core and conflicts with nobody.",
    )
    wallet_path: Path | None = setting(
        None,
        doc="JWK file of the RSA-4096 wallet; <data-dir>/scheduler.wallet.json, made if missing, by default.",
        legacy=("SU_WALLET_PATH",),
    )
    gateway_url: str = setting(
        "",
        doc="Arweave gateways between commas, asked in order; the platform's own stand-in where it runs one "
        "and this is not set; without any nothing is scheduled.",
        legacy=("GATEWAY_URL",),
    )
    graphql_url: Url = setting(
        "", doc="Where /graphql is asked; the gateways when not set.", legacy=("GRAPHQL_URL",)
    )
    arweave_url: Url = setting(
        "",
        doc="Where /info, /tx/<id>/status and /raw/<id> are asked; the gateways when not set.",
        legacy=("ARWEAVE_URL",),
    )
    data_urls: tuple[Url, ...] = setting(
        (),
        doc="Where is looked, in this order, whether an id is known; the gateways when not set.",
        legacy=("ARWEAVE_URL_LIST",),
    )
    cache_url: Url = setting(
        "", doc="Gets every upload too, tried once; nobody when not set.", legacy=("CACHE_URL",)
    )
    upload_url: str | None = setting(
        None,
        doc="Bundler that takes POST <url>/tx/arweave; the first gateway when not set.",
        legacy=("UPLOAD_NODE_URL",),
    )
    gateway_timeout_s: Seconds = setting(10.0, unit="s", doc="Longest that one request to a peer may take.")
    gateway_interval_s: Seconds = setting(5.0, unit="s", doc="Time between looks at the network's height.")
    gateway_body_bytes_max: Count = setting(
        10_485_760, unit="bytes", doc="Largest answer that is taken from a peer."
    )
    signers: Count | None = setting(
        None, unit="processes", doc="Processes that sign; one for each CPU when not set."
    )
    verify: bool = setting(
        True, doc="Whether signatures of posted items are checked; off only to replay old data.",
        legacy=("SU_VERIFY",),
    )  # fmt: skip
    strict_ans104: bool = setting(
        False, doc="Refuse items beyond ANS-104's limits of tags.", legacy=("SU_STRICT_ANS104",)
    )
    process_assignment: bool = setting(False, doc="Whether a spawn gets an assignment with nonce 0.")
    deep_hash_checks: bool = setting(False, doc="Refuse messages that were pushed before.")
    deep_hash_version: str = setting(
        "1.0",
        doc="Processes whose hashes were made under another name have them made again in the background.",
        legacy=("CURRENT_DEEPHASH_VERSION",),
    )
    deep_hash_rows: Count = setting(
        400, unit="messages", doc="Messages hashed at a time then.", legacy=("DEEPHASH_RECALC_LIMIT",)
    )
    upload: Literal["bundle", "separate"] = setting(
        "bundle",
        doc="Whether the signed bundle is uploaded, or item and assignment each by itself.",
        legacy=("SU_UPLOAD",),
    )
    read_only: bool = setting(False, doc="Refuse every POST.", legacy=("SU_READ_ONLY",))
    metrics: bool = setting(False, doc="Whether GET /metrics answers.")
    warmup_s: Duration = setting(
        0.0,
        unit="s",
        doc="How long after its start a unit answers every POST with 503.",
        legacy=("WARMUP_DELAY",),
    )
    router_checked: bool = setting(
        False, doc="Whether the router is asked before a spawn where the process lives."
    )
    router_url: Url = setting(
        "https://su-router.ao-testnet.xyz", doc="The router that is asked.", legacy=("ROUTER_URL",)
    )
    assignment: str = setting(
        "", doc="This unit's number, N of https://su<N>. in the router's answers.", legacy=("ASSIGNMENT",)
    )
    ip_whitelist_url: Url = setting(
        "",
        doc="JSON array of the addresses that may POST; everybody may when not set.",
        legacy=("IP_WHITELIST_URL",),
    )
    ip_whitelist_interval_s: Seconds = setting(30.0, unit="s", doc="Time between readings of it.")
    process_whitelist_url: Url = setting(
        "",
        doc="JSON document of which unit has which processes; with it no process is spawned.",
        legacy=("PROCESS_WHITELIST_URL",),
    )
    process_whitelist_interval_s: Seconds = setting(10.0, unit="s", doc="Time between readings of it.")
    own_url: Url = setting("", doc="How that document names this unit.", legacy=("URL",))
    multi_tenant_dsn: Unsupported | None = setting(
        None,
        secret=True,
        doc="Must not be set: all processes of a unit are in one database.",
        legacy=("MULTI_TENANT_BASE_CONN",),
    )
    multi_tenant_read_dsn: Unsupported | None = setting(
        None,
        secret=True,
        doc="Must not be set, as multi_tenant_dsn.",
        legacy=("MULTI_TENANT_BASE_READ_CONN",),
    )
    multi_tenant_dir: Unsupported | None = setting(
        None,
        secret=True,
        doc="Must not be set, as multi_tenant_dsn.",
        legacy=("MULTI_TENANT_BASE_DATA_DIR",),
    )
    read_connections_max: Count = setting(
        10,
        unit="connections",
        doc="Most connections one unit opens to postgres.read_dsn.",
        legacy=("DB_READ_CONNECTIONS",),
    )
    processes_remembered: Count = setting(
        20_000,
        unit="processes",
        doc="Processes whose last assignment a unit remembers.",
        legacy=("PROCESS_CACHE_SIZE",),
    )
    body_bytes_max: Count = setting(10_485_760, unit="bytes", doc="Largest body of POST /.")
    query_bytes_max: Count = setting(8192, unit="bytes", doc="Longest query string.")
    exclude_values_max: ExcludeCount = setting(
        1000, unit="values", doc="Most values of `exclude`, each a tag of the assignment; at most 9000."
    )
    default_limit: Count = setting(
        5000, unit="messages", doc="Messages of a list that asks for no number.", legacy=("SU_DEFAULT_LIMIT",)
    )
    read_bytes_max: Count = setting(
        1_073_741_824,
        unit="bytes",
        doc="Most bytes of stored messages that one list may have.",
        legacy=("MAX_READ_MEMORY",),
    )
    page_rows: Count = setting(500, unit="rows", doc="Messages read at a time while a list is streamed.")
    message_size_checked: bool = setting(
        False, doc="Whether messages larger than message_bytes_max are refused."
    )
    message_bytes_max: Count = setting(
        102_400,
        unit="bytes",
        doc="Largest message, where that is checked.",
        legacy=("MAX_MESSAGE_SIZE_BYTES",),
    )
    size_exempt_owners: tuple[str, ...] = setting(
        (), doc="Owners whose messages may be larger.", legacy=("MAX_SIZE_OWNER_WHITELIST",)
    )
    size_exempt_from: tuple[str, ...] = setting(
        (), doc="Processes whose messages may be larger.", legacy=("MAX_SIZE_FROM_WHITELIST",)
    )
    size_exempt_from_owners: tuple[str, ...] = setting(
        (), doc="Owners who may push such messages.", legacy=("MAX_SIZE_FROM_OWNER_WHITELIST",)
    )
    use_disk: bool = setting(False, doc="Whether messages are kept in the disk store too, and read there.")
    disk_dir: Path | None = setting(
        None,
        doc="Directory of the disk store; <data-dir>/scheduler-disk when not set.",
        legacy=("SU_DATA_DIR",),
    )
    disk_interval_s: Seconds = setting(
        5.0, unit="s", doc="Time between tries to open the disk store, and looks at what other units wrote."
    )
    migration_batch_size: Count = setting(
        1000, unit="messages", doc="Messages that a migration reads at a time.",
        legacy=("MIGRATION_BATCH_SIZE",),
    )  # fmt: skip
    use_local_store: bool = setting(
        False, doc="Accepted for the original's sake: PostgreSQL serves this mode, and a log line says so."
    )
    queue_max: Count = setting(
        10_000, unit="messages", doc="Messages that may wait in one unit; the next one is answered 503."
    )
    patience_s: Seconds = setting(
        30.0, unit="s", doc="How long a message may wait for its assignment before it is answered 503."
    )
    batch_max: Count = setting(256, unit="messages", doc="Most assignments that share one commit.")
    commit_delay_s: Seconds = setting(
        0.05,
        unit="s",
        doc="How long a commit waits for more assignments while more than two messages for each signer wait.",
    )
    clock_lag_s: Seconds = setting(
        60.0, unit="s", doc="A clock further behind a process's last timestamp refuses to write."
    )
    upload_concurrency: Count = setting(8, unit="uploads", doc="Uploads under way at once.")
    mode: str = setting(
        "su",
        doc="router: only a router runs, which sends clients to units; anything else: a unit.",
        legacy=("MODE",),
    )
    router_port: Port = setting(9001, doc="Port of the router.")
    schedulers_path: str = setting(
        "",
        doc="The scheduler list, a JSON file; a router runs beside the unit where one is named.",
        legacy=("SCHEDULER_LIST_PATH",),
    )
    schedulers_interval_s: Seconds = setting(5.0, unit="s", doc="Time between looks at the scheduler list.")
    schedulers_bytes_max: Count = setting(1_048_576, unit="bytes", doc="Largest scheduler list.")
    router_post: Literal["redirect", "proxy"] = setting(
        "redirect",
        doc="Whether the router answers POST with the unit's address, or forwards it and relays the answer.",
        legacy=("SU_ROUTER_POST",),
    )
    unit_timeout_s: Seconds = setting(
        25.0,
        unit="s",
        doc="Longest that a forwarded POST may take; keep it below http.request_timeout_s.",
    )
    unit_connect_timeout_s: Seconds = setting(
        3.0, unit="s", doc="Longest that the router tries to reach a unit, and waits for its health."
    )
    unit_interval_s: Seconds = setting(5.0, unit="s", doc="Time between looks at the units' health.")
    unit_connections_max: Count = setting(
        64, unit="connections", doc="Most connections of the router to one unit."
    )
    upload_wait_max_s: Seconds = setting(
        60.0,
        unit="s",
        doc="How long bundles wait while clients post; then as many are signed as messages.",
    )


SETTINGS = SchedulerSettings
"""Found by this name when settings are loaded."""


def address(settings: Settings) -> tuple[str, int]:
    """Where the API listens, the platform's port offset included."""
    scheduler = settings.get(SchedulerSettings)
    return scheduler.host, shifted(scheduler.port, settings, origin=settings.origin("scheduler", "port"))


def router_address(settings: Settings) -> tuple[str, int]:
    """Where the router listens, the platform's port offset included."""
    scheduler = settings.get(SchedulerSettings)
    origin = settings.origin("scheduler", "router_port")
    return scheduler.host, shifted(scheduler.router_port, settings, origin=origin)


def disk_dir(settings: Settings) -> Path:
    """The directory of the disk store."""
    configured = settings.get(SchedulerSettings).disk_dir
    return settings.get(PlatformSettings).data_dir / "scheduler-disk" if configured is None else configured
