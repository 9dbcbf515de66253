"""The global options, and the settings they lead to.

Nothing heavy is imported until a command runs: every command's help passes through here.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from lamina.kernel.errors import ConfigurationError

if TYPE_CHECKING:
    from lamina.kernel.settings.load import Settings
    from lamina.kernel.settings.schema import Section


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
        fallbacks: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> "Settings":
        """Load every source, these options as flags on top.

        Args:
            flags: more flags by key; None means not given.
            legacy_service: the service whose original's variables count.
            legacy_file: the original's JSON file.
            fallbacks: what the original's configuration says of other sections; everything else wins.
            environ: the variables, where they are more than the process's own.

        Raises:
            ConfigurationError: with every problem found.
        """
        from lamina.kernel.observability.redaction import register_settings
        from lamina.kernel.settings.load import clear_secrets, load

        sections = all_sections()
        settings = load(
            sections,
            environ=os.environ if environ is None else environ,
            file=self.config,
            flags={**self._flags(), **(flags or {})},
            legacy_service=legacy_service,
            legacy_file=legacy_file,
            fallbacks=fallbacks,
        )
        clear_secrets(sections, os.environ)
        register_settings(settings)
        return settings

    def start_logging(self, settings: "Settings") -> None:
        """Log to standard error and to files as configured.

        Raises:
            ConfigurationError: a log file cannot be opened.
        """
        from lamina.kernel.observability import logs
        from lamina.kernel.settings.platform import LogSettings

        try:
            logs.configure(settings.get(LogSettings), service="lamina", stream=sys.stderr)
        except OSError as error:
            raise ConfigurationError(
                f"the log file {error.filename} cannot be opened: {error.strerror}"
            ) from None
        logs.capture_uncaught()

    def _flags(self) -> dict[str, object]:
        level = {-1: "warning", 0: None}.get(max(-1, self.verbosity), "debug")
        return {
            "platform.data_dir": self.data_dir,
            "platform.port_offset": self.port_offset,
            "log.format": self.log_format,
            "log.level": level,
        }


def all_sections() -> "tuple[type[Section], ...]":
    """The settings of the kernel and of every service."""
    from lamina.app import registry
    from lamina.kernel.settings.platform import KERNEL_SECTIONS

    return (*KERNEL_SECTIONS, *registry.settings_sections())


def options_of(context: typer.Context) -> GlobalOptions:
    """The global options of the running command."""
    options = context.find_object(GlobalOptions)
    assert options is not None, "the root callback sets them"
    return options
