"""The global options, and the settings they lead to."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import typer

from lamina.app import registry
from lamina.kernel.observability import logs
from lamina.kernel.observability.redaction import register_settings
from lamina.kernel.settings.load import Settings, clear_secrets, load
from lamina.kernel.settings.platform import KERNEL_SECTIONS, LogSettings


@dataclass(frozen=True, slots=True)
class GlobalOptions:
    """What stands before the command."""

    data_dir: Path | None = None
    config: Path | None = None
    port_offset: int | None = None
    log_format: str | None = None
    verbosity: int = 0
    color: bool = True
    json: bool = False
    debug: bool = False

    def settings(
        self,
        flags: Mapping[str, object] | None = None,
        *,
        legacy_service: str | None = None,
        legacy_file: Path | None = None,
    ) -> Settings:
        """Load every source, these options as flags on top.

        Args:
            flags: more flags by key; None means not given.
            legacy_service: the service whose original's variables count.
            legacy_file: the original's JSON file.

        Raises:
            ConfigurationError: with every problem found.
        """
        sections = (*KERNEL_SECTIONS, *registry.settings_sections())
        settings = load(
            sections,
            environ=os.environ,
            file=self.config,
            flags={**self._flags(), **(flags or {})},
            legacy_service=legacy_service,
            legacy_file=legacy_file,
        )
        clear_secrets(sections, os.environ)
        register_settings(settings)
        return settings

    def start_logging(self, settings: Settings) -> None:
        """Log to standard error as configured."""
        logs.configure(settings.get(LogSettings), service="lamina", stream=sys.stderr)

    def _flags(self) -> dict[str, object]:
        level = {-1: "warning", 0: None}.get(max(-1, self.verbosity), "debug")
        return {
            "platform.data_dir": self.data_dir,
            "platform.port_offset": self.port_offset,
            "log.format": self.log_format,
            "log.level": level,
        }


def options_of(context: typer.Context) -> GlobalOptions:
    """The global options of the running command."""
    options = context.find_object(GlobalOptions)
    assert options is not None, "the root callback sets them"
    return options
