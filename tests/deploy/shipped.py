"""The files of `deploy/`, and what Lamina itself says about the things they name."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lamina.app import registry
from lamina.kernel.settings.load import Settings, load
from lamina.kernel.settings.platform import KERNEL_SECTIONS, AdminSettings
from lamina.services.ledger.settings import http_address, stream_address

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"


def settings_of(environment: Mapping[str, str], original: str | None = None) -> Settings:
    """The settings that these variables lead to; one that means nothing is an error, as on a start.

    Args:
        environment: the variables.
        original: the service whose original's variables count, as for its own commands.
    """
    sections = (*KERNEL_SECTIONS, *registry.settings_sections())
    return load(sections, environ=environment, legacy_service=original)


def default_ports() -> dict[str, int]:
    """The platform's ports when nobody says otherwise."""
    settings = settings_of({})
    return {
        "http": http_address(settings)[1],
        "stream": stream_address(settings)[1],
        "admin": settings.get(AdminSettings).port,
    }


def documents(path: Path) -> list[Any]:
    """Every document of a YAML file."""
    return [each for each in yaml.safe_load_all(path.read_text(encoding="utf-8")) if each is not None]


def variables(path: Path) -> dict[str, str]:
    """The variables of an environment file as systemd reads them, without comments."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    return {name: text for name, _, text in pairs}
