"""`lamina scheduler`: the original's arguments and environment, reupload, location; against real processes."""

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests import plain_http
from tests.data_items import wallet
from tests.json_server import Answering, answering
from tests.postgres_server import drop_database, new_database
from tests.process.command import Home
from tests.running_platform import RunningPlatform, free_port_offset, open_directory
from tests.scheduler_unit import message, scheduler_running, signer, spawn

from lamina.formats.ans104.item import parse
from lamina.formats.ans104.verification import verify

NEEDED = ("SU_WALLET_PATH", "DATABASE_URL", "GATEWAY_URL", "UPLOAD_NODE_URL")


@pytest.fixture
def home() -> Iterator[Home]:
    with open_directory() as directory:
        yield Home(directory)


@pytest.fixture
def gateway() -> Iterator[Answering]:
    with answering() as told:
        told.says("/info", b'{"height":77}')
        told.says("/tx/arweave", b"{}")
        told.says("/graphql", b'{"data":{"transactions":{"edges":[]}}}')
        yield told


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (("su",), "Port argument not provided"),
        (("router",), "Port argument not provided"),
        (("su", "nope"), "Port number is not valid"),
        (("su", "65536"), "Port number is not valid"),
        (("su", "-1"), ""),
        (("router", "9000.5"), "Port number is not valid"),
    ],
)
def test_arguments_of_the_original(home: Home, args: tuple[str, ...], text: str) -> None:
    done = home.run("scheduler", *args, MODE="su")
    assert (done.returncode, text in done.stderr) == (2, True), done.stderr


