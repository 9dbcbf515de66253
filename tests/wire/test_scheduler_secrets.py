"""A marker wallet, good and bad requests at DEBUG, kills: the key appears nowhere (distribution-and-reliability 15)."""

import base64
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.data_items import wallet
from tests.running_platform import open_directory
from tests.scheduler_unit import Unit, message, scheduler_running, signer, spawn

SECRET_FIELDS = ("d", "p", "q", "dp", "dq", "qi")
PIECE = 24
"""So many characters of a secret in a row are a leak already."""
WITHIN_S = 30.0
ERRORS_MIN = 20
KEY = json.loads(wallet().jwk())


def forms(field: str) -> set[str]:
    """Pieces of a secret number as texts would show it."""
    raw = base64.urlsafe_b64decode(KEY[field] + "==")
    plain = base64.b64encode(raw).decode().rstrip("=")
    whole = [
        KEY[field],
        plain,
        raw.hex(),
        str(int.from_bytes(raw, "big")),
        repr(raw)[2:-1],
        str(list(raw))[1:-1],
    ]
    return {text[start : start + PIECE] for text in whole for start in (0, len(text) // 2, len(text) - PIECE)}


MARKERS = {field: forms(field) for field in SECRET_FIELDS}


def found_in(text: str) -> list[str]:
    """The parts of the key that a text gives away."""
    return [field for field, pieces in MARKERS.items() if any(piece in text for piece in pieces)]


@pytest.fixture
def unit() -> Iterator[Unit]:
    with open_directory() as directory:
        path = directory / "marker.jwk.json"
        path.touch(mode=0o600)
        path.write_bytes(wallet().jwk())
        with scheduler_running(wallet_path=path) as running:
            running.platform._environment["LAMINA_LOG__LEVEL"] = "debug"
            yield running


def use_everything(unit: Unit) -> tuple[list[str], int]:
    """Good and bad requests; returns every answer's text, and how many were errors."""
    by = signer()
    process = spawn(by)
    deadline = time.monotonic() + WITHIN_S
    while unit.post(process.to_bytes()).status_code == 503:
        assert time.monotonic() < deadline, unit.platform.log_tail()
        time.sleep(0.1)
    items = [message(by, process, b"%d" % number) for number in range(5)]
    answers = [unit.post(item.to_bytes()) for item in [*items, *items]]
    damaged = [bytes([*items[0].to_bytes()[:cut], 7]) for cut in range(0, 200, 13)]
    answers += [unit.post(body) for body in (*damaged, os.urandom(500), wallet().jwk())]
    answers += [
        unit.http.post("/", params={"assign": "x", "process-id": process.id}),
        unit.post(b"", assign="x"),
    ]
    for path in (
        "/",
        "/timestamp",
        "/metrics",
        "/nope",
        f"/{process.id}",
        f"/{process.id}/latest",
        f"/{process.id}?limit=x",
    ):
        answers.append(unit.http.get(path))
    texts = [f"{answer.headers}{answer.text}" for answer in answers]
    texts += [json.dumps(unit.platform.status()), unit.platform.run("config", "explain").stdout]
    return texts, sum(answer.status_code >= 400 for answer in answers)


def processes_of(unit: Unit) -> str:
    """Arguments and environment of the platform and its children, as other programs see them."""
    assert unit.platform.process is not None
    pids = [unit.platform.process.pid, *(process["pid"] for process in unit.platform.status()["processes"])]
    return "".join(
        Path(f"/proc/{pid}/{name}").read_text(errors="replace")
        for pid in pids
        for name in ("cmdline", "environ")
    )


@pytest.mark.timeout(180)
def test_the_wallet_is_nowhere_but_in_its_file(unit: Unit) -> None:
    assert found_in(wallet().jwk().decode()) == list(SECRET_FIELDS), "what is looked for can be found"
    assert unit.platform.stop() == 0
    unit.platform.start()  # with its log at DEBUG
    texts, errors = use_everything(unit)
    texts.append(processes_of(unit))
    victim = next(each for each in unit.platform.status()["processes"] if "scheduler" in each["name"])
    os.kill(victim["pid"], signal.SIGABRT)  # the fault handler writes every thread's stack
    deadline = time.monotonic() + WITHIN_S
    while True:
        assert time.monotonic() < deadline, unit.platform.log_tail()
        now = {each["name"]: each for each in unit.platform.status()["processes"]}[victim["name"]]
        if now["pid"] != victim["pid"] and now["ready"]:
            break
        time.sleep(0.1)
    again, more = use_everything(unit)
    assert errors + more >= ERRORS_MIN
    log = unit.platform.log.read_text(errors="replace")
    assert '"level": "debug"' in log or '"level":"debug"' in log
    assert [found_in(text) for text in (*texts, *again, log) if found_in(text)] == []
