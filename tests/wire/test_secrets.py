"""Marker secrets, the whole API at DEBUG, many errors: the markers appear nowhere (reliability 15)."""

import base64
import json
import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
from tests import plain_http
from tests.ledger_transactions import Wallet, id_of
from tests.postgres_server import ExternalServer, execute
from tests.running_platform import RunningPlatform, open_directory
from tests.wire.ledger_client import wait_until_valid

from lamina.formats import base58, signatures

SEED = secrets.token_bytes(32)
PRIVATE_KEY = base58.encode(SEED)
PUBLIC_KEY = base58.encode(signatures.public_key(SEED))
ADMIN_TOKEN = "marker-admin-" + secrets.token_hex(12)
PASSWORD = "marker/dsn:pass+" + secrets.token_hex(12)
ERRORS_MIN = 20


def forms(secret: str) -> set[str]:
    """A secret as logs, URLs, reprs and JSON would write it."""
    encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        json.dumps(secret)[1:-1],
        repr(secret)[1:-1],
        encoded,
    }


MARKERS = {
    "node key": forms(PRIVATE_KEY)
    | {SEED.hex(), base64.b64encode(SEED).decode().rstrip("="), repr(SEED)[2:-1], str(list(SEED))[1:-1]},
    "admin token": forms(ADMIN_TOKEN),
    "database password": forms(PASSWORD),
}


def found_in(text: str) -> list[str]:
    """The markers a text gives away."""
    return [name for name, written in MARKERS.items() if any(form in text for form in written)]


class Evidence:
    """Every text that Lamina produced, by where it was found."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def add(self, place: str, text: str) -> None:
        self.texts[place] = self.texts.get(place, "") + text

    def leaks(self) -> dict[str, list[str]]:
        """Places that give something away."""
        return {place: names for place, text in self.texts.items() if (names := found_in(text))}


def dsn_with(password: str, server: ExternalServer) -> str:
    """The server's DSN with another password."""
    return server.dsn.replace(quote(PASSWORD, safe=""), quote(password, safe=""))


def environment_of(server: ExternalServer) -> dict[str, str]:
    """All three secrets by their variables, and a log that keeps nothing back."""
    return {
        "LAMINA_POSTGRES__DSN": server.dsn,
        "LAMINA_LEDGER__KEYPAIR_PRIVATE": PRIVATE_KEY,
        "LAMINA_LEDGER__KEYPAIR_PUBLIC": PUBLIC_KEY,
        "LAMINA_ADMIN__TOKEN": ADMIN_TOKEN,
        "LAMINA_LOG__LEVEL": "debug",
        "LAMINA_LOG__LEVELS": "asyncio=debug,asyncpg=debug,uvicorn=debug,websockets=debug",
    }


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence()


@pytest.fixture(scope="module")
def server() -> Iterator[ExternalServer]:
    with open_directory() as directory:
        server = ExternalServer(directory, password=PASSWORD).start()
        yield server
        server.stop()


@pytest.fixture(scope="module")
def running(server: ExternalServer, evidence: Evidence) -> Iterator[RunningPlatform]:
    with open_directory() as directory:
        environment = {**environment_of(server), "LAMINA_LOG__FILE": str(directory / "data" / "lamina.log")}
        platform = RunningPlatform(directory / "data", environment=environment)
        platform.dsn = None
        yield platform.start()
        assert platform.stop() == 0


def use_everything(platform: RunningPlatform, evidence: Evidence) -> int:
    """Ask every endpoint, with good and bad questions; returns how many answers were errors."""
    wallet = Wallet()
    source = wallet.create()
    moved = wallet.transfer(source)
    forged = {**source, "inputs": moved["inputs"]}
    errors = 0
    with plain_http.Client(base_url=platform.url, timeout=15) as client:
        assert client.post("/api/v1/transactions", json=source).status_code == 202
        wait_until_valid(client, id_of(source))
        posts = [
            moved,
            wallet.transfer(source),
            forged,
            {},
            {**source, "version": "2.0"},
            {**source, "id": "x"},
        ]
        answers = [client.post("/api/v1/transactions", json=each) for each in posts]
        answers.append(client.post("/api/v1/transactions", content=b"{"))
        answers.append(client.post("/api/v1/transactions", content=b" " * 2_000_000))
        paths = [
            "/", "/api/v1", f"/api/v1/transactions/{id_of(source)}",
            f"/api/v1/transactions?asset_id={id_of(source)}", f"/api/v1/outputs?public_key={wallet.key.public}",
            f"/api/v1/statuses?transaction_id={id_of(source)}", "/api/v1/assets?search=nonce",
            f"/api/v1/blocks?transaction_id={id_of(source)}", "/api/v1/votes?block_id=x", "/api/v1/statuses",
            "/api/v1/outputs", "/api/v1/outputs?public_key=0", "/nowhere", "/api/v1/blocks/x",
            "/api/v1/transactions?asset_id=x", "/api/v1/assets?search=", "/api/v1/votes", "/lamina",
        ]  # fmt: skip
        answers += [client.get(path, headers={"Authorization": "Bearer x"}) for path in paths]
        answers.append(client.delete("/api/v1/transactions"))
    for token in ("x", ADMIN_TOKEN[:-1], ADMIN_TOKEN):
        headers = {"Authorization": f"Bearer {token}"}
        url = f"{platform.admin_url}/lamina/ledger/rejected?limit=x"
        answers += [plain_http.get(each, headers=headers) for each in (url, url[:-8])]
    for path in ("/livez", "/readyz", "/status", "/metrics", "/nowhere"):
        answers.append(plain_http.get(platform.admin_url + path, timeout=15))
    for answer in answers:
        evidence.add("answers", f"{answer.headers}\n{answer.text}\n")
        errors += answer.status_code >= 400
    return errors