def test_a_mode_from_the_environment_still_misses_its_port(home: Home) -> None:
    done = home.run("scheduler", MODE="su")
    assert (done.returncode, "Port argument not provided" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("missing", NEEDED)
def test_what_the_original_needs_is_needed_under_its_name(home: Home, missing: str) -> None:
    values = dict.fromkeys(NEEDED, "http://127.0.0.1:1") | {"DATABASE_URL": "postgres://a@127.0.0.1:1/su"}
    del values[missing]
    done = home.run("scheduler", "su", "9000", **values)
    assert (done.returncode, f"{missing}: NotPresent" in done.stderr) == (3, True), done.stderr


def test_a_number_that_is_none_ends_the_program(home: Home) -> None:
    done = home.run("scheduler", "su", "9000", DB_WRITE_CONNECTIONS="ten")
    assert (done.returncode, "DB_WRITE_CONNECTIONS" in done.stderr) == (3, True), done.stderr


def test_several_databases_are_refused_and_not_shown(home: Home) -> None:
    done = home.run("scheduler", "su", "9000", MULTI_TENANT_BASE_CONN="postgres://a:marker@b/c")
    assert (done.returncode, "MULTI_TENANT_BASE_CONN" in done.stderr) == (3, True), done.stderr
    assert "marker" not in done.stderr


def _wallet_file(home: Home) -> str:
    file = home.path / "wallet.json"
    file.write_bytes(wallet().jwk())
    file.chmod(0o600)
    return str(file)


def serving(home: Home, *args: str, **environment: str) -> subprocess.Popen[bytes]:
    with (home.path / "log").open("ab") as log:
        return subprocess.Popen(
            home.command(*args), env=home.environ(environment), cwd=home.path, stdout=log, stderr=log
        )


def wait_answer(home: Home, url: str) -> Any:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            answer = plain_http.get(url)
            if answer.status_code == 200:
                return answer.json()
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError((home.path / "log").read_text())


def test_a_unit_starts_as_the_original_with_a_dotenv_file(
    home: Home, gateway: Answering, postgres: str
) -> None:
    dsn, offset = new_database(postgres), free_port_offset()
    jwk = _wallet_file(home)
    dotenv = home.path / ".env"
    dotenv.write_text(
        f"SU_WALLET_PATH={jwk}\nDATABASE_URL={dsn}\nGATEWAY_URL={gateway.url}/\n"
        f'UPLOAD_NODE_URL=http://127.0.0.1:1\nSCHEDULER_LIST_PATH=""\n'
    )
    dotenv.chmod(0o600)
    unit = serving(
        home, "--port-offset", str(offset), "scheduler", "su", str(9000 + offset), UPLOAD_NODE_URL=gateway.url
    )
    try:
        url = f"http://127.0.0.1:{9000 + offset}"
        assert wait_answer(home, f"{url}/timestamp")["block_height"] == f"{77:012}"
        assert wait_answer(home, url)["address"] == wallet().address
        item = spawn(signer())
        assert plain_http.post(url, content=item.to_bytes()).status_code == 200
        deadline = time.monotonic() + 20
        while not any(path == "/tx/arweave" for _, path, _ in gateway.asked):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        unit.send_signal(signal.SIGTERM)
        assert unit.wait(30) == 0
    drop_database(postgres, dsn)


def test_a_router_starts_as_the_original_before_a_unit(home: Home, gateway: Answering, postgres: str) -> None:
    """Both have the same environment, as the original's do; the mode in it is not the argument's."""
    dsn = new_database(postgres)
    offsets = [free_port_offset(), free_port_offset()]
    ports = [9000 + offsets[0], 9001 + offsets[1]]
    unit_url, router_url = (f"http://127.0.0.1:{port}" for port in ports)
    units = home.path / "schedulers.json"
    units.write_text(json.dumps([{"url": unit_url}]))
    environment = {
        "SU_WALLET_PATH": _wallet_file(home),
        "DATABASE_URL": dsn,
        "GATEWAY_URL": gateway.url,
        "UPLOAD_NODE_URL": gateway.url,
        "SCHEDULER_LIST_PATH": str(units),
    }

    def start(mode: str, number: int, not_its_mode: str) -> subprocess.Popen[bytes]:
        where = ("--data-dir", str(home.path / mode), "--port-offset", str(offsets[number]))
        args = (*where, "scheduler", mode, str(ports[number]))
        return serving(home, *args, MODE=not_its_mode, **environment)

    running = [start("su", 0, "router"), start("router", 1, "su")]
    try:
        assert wait_answer(home, f"{unit_url}/timestamp")["block_height"] == f"{77:012}"
        item = spawn(signer())
        deadline = time.monotonic() + 40
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = plain_http.post(router_url, content=item.to_bytes())
                if answer.status_code == 307:
                    break
            assert time.monotonic() < deadline, (home.path / "log").read_text()
            time.sleep(0.1)
        assert answer.headers["location"] == f"{unit_url}/"
        assert plain_http.post(unit_url, content=item.to_bytes()).status_code == 200
        found = plain_http.get(f"{router_url}/processes/{item.id}", follow_redirects=True)
        assert found.json()["process_id"] == item.id
    finally:
        for each in running:
            each.send_signal(signal.SIGTERM)
        assert [each.wait(30) for each in running] == [0, 0]
    drop_database(postgres, dsn)


@pytest.mark.parametrize("listed", [None, ""])
def test_a_router_needs_the_name_of_a_list(home: Home, listed: str | None) -> None:
    """It may be empty, says the original: then the next thing that is wrong is the database."""
    values = dict.fromkeys(NEEDED, "http://127.0.0.1:1") | {"DATABASE_URL": "postgres://a@127.0.0.1:1/su"}
    if listed is not None:
        values["SCHEDULER_LIST_PATH"] = listed
    done = home.run("scheduler", "router", "9000", **values)
    assert ("SCHEDULER_LIST_PATH: NotPresent" in done.stderr) == (listed is None), done.stderr
    assert done.returncode == (3 if listed is None else 5)


@pytest.mark.timeout(180)  # a process for each of seven commands
def test_what_a_gateway_lost_is_uploaded_again(gateway: Answering) -> None:
    with scheduler_running() as unit:
        by = signer()
        process = spawn(by)
        assert unit.post(process.to_bytes()).status_code == 200
        items = [message(by, process, b"%d" % number) for number in range(4)]
        for item in items:
            assert unit.post(item.to_bytes()).status_code == 200
        nodes = unit.edges(process.id)
        since = next(tag["value"] for tag in nodes[0]["assignment"]["tags"] if tag["name"] == "Timestamp")

        def run(*args: str) -> subprocess.CompletedProcess[str]:
            return _asking(gateway, unit.platform, *args)

        known = {"data": {"transactions": {"edges": [{"node": {"id": nodes[1]["assignment"]["id"]}}]}}}
        gateway.says("/graphql", json.dumps(known).encode())
        args = ("--json", "scheduler", "reupload_bundles", process.id, since, "0")
        done = run(*args)
        assert json.loads(done.stdout) == {"checked": 3, "uploaded": 0}, done.stderr
        gateway.says("/graphql", b'{"data":{"transactions":{"edges":[]}}}')
        done = run(*args)
        assert json.loads(done.stdout) == {"checked": 3, "uploaded": 3}, done.stderr
        sent = [body for _, path, body in gateway.asked if path == "/tx/arweave"]
        assert len(sent) == 3
        for body, node, item in zip(sent, nodes[1:], items[1:], strict=True):
            assert verify(parse(body))
            assert item.to_bytes() in body
            assert parse(body).tag("Bundle-Format") == "binary"
            assert node["message"]["id"] == item.id
        hyphen = run("scheduler", "reupload", "-h" + process.id[2:-1] + "A", "0")
        assert (hyphen.returncode, "was never spawned here" in hyphen.stderr) == (0, True), hyphen.stderr
        usage = run("scheduler", "reupload", process.id)
        assert (usage.returncode, usage.stdout, "Usage" in usage.stderr) == (0, "", True)
        assert run("scheduler", "reupload", "nope", "0").returncode == 2
        stranger = run("scheduler", "reupload", items[0].id, "0")
        assert (stranger.returncode, "was never spawned here" in stranger.stderr) == (0, True)


def _asking(gateway: Answering, platform: RunningPlatform, *args: str) -> subprocess.CompletedProcess[str]:
    """A command on this platform's data that asks another gateway than the platform does."""
    environment = platform.environment() | {"LAMINA_SCHEDULER__GATEWAY_URL": gateway.url}
    return subprocess.run(
        [*platform.command, *args], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_location_is_published(home: Home, gateway: Answering) -> None:
    absent = home.run("scheduler", "location", "--url", "https://su.example", GATEWAY_URL=gateway.url)
    assert (absent.returncode, "There is no wallet" in absent.stderr) == (3, True), absent.stderr
    home.environment |= {"GATEWAY_URL": gateway.url, "SU_WALLET_PATH": _wallet_file(home)}
    done = home.json(
        "--json", "scheduler", "location", "--url", "https://su.example/", "--time-to-live", "1000",
    )  # fmt: skip
    (body,) = [body for _, path, body in gateway.asked if path == "/tx/arweave"]
    item = parse(body)
    assert verify(item)
    assert (item.id, item.owner) == (done["id"], wallet().owner)
    assert [(tag.name, tag.value) for tag in item.tags] == [
        ("Data-Protocol", "ao"),
        ("Type", "Scheduler-Location"),
        ("Url", "https://su.example"),
        ("Time-To-Live", "1000"),
    ]
    gateway.says("/tx/arweave", b"", 503)
    failed = home.run("scheduler", "location", "--url", "https://su.example")
    assert (failed.returncode, "503" in failed.stderr) == (5, True), failed.stderr
    assert home.run("scheduler", "location", "--url", "su.example").returncode == 2


def test_a_trial_platform_asks_its_own_gateway() -> None:
    with scheduler_running(gateway_url="") as unit:
        assert unit.post(spawn(signer()).to_bytes()).status_code == 200
        mode = (unit.platform.data_dir / "scheduler.wallet.json").stat().st_mode
        assert mode & 0o777 == 0o600
