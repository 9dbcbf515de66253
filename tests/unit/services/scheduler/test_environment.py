"""The original's variables as settings (spec/scheduler.md 2)."""

from typing import Any

import pytest

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.load import Settings, load
from lamina.kernel.settings.platform import KERNEL_SECTIONS, PostgresSettings
from lamina.services.scheduler.settings import SchedulerSettings

DSN = "postgres://su:marker@db.example:5433/su"


def loaded(**environ: str) -> Settings:
    return load((*KERNEL_SECTIONS, SchedulerSettings), environ=environ, legacy_service="scheduler")


def test_without_variables_the_defaults_are_the_specified_ones() -> None:
    scheduler = loaded().get(SchedulerSettings)
    names = {
        "gateway_url": "", "graphql_url": "", "arweave_url": "", "data_urls": (), "metrics": False,
        "read_bytes_max": 1_073_741_824, "processes_remembered": 20_000, "process_assignment": False,
        "deep_hash_checks": False, "deep_hash_version": "1.0", "deep_hash_rows": 400, "warmup_s": 0,
        "router_checked": False, "router_url": "https://su-router.ao-testnet.xyz", "assignment": "",
        "cache_url": "", "message_size_checked": False, "message_bytes_max": 102_400,
        "size_exempt_owners": (), "ip_whitelist_url": "", "process_whitelist_url": "", "own_url": "",
        "read_connections_max": 10, "default_limit": 5000, "read_only": False, "verify": True,
    }  # fmt: skip
    assert {name: getattr(scheduler, name) for name in names} == names


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("GATEWAY_URL", "https://a.example/", "gateway_url", "https://a.example/"),
        ("UPLOAD_NODE_URL", "https://b.example", "upload_url", "https://b.example"),
        ("GRAPHQL_URL", "https://b.example", "graphql_url", "https://b.example"),
        ("ARWEAVE_URL", "https://b.example", "arweave_url", "https://b.example"),
        ("ARWEAVE_URL_LIST", "https://b.example, http://c", "data_urls", ("https://b.example", "http://c")),
        ("CACHE_URL", "https://cache.example", "cache_url", "https://cache.example"),
        ("MAX_READ_MEMORY", "5", "read_bytes_max", 5),
        ("PROCESS_CACHE_SIZE", "7", "processes_remembered", 7),
        ("CURRENT_DEEPHASH_VERSION", "1.1", "deep_hash_version", "1.1"),
        ("DEEPHASH_RECALC_LIMIT", "3", "deep_hash_rows", 3),
        ("WARMUP_DELAY", "30", "warmup_s", 30),
        ("ROUTER_URL", "http://router", "router_url", "http://router"),
        ("ASSIGNMENT", "12", "assignment", "12"),
        ("MAX_MESSAGE_SIZE_BYTES", "9", "message_bytes_max", 9),
        ("MAX_SIZE_OWNER_WHITELIST", " a , b,", "size_exempt_owners", ("a", "b")),
        ("MAX_SIZE_FROM_WHITELIST", "a", "size_exempt_from", ("a",)),
        ("MAX_SIZE_FROM_OWNER_WHITELIST", "a,b", "size_exempt_from_owners", ("a", "b")),
        ("IP_WHITELIST_URL", "http://x/ips", "ip_whitelist_url", "http://x/ips"),
        ("PROCESS_WHITELIST_URL", "http://x/p", "process_whitelist_url", "http://x/p"),
        ("URL", "https://su1.example", "own_url", "https://su1.example"),
        ("DB_READ_CONNECTIONS", "4", "read_connections_max", 4),
        ("SU_READ_ONLY", "true", "read_only", True),
        ("SU_VERIFY", "off", "verify", False),
        ("SU_STRICT_ANS104", "on", "strict_ans104", True),
        ("SU_UPLOAD", "separate", "upload", "separate"),
        ("SU_DEFAULT_LIMIT", "100", "default_limit", 100),
    ],
)
def test_each_variable_has_its_setting(variable: str, text: str, field: str, value: Any) -> None:
    assert getattr(loaded(**{variable: text}).get(SchedulerSettings), field) == value


@pytest.mark.parametrize(
    ("variable", "field"),
    [
        ("ENABLE_METRICS", "metrics"),
        ("ENABLE_PROCESS_ASSIGNMENT", "process_assignment"),
        ("ENABLE_DEEP_HASH_CHECKS", "deep_hash_checks"),
        ("ENABLE_MESSAGE_MAX_SIZE", "message_size_checked"),
        ("ENABLE_ROUTER_CHECK", "router_checked"),
    ],
)
def test_switches_of_the_original_are_on_by_true_alone(variable: str, field: str) -> None:
    texts = {
        "true": True,
        "TRUE": False,
        "True": False,
        "1": False,
        "yes": False,
        "on": False,
        "false": False,
    }
    assert {
        text: getattr(loaded(**{variable: text}).get(SchedulerSettings), field) for text in texts
    } == texts


def test_the_databases() -> None:
    postgres = loaded(
        DATABASE_URL=DSN, DATABASE_READ_URL=f"{DSN}_read", DB_WRITE_CONNECTIONS="3", SU_READ_ONLY="true"
    ).get(PostgresSettings)
    assert postgres.dsn is not None
    assert postgres.read_dsn is not None
    assert (postgres.dsn.get_secret_value(), postgres.read_dsn.get_secret_value()) == (DSN, f"{DSN}_read")
    assert (postgres.pool_connections_max, postgres.read_only) == (3, True)
    assert not loaded().get(PostgresSettings).read_only


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("DB_WRITE_CONNECTIONS", "many"),
        ("DB_READ_CONNECTIONS", ""),
        ("WARMUP_DELAY", "-1"),
        ("MAX_READ_MEMORY", "1GB"),
        ("IP_WHITELIST_URL", "file:///etc/passwd"),
        ("MULTI_TENANT_BASE_CONN", "postgres://su:marker@db/base"),
        ("MULTI_TENANT_BASE_READ_CONN", "postgres://su:marker@db/base"),
        ("MULTI_TENANT_BASE_DATA_DIR", "/marker"),
    ],
)
def test_what_cannot_be_used_is_an_error_without_secrets(variable: str, text: str) -> None:
    if not text:
        assert loaded(**{variable: text}).get(SchedulerSettings).read_connections_max == 10
        return
    with pytest.raises(ConfigurationError) as failure:
        loaded(**{variable: text})
    assert variable in failure.value.detail
    assert "marker" not in failure.value.detail
