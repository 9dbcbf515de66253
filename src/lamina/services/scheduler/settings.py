"""Settings of the scheduler, with the names the original gave them (spec/scheduler.md 2)."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pydantic

from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PlatformSettings, shifted
from lamina.kernel.settings.schema import Count, Elsewhere, Port, Seconds, Section, setting

Amount = Annotated[int, pydantic.Field(ge=0)]


def exactly_true(text: str) -> str:
    """The original's booleans: on for this word alone (spec/scheduler.md 2)."""
    return str(text == "true").lower()


class SchedulerSettings(Section):
    """One scheduler unit."""

    section: ClassVar[str] = "scheduler"
    legacy_elsewhere: ClassVar[tuple[Elsewhere, ...]] = (
        Elsewhere("scheduler.use_disk", ("USE_DISK",), exactly_true),
        Elsewhere("scheduler.use_local_store", ("USE_LOCAL_STORE",), exactly_true),
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
        doc="Arweave gateways between commas, asked in order; none: no writes but what needs no height.",
        legacy=("GATEWAY_URL",),
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
        None, unit="threads", doc="Threads that sign; one for each CPU when not set."
    )
    verify: bool = setting(
        True, doc="Whether signatures of posted items are checked; off only to replay old data.",
        legacy=("SU_VERIFY",),
    )  # fmt: skip
    strict_ans104: bool = setting(
        False, doc="Refuse items beyond ANS-104's limits of tags.", legacy=("SU_STRICT_ANS104",)
    )
    process_assignment: bool = setting(
        False,
        doc="Whether a spawn gets an assignment with nonce 0.",
        legacy=("ENABLE_PROCESS_ASSIGNMENT",),
    )
    deep_hash_checks: bool = setting(
        False, doc="Refuse messages that were pushed before.", legacy=("ENABLE_DEEP_HASH_CHECKS",)
    )
    upload: Literal["bundle", "separate"] = setting(
        "bundle",
        doc="Whether the signed bundle is uploaded, or item and assignment each by itself.",
        legacy=("SU_UPLOAD",),
    )
    read_only: bool = setting(False, doc="Refuse every POST.", legacy=("SU_READ_ONLY",))
    metrics: bool = setting(False, doc="Whether GET /metrics answers.", legacy=("ENABLE_METRICS",))
    body_bytes_max: Count = setting(10_485_760, unit="bytes", doc="Largest body of POST /.")
    query_bytes_max: Count = setting(8192, unit="bytes", doc="Longest query string.")
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
        False, doc="Whether messages larger than message_bytes_max are refused.",
        legacy=("ENABLE_MESSAGE_MAX_SIZE",),
    )  # fmt: skip
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
    clock_lag_s: Seconds = setting(
        60.0, unit="s", doc="A clock further behind a process's last timestamp refuses to write."
    )
    upload_concurrency: Count = setting(8, unit="uploads", doc="Uploads under way at once.")


SETTINGS = SchedulerSettings
"""Found by this name when settings are loaded."""


def address(settings: Settings) -> tuple[str, int]:
    """Where the API listens, the platform's port offset included."""
    scheduler = settings.get(SchedulerSettings)
    return scheduler.host, shifted(scheduler.port, settings, origin=settings.origin("scheduler", "port"))


def disk_dir(settings: Settings) -> Path:
    """The directory of the disk store."""
    configured = settings.get(SchedulerSettings).disk_dir
    return settings.get(PlatformSettings).data_dir / "scheduler-disk" if configured is None else configured
