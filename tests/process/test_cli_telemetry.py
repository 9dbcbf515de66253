"""`lamina telemetry`: serve with the original's environment, replay, tail, purge; against real processes."""

import gzip
import json
import secrets
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests import plain_http
from tests.postgres_server import drop_database, new_database
from tests.process.command import Home
from tests.receiving import Receiver, receiving
from tests.running_platform import free_port_offset, open_directory
from tests.shared_data import shared_data
from tests.telemetry_service import Telemetry, wait_until
from websockets.sync.server import ServerConnection

TS = "2021-03-01T12:00:00.{:06}Z"


def invented() -> str:
    return f"Qm{secrets.token_hex(20)}"


def greeting(peer: str, number: int = 0) -> dict[str, Any]:
    return {
        "msg": "system.connected",
        "network_id": peer,
        "name": f"node {peer[:8]}",
        "ts": TS.format(number),
    }


def block(height: int) -> dict[str, Any]:
    return {"msg": "block.import", "height": height, "ts": TS.format(height)}


def lines(path: Path, documents: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))
    return path


def envelope(number: int, payload: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in payload.items() if name != "ts"}
    return {"id": number, "ts": payload["ts"], "payload": rest}


# --- replay ---


def test_a_capture_arrives_whole_under_the_right_peers(telemetry: Telemetry, tmp_path: Path) -> None:
    alice, bob, carol = invented(), invented(), invented()
    first = lines(
        tmp_path / "flat.jsonl",
        [greeting(alice), *map(block, range(700)), greeting(bob), *map(block, range(30))],
    )
    second = tmp_path / "envelopes.jsonl.gz"
    packed = [envelope(1, greeting(carol)), *(envelope(1, block(number)) for number in range(5))]
    second.write_bytes(gzip.compress("\n\n".join(map(json.dumps, packed)).encode()))
    done = telemetry.platform.run(
        "--json", "telemetry", "replay", str(first), str(second), "--connections", "7"
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["sent"], report["refused"], report["repeated"], report["reconnects"]) == (738, 0, 0, 0)
    assert 1 <= report["connections"] <= 3
    assert telemetry.wait_stored(alice, 701) == {"block.import": 700, "system.connected": 1}
    assert telemetry.wait_stored(bob, 31)["block.import"] == 30
    assert telemetry.wait_stored(carol, 6)["block.import"] == 5
    assert [each["height"] for each in telemetry.documents(alice)[1:]] == list(range(700))
    assert not telemetry.nodes()[alice]["audit"]


def test_the_shared_corpus_is_stored_from_a_pipe_as_text_for_good(telemetry: Telemetry) -> None:
    corpus = shared_data("telemetry", "v2_envelope.jsonl")
    messages = [json.loads(line) for line in corpus.read_text().splitlines()]
    peers = {
        each["payload"]["network_id"] for each in messages if each["payload"]["msg"] == "system.connected"
    }
    before = {peer: sum(telemetry.stats(peer).values()) for peer in peers}
    done = subprocess.run(
        [*telemetry.platform.command, "telemetry", "replay", "-", "--text", "--audit"],
        input=corpus.read_text(), env=telemetry.platform.environment(), capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.startswith(f"Sent {len(messages)} messages")) == (0, True), (
        done.stderr
    )
    stored = lambda: sum(sum(telemetry.stats(peer).values()) - before[peer] for peer in peers)  # noqa: E731
    wait_until(lambda: stored() == len(messages))
    assert all(telemetry.nodes()[peer]["audit"] for peer in peers)


def everything(receiver: Receiver, connection: ServerConnection) -> None:
    for _ in receiver.read(connection):
        pass


def twice_cut(receiver: Receiver, connection: ServerConnection) -> None:
    """The first two connections are cut in the middle, without a word."""
    for count, _ in enumerate(receiver.read(connection), start=1):
        if len(receiver.connections) <= 2 and count == 700:
            connection.socket.shutdown(2)
            return


def test_after_interruptions_nodes_greet_again_and_nothing_is_missing(home: Home, tmp_path: Path) -> None:
    documents = [greeting("Qm1"), *map(block, range(2500))]
    file = lines(tmp_path / "a.jsonl", documents)
    with receiving(twice_cut) as receiver:
        report = home.json("--json", "telemetry", "replay", str(file), "--to", receiver.url)
    assert (report["sent"], report["reconnects"], report["refused"]) == (2501, 2, 0)
    assert report["repeated"] > 2
    assert {json.loads(each[0])["msg"] for each in receiver.connections} == {"system.connected"}
    read = [json.loads(message) for message in receiver.messages]
    assert {each["height"] for each in read if each["msg"] == "block.import"} == set(range(2500))
    assert receiver.paths == ["/"] * 3