def test_the_running_platform(running: RunningPlatform, server: ExternalServer, evidence: Evidence) -> None:
    assert plain_http.get(running.url).json()["public_key"] == PUBLIC_KEY
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    rejected = f"{running.admin_url}/lamina/ledger/rejected"
    assert plain_http.get(rejected, headers=headers).status_code == 200

    assert use_everything(running, evidence) >= ERRORS_MIN
    note_processes(running, evidence)

    server.stop()
    with plain_http.Client(base_url=running.url, timeout=15) as client:
        for path in (
            "outputs?public_key=" + "A" * 44,
            "assets?search=a",
            "votes?block_id=a",
            "statuses?block_id=a",
        ):
            answer = client.get(f"/api/v1/{path}")
            assert answer.status_code == 503
            evidence.add("answers", answer.text)
        answer = client.post("/api/v1/transactions", json=Wallet().create())
        assert answer.status_code == 503
        evidence.add("answers", answer.text)
    answer = plain_http.get(rejected, headers=headers, timeout=15)
    assert answer.status_code == 503
    evidence.add("answers", answer.text + plain_http.get(f"{running.admin_url}/readyz").text)
    server.start()

    # A query that fails as nobody foresaw is the one that leaves a traceback.
    execute(server.dsn, "ALTER TABLE ledger.assets RENAME TO mislaid")
    answer = plain_http.get(f"{running.url}/api/v1/assets?search=a", timeout=15)
    assert answer.status_code == 500
    evidence.add("answers", answer.text)
    execute(server.dsn, "ALTER TABLE ledger.mislaid RENAME TO assets")

    restart_a_worker(running)
    note_processes(running, evidence)
    for path in running.data_dir.rglob("*"):
        if path.is_file():
            evidence.add(
                str(path.relative_to(running.data_dir)), path.read_bytes().decode("utf-8", "replace")
            )
    evidence.add("output", running.log.read_text())
    assert "traceback" in evidence.texts["output"].lower()
    assert {"lamina.log", "log/access.log", "output", "answers"} <= evidence.texts.keys()
    assert evidence.leaks() == {}


def note_processes(platform: RunningPlatform, evidence: Evidence) -> None:
    """Arguments of all processes, and the environment of the children; the parent's own told it."""
    assert platform.process is not None
    children = [process["pid"] for process in platform.status()["processes"]]
    for pid in (platform.process.pid, *children):
        evidence.add("arguments", Path(f"/proc/{pid}/cmdline").read_text())
    for pid in children:
        evidence.add("environment", Path(f"/proc/{pid}/environ").read_text())


