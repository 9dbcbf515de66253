"""A node's life by commands: init, start, verify, rejected, shell, drop, on an embedded database."""

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import plain_http
from tests.process.command import TIMEOUT_S, Home
from tests.running_platform import free_port_offset, open_directory
from tests.wire.ledger_client import post, wait_until_valid

from lamina.formats import transaction as build
from lamina.formats.signatures import KeyPair

QUESTION = "Do you want to drop `bigchain` database? [y/n]: "
GONE = "Cannot drop 'bigchain'. The database does not exist.\n"


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home with a key; its data directory may have its cluster elsewhere, as root's has."""
    with open_directory() as path:
        made = Home(
            path, {"LAMINA_PORT_OFFSET": str(free_port_offset()), "LAMINA_PLATFORM__SERVICES": "ledger"}
        )
        yield made
        cluster = made.data_dir / "postgres"
        if cluster.is_symlink():
            shutil.rmtree(cluster.resolve())


class Node:
    """`lamina ledger start` in the background."""

    def __init__(self, home: Home) -> None:
        self.home = home
        offset = int(home.environment["LAMINA_PORT_OFFSET"])
        self.url = f"http://127.0.0.1:{9984 + offset}"
        self._process = subprocess.Popen(
            home.command("--json", "ledger", "-l", "info", "start", "--dev-allow-temp-keypair"),
            env=home.environ({}),
            cwd=home.path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert home.run("status", "--wait", "60").returncode == 0

    def stop(self) -> tuple[int, str, str]:
        """SIGTERM, if it runs; returns exit code, standard output and standard error."""
        self._process.send_signal(signal.SIGTERM)
        out, err = self._process.communicate(timeout=TIMEOUT_S)
        return self._process.returncode, out, err


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"PGSSLMODE": "require"}, "PGSSLMODE=require asks for TLS, which the embedded PostgreSQL has not"),
        (
            {"LAMINA_POSTGRES__DSN": "postgresql://lamina@/lamina?host=/run/postgresql&sslmode=require"},
            "should not ask for TLS on a UNIX socket, nor of the embedded PostgreSQL",
        ),
    ],
)
def test_tls_is_refused_where_there_is_none(tmp_path: Path, environment: dict[str, str], told: str) -> None:
    home = Home(tmp_path, {"LAMINA_PORT_OFFSET": str(free_port_offset())})
    done = home.run("up", **environment)
    assert (done.returncode, told in done.stderr) == (3, True), done.stderr
    assert not (home.data_dir / "postgres").exists()


@pytest.fixture(scope="module")
def node(home: Home) -> Iterator[Node]:
    """The started node; the last test stops it."""
    running = Node(home)
    yield running
    running.stop()


def test_without_a_key_nothing_is_begun(home: Home) -> None:
    init, start = home.run("ledger", "init"), home.run("ledger", "start")
    assert (init.returncode, start.returncode) == (1, 1)
    assert "error[ledger_keypair_not_found]" in init.stderr
    no_key = "Can't start BigchainDB, no keypair found. Did you run `bigchaindb configure`?"
    assert start.stderr.splitlines()[0] == no_key
    assert not home.data_dir.exists()


def test_a_platform_that_does_not_run_has_nothing_to_tell(home: Home) -> None:
    assert home.run("ledger", "verify").returncode == 4
    assert home.run("ledger", "rejected").returncode in {3, 5}
    assert home.json("db", "status", "--json") == {
        "exists": False,
        "kind": "embedded",
        "address": str(home.data_dir),
    }
    drop = home.run("ledger", "-y", "drop")
    assert (drop.returncode, drop.stderr) == (0, GONE)
    assert not home.data_dir.exists()


def test_a_started_node_takes_transactions_and_verifies(node: Node) -> None:
    alice = KeyPair.generate()
    created = build.sign(build.create(alice.public, [(alice.public, 1)], {"a": "b"}, None), [alice])
    with plain_http.Client(base_url=node.url, timeout=20) as client:
        assert post(client, created).status_code == 202
        wait_until_valid(client, created["id"])
    document = node.home.json("ledger", "verify", "--json")
    assert (document["valid"], document["flaw_count"], document["flaws"]) == (True, 0, [])
    assert (document["blocks"], document["transactions"], document["votes"]) == (2, 2, 1)
    assert document["members_from"] == "settings"
    person = node.home.run("ledger", "verify", "--from", "2")
    assert person.stdout.startswith("valid: blocks 2 to 2, 1 transactions, 1 votes, 0 flaws")
    assert "verify  100.0 %  1/1 blocks" in person.stderr


