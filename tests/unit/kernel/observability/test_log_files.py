"""The log's files beside the terminal: levels of their own, and one for errors alone."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from lamina.kernel.observability.logs import configure
from lamina.kernel.settings.platform import LogSettings


@pytest.fixture(autouse=True)
def undisturbed_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    for handler in [each for each in root.handlers if each not in handlers]:
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)
    structlog.reset_defaults()


def logged(**settings: Any) -> list[str]:
    """The words that reach the terminal of one event of each level."""
    stream = io.StringIO()
    configure(LogSettings(**settings), service="ledger", stream=stream)
    log = structlog.get_logger("lamina.test")
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(level)
    return [json.loads(line)["event"] for line in stream.getvalue().splitlines()]


def events(path: Path) -> list[str]:
    return [json.loads(line)["event"] for line in path.read_text().splitlines()]


def test_the_error_file_has_errors_only(tmp_path: Path) -> None:
    assert logged(error_file=tmp_path / "errors.log") == ["info", "warning", "error"]
    assert events(tmp_path / "errors.log") == ["error"]


@pytest.mark.parametrize(
    ("level", "file_level", "on_terminal", "in_file"),
    [
        ("warning", "debug", ["warning", "error"], ["debug", "info", "warning", "error"]),
        ("debug", "error", ["debug", "info", "warning", "error"], ["error"]),
        ("warning", None, ["warning", "error"], ["warning", "error"]),
    ],
)
def test_the_file_may_have_a_level_of_its_own(
    tmp_path: Path, level: str, file_level: str | None, on_terminal: list[str], in_file: list[str]
) -> None:
    path = tmp_path / "node.log"
    assert logged(level=level, file=path, file_level=file_level) == on_terminal
    assert events(path) == in_file


def test_a_file_level_without_a_file_changes_nothing() -> None:
    assert logged(level="error", file_level="debug") == ["error"]