def test_a_message_that_is_too_large_is_told_and_the_others_arrive_once(home: Home, tmp_path: Path) -> None:
    large = {"msg": "system.network_state", "ts": TS.format(0), "state": {"p": "x" * 400_000}}
    file = lines(tmp_path / "a.jsonl", [*map(block, range(10)), large, *map(block, range(10, 20))])
    with receiving(everything, max_size=300_000) as receiver:
        done = home.run("--json", "telemetry", "replay", str(file), "--to", receiver.url, "--text")
    assert done.returncode == 4
    assert (json.loads(done.stdout)["sent"], json.loads(done.stdout)["refused"]) == (20, 1)
    assert "too large for the receiver" in json.loads(done.stderr.splitlines()[-1])["error"]["detail"]
    assert [json.loads(each)["height"] for each in receiver.messages] == list(range(20))
    assert receiver.texts == 20


def test_a_rate_is_kept(home: Home, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", [*map(block, range(120))])
    with receiving(everything) as receiver:
        report = home.json(
            "--json",
            "telemetry",
            "replay",
            str(file),
            "--to",
            receiver.url,
            "--rate",
            "200/s",
            "--connections",
            "3",
        )
    assert (report["connections"], len(receiver.messages)) == (3, 120)
    assert 0.55 <= report["seconds"] < 5


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["missing.jsonl"], 2, "there is no file missing.jsonl"),
        (["."], 2, "there is no file"),
        (["a.jsonl", "--rate", "fast"], 2, "not a rate such as 500/s"),
        (["a.jsonl", "--rate", "0"], 2, "not a rate"),
        (["a.jsonl", "--to", "localhost:8080"], 2, "not an address such as ws://localhost:8080/"),
        (["a.jsonl", "--to", "ws://127.0.0.1:9"], 5, "No receiver answers at ws://127.0.0.1:9/"),
        (["broken.gz"], 4, "broken.gz cannot be read"),
    ],
)
def test_what_cannot_be_done_is_told(home: Home, arguments: list[str], code: int, told: str) -> None:
    lines(home.path / "a.jsonl", [block(1)])
    (home.path / "broken.gz").write_bytes(b"\x1f\x8b nonsense")
    done = home.run("telemetry", "replay", *arguments)
    assert (done.returncode, told in " ".join(done.stderr.split())) == (code, True), done.stderr


