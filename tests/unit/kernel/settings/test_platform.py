from pathlib import Path

import pytest

from lamina.kernel.errors import ConfigurationError
from lamina.kernel.settings.load import Settings, load
from lamina.kernel.settings.platform import (
    KERNEL_SECTIONS,
    AdminSettings,
    LogSettings,
    PlatformSettings,
    PostgresSettings,
    shifted,
)


def loaded(**environ: str) -> Settings:
    return load(KERNEL_SECTIONS, environ=environ)


def test_defaults_run_every_service_in_the_working_directory() -> None:
    platform = loaded().get(PlatformSettings)
    assert (platform.data_dir, platform.services, platform.port_offset) == (
        Path("lamina-data"),
        ("ledger", "telemetry", "scheduler", "gateway"),
        0,
    )
    assert loaded().get(PostgresSettings).dsn is None


def test_the_offset_moves_defaults_only() -> None:
    settings = loaded(LAMINA_PORT_OFFSET="100")
    assert (
        shifted(settings.get(AdminSettings).port, settings, origin=settings.origin("admin", "port")) == 8188
    )
    settings = loaded(LAMINA_PORT_OFFSET="100", LAMINA_ADMIN__PORT="8088")
    assert (
        shifted(settings.get(AdminSettings).port, settings, origin=settings.origin("admin", "port")) == 8088
    )


def test_a_port_is_not_moved_past_the_last() -> None:
    settings = loaded(LAMINA_PORT_OFFSET="50000")
    with pytest.raises(ConfigurationError, match="past 65535"):
        shifted(20000, settings, origin=settings.origin("admin", "port"))


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("LAMINA_PORT_OFFSET", "-1"),
        ("LAMINA_PORT_OFFSET", "50001"),
        ("LAMINA_PLATFORM__WORKERS", "0"),
        ("LAMINA_PLATFORM__PROFILE", "test"),
        ("LAMINA_HTTP__BODY_TIMEOUT_S", "0"),
        ("LAMINA_HTTP__BODY_TIMEOUT_S", "inf"),
        ("LAMINA_ADMIN__PORT", "65536"),
        ("LAMINA_LOG__LEVEL", "loud"),
        ("LAMINA_POSTGRES__DSN", "sqlite:///x"),
    ],
)
def test_values_out_of_bounds_are_refused(variable: str, text: str) -> None:
    with pytest.raises(ConfigurationError, match=variable):
        loaded(**{variable: text})


def test_levels_may_be_written_in_any_case() -> None:
    log = loaded(LAMINA_LOG__LEVEL="DEBUG", LAMINA_LOG__LEVELS="asyncpg=Warning").get(LogSettings)
    assert (log.level, log.levels) == ("debug", {"asyncpg": "warning"})
