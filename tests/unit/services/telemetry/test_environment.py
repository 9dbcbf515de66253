"""The original's variables as settings (spec/telemetry.md 10)."""

from typing import Any

import pytest

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.load import Settings, load
from lamina.kernel.settings.platform import KERNEL_SECTIONS, LogSettings, PostgresSettings
from lamina.services.telemetry.settings import TelemetrySettings, address

DSN = "postgres://analytics:marker@db.example:5433/save"


def loaded(**environ: str) -> Settings:
    return load((*KERNEL_SECTIONS, TelemetrySettings), environ=environ, legacy_service="telemetry")


def test_without_variables_the_defaults_are_the_seeds() -> None:
    telemetry = loaded().get(TelemetrySettings)
    names = {
        "heartbeat_interval_s": 5, "client_timeout_s": 10, "purge_interval_s": 600, "log_expiry_h": 280_320,
        "pending_connections_max": 8192, "ws_payload_bytes_max": 524_288, "batch_messages_max": 1024,
        "batch_latency_ms": 100, "cache_update_timeout_s": 15, "cache_update_interval_ms": 1000,
        "cache_expiry_s": 3600, "cache_timeout_s": 60, "nodes_per_connection_max": 20, "trust_forwarded": "false",
        "buffer_mb": 256, "allowed_cidrs": "", "assets_path": "",
    }  # fmt: skip
    assert {name: getattr(telemetry, name) for name in names} == names
    assert address(loaded()) == ("0.0.0.0", 8080)
    assert loaded().notices == ()


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("PORT", "1024", "port", 1024),
        ("HEARTBEAT_INTERVAL", "7", "heartbeat_interval_s", 7),
        ("CLIENT_TIMEOUT_S", "9", "client_timeout_s", 9),
        ("CLIENT_TIMEOUT", "9", "client_timeout_s", 9),
        ("PURGE_INTERVAL_S", "60", "purge_interval_s", 60),
        ("PURGE_FREQUENCY", "60", "purge_interval_s", 60),
        ("LOG_EXPIRY_H", "3", "log_expiry_h", 3),
        ("LOG_EXPIRY_HOURS", "0", "log_expiry_h", 0),
        ("MAX_PENDING_CONNECTIONS", "1_024", "pending_connections_max", 1024),
        ("WS_MAX_PAYLOAD", "524_288", "ws_payload_bytes_max", 524_288),
        ("WS_MAX_PAYLOAD", "67108864", "ws_payload_bytes_max", 67_108_864),
        ("DB_BATCH_SIZE", "1", "batch_messages_max", 1),
        ("DB_SAVE_LATENCY_MS", "250", "batch_latency_ms", 250),
        ("CACHE_UPDATE_TIMEOUT_S", "4", "cache_update_timeout_s", 4),
        ("CACHE_UPDATE_INTERVAL_MS", "40", "cache_update_interval_ms", 40),
        ("CACHE_EXPIRY_S", "10800", "cache_expiry_s", 10_800),
        ("CACHE_TIMEOUT_S", "6", "cache_timeout_s", 6),
        ("ASSETS_PATH", "/srv/static", "assets_path", "/srv/static"),
        ("MAX_NODES_PER_CONNECTION", "2", "nodes_per_connection_max", 2),
        ("TELEMETRY_TRUST_FORWARDED", "10.0.0.0/8,192.0.2.1", "trust_forwarded", "10.0.0.0/8,192.0.2.1"),
        ("TELEMETRY_TRUST_FORWARDED", "true", "trust_forwarded", "true"),
        ("TELEMETRY_BUFFER_MB", "8", "buffer_mb", 8),
        ("TELEMETRY_SYNC_COMMIT", "off", "sync_commit", False),
        ("TELEMETRY_ALLOWED_CIDRS", "10.0.0.0/8, ::1", "allowed_cidrs", "10.0.0.0/8, ::1"),
        ("DENYLIST", "Dev: net,Local", "denylist", ("Dev: net", "Local")),
    ],
)
def test_every_variable_counts(variable: str, text: str, field: str, value: Any) -> None:
    settings = loaded(**{variable: text})
    assert getattr(settings.get(TelemetrySettings), field) == value
    assert settings.notices == ()


@pytest.mark.parametrize("variable", ["LOG_EXPIRY_H", "PORT", "DB_BATCH_SIZE", "TELEMETRY_SYNC_COMMIT"])
def test_what_does_not_parse_is_the_default_with_a_word(variable: str) -> None:
    settings = loaded(**{variable: "nonsense"})
    assert settings.get(TelemetrySettings) == TelemetrySettings()
    assert [notice.split()[0] for notice in settings.notices] == [variable]


@pytest.mark.parametrize("variable", ["TELEMETRY_ALLOWED_CIDRS", "TELEMETRY_TRUST_FORWARDED"])
def test_a_list_that_keeps_people_out_is_not_ignored(variable: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{variable}.*10.0.0.0/99"):
        loaded(**{variable: "192.0.2.0/24,10.0.0.0/99"})


@pytest.mark.parametrize("dsn", [DSN, DSN.replace("postgres:", "postgresql:")])
def test_the_database_url_is_the_database(dsn: str) -> None:
    settings = loaded(DATABASE_URL=dsn)
    found = settings.get(PostgresSettings).dsn
    assert found is not None
    assert found.get_secret_value() == dsn
    assert "marker" not in repr(settings.get(PostgresSettings))


def test_a_database_url_that_is_none_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(DATABASE_URL="mysql://analytics:marker@db.example/save")
    assert "DATABASE_URL" in caught.value.detail
    assert "marker" not in caught.value.detail
    assert "db.example" not in caught.value.detail


@pytest.mark.parametrize(
    ("environ", "connections"),
    [
        ({"NUM_THREADS": "12"}, 12),
        ({"NUM_THREADS": "12", "DB_POOL_SIZE": "5"}, 5),
        ({"DATABASE_POOL_SIZE": "6"}, 6),
        ({"DB_POOL_SIZE": "400"}, 100),
        ({"DB_POOL_SIZE": "many"}, 8),
        ({"DB_POOL_SIZE": "0"}, 8),
    ],
)
def test_threads_and_pool_are_connections(environ: dict[str, str], connections: int) -> None:
    assert loaded(**environ).get(PostgresSettings).pool_connections_max == connections


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("warn", "warning"),
        ("TRACE", "debug"),
        ("off", "critical"),
        ("error,tetcore_analytics=info", "info"),
        ("actix=error, tetcore_analytics=debug ,x=warn", "debug"),
        ("loud", "info"),
        ("loud,error", "error"),
    ],
)
def test_the_most_verbose_level_of_a_list(text: str, level: str) -> None:
    assert loaded(RUST_LOG=text).get(LogSettings).level == level