def test_a_path_that_takes_no_nodes_is_told_at_once(telemetry: Telemetry, tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", [block(1)])
    to = f"{telemetry.platform.telemetry_url}/nodes"
    done = telemetry.platform.run("telemetry", "replay", str(file), "--to", to)
    assert done.returncode == 4
    assert "error[receiver_refused]" in done.stderr


def test_a_silent_pipe_does_not_hold_a_replay_that_failed(home: Home) -> None:
    process = subprocess.Popen(
        home.command("telemetry", "replay", "-", "--to", "ws://127.0.0.1:9/"),
        env=home.environ({}), cwd=home.path, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(json.dumps(block(1)) + "\n")
    process.stdin.flush()
    assert process.wait(20) == 5
    process.stdin.close()
    assert process.stderr is not None
    assert "error[receiver_unreachable]" in process.stderr.read()
    process.stderr.close()


# --- tail ---


def test_the_newest_messages_are_shown_oldest_first(telemetry: Telemetry) -> None:
    peer = invented()
    telemetry.send([greeting(peer), *map(block, range(1, 6))])
    telemetry.wait_stored(peer, 6)
    shown = telemetry.platform.run("--json", "telemetry", "tail", "--peer", peer, "--limit", "3")
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [row["logs"]["height"] for row in rows] == [3, 4, 5]
    everybody = telemetry.platform.run("telemetry", "tail", "--msg", "system.connected", "--limit", "100000")
    (line,) = [line for line in everybody.stdout.splitlines() if peer in line]
    assert line.startswith(
        f"2021-03-01T12:00:00  node {peer[:8]} ({peer[:6]}…{peer[-6:]})  system.connected  {{"
    )
    assert telemetry.platform.run("telemetry", "tail", "--peer", "nobody").stdout == ""


def test_following_shows_what_is_stored_meanwhile_once(telemetry: Telemetry) -> None:
    peer, later = invented(), invented()
    telemetry.send([greeting(peer), block(5)])
    telemetry.wait_stored(peer, 2)
    following = ("--json", "telemetry", "tail", "--msg", "block.import", "--limit", "100000", "--follow")
    process = subprocess.Popen(
        [*telemetry.platform.command, *following],
        env=telemetry.platform.environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    rows: list[dict[str, Any]] = []
    reader = threading.Thread(target=lambda: rows.extend(map(json.loads, process.stdout or ())))
    reader.start()

    def heights(of: str) -> list[int]:
        return [row["logs"]["height"] for row in rows if row["peer_id"] == of]

    try:
        wait_until(lambda: heights(peer) == [5])
        # Late by the node's own clock, one twice, and of a node that was not there before.
        telemetry.send([greeting(peer), block(6), block(6), block(4), block(7)])
        telemetry.send([greeting(later), block(1)])
        wait_until(lambda: sorted(heights(peer)) == [4, 5, 6, 6, 7] and heights(later) == [1])
        telemetry.send([greeting(peer), block(8)])
        wait_until(lambda: heights(peer)[-1] == 8)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()
    assert len(heights(peer)) == 6


def test_without_a_receiver_there_is_nothing_to_show(home: Home) -> None:
    done = home.run("telemetry", "tail")
    assert done.returncode == 5
    assert "Run: lamina up" in done.stderr


# --- purge, and serve with the original's environment ---


@pytest.fixture
def home() -> Iterator[Home]:
    with open_directory() as path:
        yield Home(path, {"LAMINA_PORT_OFFSET": str(free_port_offset())})


class Receiving:
    """`lamina telemetry serve` as the original's users start it."""

    def __init__(self, home: Home, **environment: str) -> None:
        self.log = home.path / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                home.command("--log-format", "json", "telemetry", "serve"),
                env=home.environ(environment), cwd=home.path, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        waited = home.run("status", "--wait", "40")
        assert waited.returncode == 0, self.log.read_text()
        self.status = waited.stdout

    def events(self, name: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [event for event in found if event["event"] == name]

    def stop(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(40)


def test_serve_and_purge_in_the_originals_words(home: Home, postgres: str, tmp_path: Path) -> None:
    dsn = new_database(postgres)
    port = 8080 + int(home.environment["LAMINA_PORT_OFFSET"]) + 4
    (home.path / ".env").write_text(
        f"PORT=1\nLOG_EXPIRY_H=5\nDB_BATCH_SIZE=2_000\nHEARTBEAT_INTERVAL=soon\nDATABASE_URL={dsn}\n"
    )
    (home.path / ".env").chmod(0o644)
    environment = {"PORT": str(port), "CACHE_EXPIRY_S": "", "DB_POOL_SIZE": "3", "RUST_LOG": "error,x=info"}
    receiver = Receiving(home, **environment)
    try:
        log = receiver.log.read_text()
        assert (
            "warning: HEARTBEAT_INTERVAL is ignored: telemetry.heartbeat_interval_s: should be a valid number"
            in log
        )
        assert "warning: others may read .env, which holds DATABASE_URL. Run: chmod 600 .env" in log
        (shown,) = receiver.events("settings in force")
        names = (
            "port",
            "host",
            "log_expiry_h",
            "batch_messages_max",
            "heartbeat_interval_s",
            "cache_expiry_s",
        )
        assert [shown[name] for name in names] == [port, "0.0.0.0", 5, 2000, 5.0, 3600]
        assert (shown["pool_connections_max"], shown["log_level"], shown["sync_commit"]) == (3, "info", True)
        assert "PostgreSQL: external" in receiver.status
        assert f"http://localhost:{port}/" in receiver.status

        peer, audited = invented(), invented()
        for path, who in (("", peer), ("audit", audited)):
            file = lines(tmp_path / f"{who}.jsonl", [greeting(who), *map(block, range(9))])
            to = f"ws://127.0.0.1:{port}/{path}"
            assert home.run("telemetry", "replay", str(file), "--to", to).returncode == 0
        url = f"http://127.0.0.1:{port}/nodes/log_stats"

        def stored(who: str) -> int:
            rows = plain_http.get(url, params={"peer_id": who}).json()
            return sum(row["qty"] for row in rows)

        wait_until(lambda: (stored(peer), stored(audited)) == (10, 10))
        kept = home.json("telemetry", "purge", "--older-than", "280320", "--json", **environment)
        assert kept == {"older_than_h": 280_320, "messages": 0, "connections": 0}
        assert home.json("telemetry", "purge", "--json", **environment)["older_than_h"] == 5
        assert (stored(peer), stored(audited)) == (0, 10)
        assert home.run("telemetry", "purge", **environment).stdout == (
            "Removed 0 messages older than 5 h, and 0 connections.\n"
        )
    finally:
        assert receiver.stop() == 0
        text = receiver.log.read_text()
        drop_database(postgres, dsn)
    for part in (dsn, dsn.rpartition("/")[2], *filter(None, (httpx.URL(dsn).password,))):
        assert part not in text
    gone = home.run("telemetry", "tail", **environment)
    assert f"No telemetry answers at http://127.0.0.1:{port}" in gone.stderr


def test_purge_without_telemetry_says_what_makes_one(home: Home, postgres: str) -> None:
    assert home.run("telemetry", "purge").returncode == 4
    dsn = new_database(postgres)
    done = home.run("telemetry", "purge", DATABASE_URL=dsn)
    drop_database(postgres, dsn)
    assert done.returncode == 4
    assert "lamina telemetry serve" in done.stderr


def test_a_database_url_that_cannot_be_used_is_no_reason_for_another_database(home: Home) -> None:
    done = home.run("telemetry", "serve", DATABASE_URL="mysql://save:marker@db.example/save")
    assert done.returncode == 3
    assert "DATABASE_URL" in done.stderr
    assert "marker" not in done.stderr
    assert not home.data_dir.exists()