def test_the_temporary_key_stays_the_nodes(node: Node) -> None:
    exported = node.home.run("ledger", "export-my-pubkey").stdout.strip()
    assert plain_http.get(node.url).json()["public_key"] == exported


def test_an_existing_database_is_left_as_it_is(node: Node) -> None:
    done = node.home.run("ledger", "init")
    assert done.returncode == 0
    assert done.stderr == "The database already exists.\nIf you wish to re-initialize it, first drop it.\n"


def test_a_running_node_is_not_dropped(node: Node) -> None:
    done = node.home.run("ledger", "-y", "drop")
    assert done.returncode == 4
    assert "error[already_running]" in done.stderr
    assert node.home.json("ledger", "verify", "--json")["valid"]


def test_the_shell_reaches_the_running_database_and_tampering_is_found(node: Node) -> None:
    shell = node.home.run("db", "shell", "-Atc", "SELECT count(*) FROM ledger.log")
    assert (shell.returncode, shell.stdout) == (0, "2\n")
    assert node.home.run("db", "shell", "-Atc", "SELECT 1/0").returncode == 1
    node.home.run("db", "shell", "-c", "UPDATE ledger.tx_index SET byte_length = 1 WHERE seq = 2")
    document = node.home.json("ledger", "verify", "--json", exit_code=6)
    assert (document["valid"], document["flaw_count"]) == (False, 2)
    assert {flaw["kind"] for flaw in document["flaws"]} == {"tx_index"}
    person = node.home.run("ledger", "verify")
    assert person.returncode == 6
    assert "tx_index         block 2" in person.stdout
    assert "invalid: blocks 1 to 2" in person.stdout
    mend = (
        "UPDATE ledger.tx_index SET byte_length = (SELECT octet_length(body) FROM ledger.log WHERE seq = 2)"
    )
    node.home.run("db", "shell", "-c", mend)


def test_rejections_come_from_the_admin_listener(node: Node) -> None:
    insert = (
        "INSERT INTO ledger.rejected (tx_id, reason, detail, body, accepted_at)"
        " VALUES ('\\xab', 'DoubleSpend', 'input `x` was already spent', '', now())"
    )
    node.home.run("db", "shell", "-c", insert)
    (row,) = node.home.json("ledger", "rejected", "--json")
    assert (row["transaction_id"], row["reason"]) == ("ab", "DoubleSpend")
    assert "was already spent" in node.home.run("ledger", "rejected").stdout
    assert node.home.json("ledger", "rejected", "--json", "--before", row["rejected_at"]) == []
    token = node.home.data_dir / "admin.token"
    wrong = node.home.run("ledger", "rejected", LAMINA_ADMIN__TOKEN="wrong")
    assert wrong.returncode == 4
    assert token.read_text().strip() not in wrong.stderr


def test_the_doctor_knows_the_running_node(node: Node) -> None:
    found = node.home.json("doctor", "--json")["checks"]
    texts = [each["text"] for each in found]
    assert any("is ready at" in text for text in texts)
    assert sum("is this platform's" in text for text in texts) == 3


def test_the_database_is_shown_with_its_clients(node: Node) -> None:
    document = node.home.json("db", "status", "--json")
    assert (document["kind"], document["data_checksums"]) == ("running", True)
    assert "lamina ledger.pipeline.1" in document["clients"]
    (ledger,) = [each for each in document["services"] if each["service"] == "ledger"]
    assert (ledger["pending"], ledger["unknown"]) == ([], [])
    assert node.home.run("db", "migrate", "--plan").stdout == "nothing to do\n"


def test_the_log_is_where_the_original_had_it(node: Node) -> None:
    lines = (node.home.path / "bigchaindb.log").read_text().splitlines()
    assert any(json.loads(line)["event"] == "migrated" for line in lines)
    assert (node.home.path / "bigchaindb-errors.log").read_text() == ""


def test_a_stopped_node_is_dropped_on_y_alone(node: Node) -> None:
    code, out, err = node.stop()
    assert code == 0, err
    assert json.loads(out)["services"] == ["ledger"]
    assert "warning: Keypair found" not in err
    home = node.home
    kept = home.run("ledger", "drop", stdin="yes\n")
    assert (kept.returncode, kept.stderr) == (0, QUESTION)
    dropped = home.run("ledger", "drop", stdin="y\n")
    assert (dropped.returncode, dropped.stderr) == (0, QUESTION + "Dropped `bigchain`.\n")
    again = home.run("ledger", "-y", "drop")
    assert (again.returncode, again.stderr) == (0, GONE)
    assert home.run("ledger", "init").stderr == "Created the database `bigchain` and its genesis block.\n"
    assert home.json("ledger", "verify", "--json")["blocks"] == 1
