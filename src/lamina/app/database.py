"""The platform's database: an external one by DSN, else the embedded server as our child."""

import asyncio
import os
from pathlib import Path

import structlog

from lamina.kernel.clock import Clock
from lamina.kernel.errors import ConfigurationError, DatabaseUnavailable, LaminaError
from lamina.kernel.settings.dsn import TLS_MODES
from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import PlatformSettings, PostgresSettings
from lamina.kernel.storage.embedded.memory import default_shared_buffers_mb
from lamina.kernel.storage.embedded.options import EmbeddedOptions
from lamina.kernel.storage.embedded.server import EmbeddedPostgres
from lamina.kernel.supervision.budget import RestartBudget

_log = structlog.get_logger("lamina.platform")


class PlatformDatabase:
    """Starts what must be started, keeps it running, says where it is."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Choose the database, without starting it.

        Raises:
            ConfigurationError: the environment asks for TLS, which the embedded server has not.
        """
        self._clock = clock
        self._external = settings.get(PostgresSettings).dsn
        self.embedded = None if self._external is not None else _embedded(settings)

    @property
    def dsn(self) -> str:
        """Where processes connect; may hold a password."""
        if self._external is not None:
            return self._external.get_secret_value()
        assert self.embedded is not None
        return self.embedded.dsn

    @property
    def kind(self) -> str:
        """`embedded` or `external`, for people."""
        return "external" if self.embedded is None else "embedded"

    @property
    def place(self) -> Path | None:
        """The embedded cluster's directory."""
        return None if self.embedded is None else self.embedded.location.cluster

    async def start(self) -> None:
        """Start the embedded server; an external one is somebody else's."""
        if self.embedded is not None:
            await self.embedded.start()

    async def stop(self) -> None:
        """Stop the embedded server with a checkpoint."""
        if self.embedded is not None:
            await self.embedded.stop()

    async def run(self) -> None:
        """Start the embedded server again whenever it ends.

        Raises:
            DatabaseUnavailable: it keeps ending.
        """
        if self.embedded is None:
            await asyncio.Event().wait()
            return
        budget = RestartBudget(self._clock)
        while True:
            code = await self.embedded.wait()
            _log.error("the embedded PostgreSQL ended; starting it again", exit_code=code)
            await self._restart(self.embedded, budget)

    async def _restart(self, embedded: EmbeddedPostgres, budget: RestartBudget) -> None:
        while True:
            delay_s = budget.spend()
            if delay_s is None:
                raise DatabaseUnavailable("The embedded PostgreSQL keeps ending.")
            await asyncio.sleep(delay_s)
            try:
                await embedded.start()
            except LaminaError as failure:
                _log.error("the embedded PostgreSQL does not start", reason=failure.detail)
            else:
                return


def _embedded(settings: Settings) -> EmbeddedPostgres:
    mode = os.environ.get("PGSSLMODE")
    if mode in TLS_MODES:
        raise ConfigurationError(
            f"PGSSLMODE={mode} asks for TLS, which the embedded PostgreSQL has not",
            hint="Unset PGSSLMODE, or set postgres.dsn to an external PostgreSQL with TLS",
        )
    return EmbeddedPostgres(_options(settings))


def _options(settings: Settings) -> EmbeddedOptions:
    postgres = settings.get(PostgresSettings)
    return EmbeddedOptions(
        data_dir=settings.get(PlatformSettings).data_dir,
        run_as=postgres.run_as,
        shared_buffers_mb=postgres.shared_buffers_mb or default_shared_buffers_mb(),
        max_connections=postgres.max_connections,
    )
