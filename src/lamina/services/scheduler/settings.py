"""Settings of the scheduler, with the names the original gave them (spec/scheduler.md 2)."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pydantic

from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import shifted
from lamina.kernel.settings.schema import Count, Port, Seconds, Section, setting

Amount = Annotated[int, pydantic.Field(ge=0)]


class SchedulerSettings(Section):
    """One scheduler unit."""

    section: ClassVar[str] = "scheduler"

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
