import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog

from lamina.kernel.observability.logs import configure
from lamina.kernel.observability.redaction import register_secret
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
    structlog.contextvars.clear_contextvars()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def configured(stream: io.StringIO | None = None, **settings: Any) -> io.StringIO:
    stream = stream or io.StringIO()
    configure(LogSettings(**settings), service="ledger", stream=stream)
    return stream


def test_an_event_is_one_line_of_json_where_nobody_watches() -> None:
    stream = configured()
    structlog.get_logger("lamina.ledger.blocks").info("block written", transactions=3)
    (event,) = events(stream)
    assert datetime.fromisoformat(event.pop("timestamp")).tzname() == "UTC"
    assert event == {
        "level": "info",
        "logger": "lamina.ledger.blocks",
        "service": "ledger",
        "event": "block written",
        "transactions": 3,
    }


def test_events_of_libraries_look_the_same() -> None:
    stream = configured()
    logging.getLogger("asyncpg").warning("lost %s connections", 3)
    (event,) = events(stream)
    assert (event["event"], event["logger"], event["level"], event["service"]) == (
        "lost 3 connections",
        "asyncpg",
        "warning",
        "ledger",
    )


def test_what_is_bound_to_the_context_is_on_every_event() -> None:
    stream = configured()
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger("lamina").info("ours")
        logging.getLogger("uvicorn").info("theirs")
    structlog.get_logger("lamina").info("outside")
    assert [event.get("request_id") for event in events(stream)] == ["r-1", "r-1", None]


def test_levels_hold_for_all_and_for_one() -> None:
    stream = configured(level="warning", levels={"asyncpg": "debug", "lamina.web": "error"})
    structlog.get_logger("lamina").info("no")
    structlog.get_logger("lamina").warning("yes 1")
    logging.getLogger("asyncpg").debug("yes 2")
    structlog.get_logger("lamina.web").warning("no")
    assert [event["event"] for event in events(stream)] == ["yes 1", "yes 2"]


def test_requests_of_our_own_to_peers_are_told_only_where_that_is_wanted() -> None:
    stream = configured()
    logging.getLogger("httpx").info("no")
    logging.getLogger("httpx").warning("yes 1")
    assert [event["event"] for event in events(stream)] == ["yes 1"]
    wanted = configured(levels={"httpx": "info"})
    logging.getLogger("httpx").info("yes 2")
    assert [event["event"] for event in events(wanted)] == ["yes 2"]


def test_a_second_call_replaces_the_first() -> None:
    first = configured(levels={"asyncpg": "debug"})
    second = configured()
    logging.getLogger("asyncpg").debug("no")
    logging.getLogger("asyncpg").info("yes")
    assert first.getvalue() == ""
    assert [event["event"] for event in events(second)] == ["yes"]


def test_people_get_text_and_collectors_json() -> None:
    watched = configured(Terminal())
    structlog.get_logger("lamina").info("hello", n=1)
    assert "\x1b[" in watched.getvalue()
    plain = configured(format="console")
    structlog.get_logger("lamina").info("hello", n=1)
    assert "hello" in plain.getvalue()
    assert "\x1b[" not in plain.getvalue()
    forced = configured(Terminal(), format="json")
    structlog.get_logger("lamina").info("hello", n=1)
    assert events(forced)[0]["n"] == 1


def test_text_cannot_steer_the_terminal_or_forge_a_line() -> None:
    stream = configured(format="console")
    structlog.get_logger("lamina").info("said\n2026 forged", text="\x1b[2J\x9b31m\r\nforged")
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert "\x9b" not in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
def test_secrets_are_masked_in_events_and_tracebacks(form: str) -> None:
    secret = "registered-marker"
    register_secret(secret)
    stream = configured(format=form)
    log = structlog.get_logger("lamina")
    try:
        raise ValueError(f"cannot use {secret}")
    except ValueError:
        log.exception("ours registered-marker", nested=[{"text": secret}], password="other-marker")
        logging.getLogger("asyncpg").exception("theirs %s", secret)
    assert "-marker" not in stream.getvalue()
    assert stream.getvalue().count("ValueError: cannot use ***") == 2


def test_local_variables_are_not_shown() -> None:
    stream = configured(Terminal())
    secret = "local-marker"
    try:
        raise ValueError(len(secret))
    except ValueError:
        structlog.get_logger("lamina").exception("failed")
    assert "ValueError: 12" in stream.getvalue()
    assert "local-marker" not in stream.getvalue()


def test_values_beyond_orjson_are_logged_all_the_same() -> None:
    stream = configured()
    structlog.get_logger("lamina").info("odd", big=1 << 70, text="\udcff", when=datetime(2020, 1, 1))  # noqa: DTZ001
    (event,) = events(stream)
    assert (event["big"], event["text"]) == (1 << 70, "\udcff")
    assert "2020" in event["when"]


def test_a_mistake_in_a_log_call_neither_fails_nor_tells() -> None:
    program = """
import logging, sys
from lamina.kernel.observability.logs import configure
from lamina.kernel.settings.platform import LogSettings
configure(LogSettings(), service="ledger", stream=sys.stdout)
logging.getLogger("asyncpg").warning("needs %d", "marker")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "an event of asyncpg was not logged: TypeError\n")


def test_a_file_gets_json_beside_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "log" / "lamina.log"
    stream = configured(format="console", file=path, rotate_bytes=400, rotate_keep=1)
    for number in range(5):
        structlog.get_logger("lamina").info("counted", number=number)
    assert stream.getvalue().count("\n") == 5
    assert json.loads(path.read_text().splitlines()[-1])["number"] == 4
    assert {each.name for each in path.parent.iterdir()} == {"lamina.log", "lamina.log.1"}


def test_what_nobody_caught_is_masked_too() -> None:
    program = """
import sys, threading
from lamina.kernel.observability.logs import capture_uncaught, configure
from lamina.kernel.observability.redaction import register_secret
from lamina.kernel.settings.platform import LogSettings
configure(LogSettings(), service="ledger", stream=sys.stderr)
capture_uncaught()
register_secret("".join(["mar", "ker"]))
def fail():
    raise ValueError("".join(["mar", "ker"]))
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "marker" not in done.stderr
    logged = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(event["event"], event["level"]) for event in logged] == [("uncaught", "critical")] * 2
    assert all("ValueError: ***" in event["exception"] for event in logged)