def restart_a_worker(platform: RunningPlatform) -> None:
    """Kill a worker and wait for its successor."""
    victim = platform.status()["processes"][0]
    os.kill(victim["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while not (now := platform.status()["processes"][0])["ready"] or now["pid"] == victim["pid"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_scan_finds_what_is_there(running: RunningPlatform) -> None:
    """The parent was told by its environment, which the kernel still shows to its owner."""
    assert running.process is not None
    told = Path(f"/proc/{running.process.pid}/environ").read_text()
    assert found_in(told) == list(MARKERS)
    assert found_in(f"password={quote(PASSWORD, safe='')}") == ["database password"]


COMMANDS = [
    ["config", "explain"],
    ["--json", "config", "explain"],
    ["config", "explain", "ledger.keypair_private"],
    ["config", "check"],
    ["config", "env"],
    ["--json", "status"],
    ["db", "status"],
    ["ledger", "show-config"],
    ["ledger", "verify"],
    ["--json", "doctor"],
    ["--debug", "-v", "up"],
]


def outputs(runs: Mapping[str, tuple[RunningPlatform, list[str]]]) -> Evidence:
    """What commands print, a few of them at a time."""
    printed = Evidence()

    def run(name: str) -> tuple[str, str]:
        platform, args = runs[name]
        result = platform.run(*args)
        return name, result.stdout + result.stderr

    with ThreadPoolExecutor(3) as threads:
        for name, text in threads.map(run, runs):
            printed.add(name, text)
    return printed


@pytest.mark.timeout(120)
def test_commands(running: RunningPlatform) -> None:
    printed = outputs({" ".join(args): (running, args) for args in COMMANDS})
    assert "postgres" in printed.texts["config explain"]
    assert "in use by process" in printed.texts["--debug -v up"]
    assert printed.leaks() == {}


def misconfigurations(server: ExternalServer) -> dict[str, Mapping[str, str]]:
    """Secrets that are wrong, misspelt or out of place; the complaint may not repeat them."""
    mark = quote(PASSWORD, safe="")
    return {
        "nobody there": {"LAMINA_POSTGRES__DSN": f"postgresql://lamina:{mark}@127.0.0.1:1/none"},
        "wrong database": {"LAMINA_POSTGRES__DSN": server.dsn.replace("/postgres", "/nowhere")},
        "wrong role": {"LAMINA_POSTGRES__DSN": server.dsn.replace("//lamina", "//nobody")},
        "port is a word": {"LAMINA_POSTGRES__DSN": f"postgresql://lamina:{mark}@127.0.0.1:port/none"},
        "no url": {"LAMINA_POSTGRES__DSN": PASSWORD},
        "another scheme": {"LAMINA_POSTGRES__DSN": f"mysql://lamina:{mark}@127.0.0.1/none"},
        "unknown option": {"LAMINA_POSTGRES__DSN": f"{server.dsn}?password={mark}&nonsense=1"},
        "half a pair": {"LAMINA_LEDGER__KEYPAIR_PRIVATE": PRIVATE_KEY},
        "another pair": {
            "LAMINA_LEDGER__KEYPAIR_PRIVATE": PRIVATE_KEY,
            "LAMINA_LEDGER__KEYPAIR_PUBLIC": "1" * 43,
        },
        "key too long": {
            "LAMINA_LEDGER__KEYPAIR_PRIVATE": PRIVATE_KEY * 2,
            "LAMINA_LEDGER__KEYPAIR_PUBLIC": PUBLIC_KEY,
        },
        "key no base58": {
            "LAMINA_LEDGER__KEYPAIR_PRIVATE": PRIVATE_KEY + "0",
            "LAMINA_LEDGER__KEYPAIR_PUBLIC": PUBLIC_KEY,
        },
        "misspelt variable": {"LAMINA_ADMIN__TOKENS": ADMIN_TOKEN},
    }


@pytest.mark.timeout(180)
def test_complaints_do_not_repeat_secrets(server: ExternalServer) -> None:
    runs: dict[str, tuple[RunningPlatform, list[str]]] = {}
    with open_directory() as directory:
        for name, environment in misconfigurations(server).items():
            platform = RunningPlatform(directory / "data", environment=dict(environment))
            platform.dsn = None
            runs[name] = platform, ["--debug", "-v", "db", "status"]
            if name in {"nobody there", "no url", "key no base58"}:
                runs[f"{name}, as JSON"] = platform, ["--json", "db", "status"]
        for number, (name, text) in enumerate(files().items()):
            path = directory / f"lamina{number}.toml"
            path.write_text(text)
            path.chmod(0o600)
            platform = RunningPlatform(directory / "data")
            platform.dsn = None
            runs[name] = platform, ["--config", str(path), "--debug", "config", "check"]
        printed = outputs(runs)
    assert all(printed.texts.values())
    assert printed.leaks() == {}


def files() -> dict[str, str]:
    """Configuration files with a secret at the place of the mistake."""
    return {
        "broken file": f'[admin]\ntoken = "{ADMIN_TOKEN}\n',
        "secret without quotes": f"[ledger]\nkeypair_private = {PRIVATE_KEY}\n",
        "secret in a list": f'[admin]\ntoken = ["{ADMIN_TOKEN}"]\n',
        "secret in a table": f'[postgres]\ndsn = {{ url = "{PASSWORD}" }}\n',
        "unknown name": f'[admin]\ntokn = "{ADMIN_TOKEN}"\n',
    }
