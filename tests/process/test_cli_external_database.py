"""Commands on somebody else's PostgreSQL, entered with a password that must show nowhere."""

import asyncio
import json
import socket
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from tests.postgres_server import ExternalServer, execute, in_thread
from tests.process.command import Home
from tests.running_platform import free_port_offset, open_directory

PASSWORD = "marker-of-a-secret"


@pytest.fixture(scope="module")
def server() -> Iterator[ExternalServer]:
    with open_directory() as directory:
        external = ExternalServer(directory, password=PASSWORD).start()
        yield external
        external.stop()


@pytest.fixture(scope="module")
def home(server: ExternalServer, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A node whose original configuration names the server; the tests below run in their order."""
    made = Home(tmp_path_factory.mktemp("home"), {"LAMINA_PLATFORM__SERVICES": "ledger"})
    assert made.run("ledger", "-y", "configure", "postgres").returncode == 0
    document = json.loads(made.original_file.read_text())
    address = urlsplit(server.dsn)
    document["database"] |= {
        "host": address.hostname,
        "port": address.port,
        "name": "postgres",
        "login": "lamina",
        "password": PASSWORD,
        "max_tries": 2,
    }
    made.original_file.write_text(json.dumps(document))
    return made


def by_variable(server: ExternalServer) -> dict[str, str]:
    return {"LAMINA_POSTGRES__DSN": server.dsn}


def test_a_server_that_is_not_there_is_tried_and_given_up(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    done = home.run("ledger", "init", BIGCHAINDB_DATABASE_PORT=str(port))
    assert done.returncode == 5
    assert done.stderr.count(f"Connection to 127.0.0.1:{port} failed.") == 2
    assert "Cannot connect to the Database. Giving up." in done.stderr
    assert PASSWORD not in done.stderr


def test_a_plan_changes_nothing(home: Home, server: ExternalServer) -> None:
    done = home.run("db", "migrate", "--plan", **by_variable(server))
    assert done.stdout.startswith("would run ledger 0001_")
    document = home.json("db", "status", "--json", **by_variable(server))
    assert document["services"][0]["applied"] == 0
    assert document["services"][0]["pending"]
    schemas = "SELECT string_agg(nspname, ',') FROM pg_namespace WHERE nspname IN ('lamina', 'ledger')"
    assert home.run("db", "shell", "-Atc", schemas, **by_variable(server)).stdout == "\n"


def test_the_originals_configuration_reaches_the_server(home: Home) -> None:
    done = home.run("ledger", "init")
    assert (done.returncode, done.stderr) == (0, "Created the database `postgres` and its genesis block.\n")
    assert home.json("ledger", "verify", "--json")["valid"]
    assert not home.data_dir.exists()


def test_the_platforms_commands_see_the_same_database(home: Home, server: ExternalServer) -> None:
    assert home.run("db", "migrate", **by_variable(server)).stdout == "nothing to do\n"
    document = home.json("db", "status", "--json", **by_variable(server))
    assert (document["kind"], document["database"]) == ("external", "postgres")
    assert "lamina:***@127.0.0.1" in document["address"]


def test_the_shell_shows_no_password(home: Home, server: ExternalServer) -> None:
    command = r"\! tr '\000' ' ' < /proc/$PPID/cmdline"
    done = home.run("db", "shell", "-c", command, "-Atc", "SELECT current_user", **by_variable(server))
    assert done.returncode == 0, done.stderr
    assert "psql postgresql://lamina@127.0.0.1" in done.stdout
    assert done.stdout.endswith(" SELECT current_user lamina\n")
    assert PASSWORD not in done.stdout + done.stderr


def test_a_wrong_password_is_told_without_it(home: Home, server: ExternalServer) -> None:
    wrong = server.dsn.replace(PASSWORD, "another-secret")
    done = home.run("db", "status", LAMINA_POSTGRES__DSN=wrong)
    assert done.returncode == 5
    assert "another-secret" not in done.stderr


def test_the_ledger_alone_is_served_and_drained(home: Home) -> None:
    offset = free_port_offset()
    environment = {
        "LAMINA_PORT_OFFSET": str(offset),
        "LAMINA_LEDGER__BIND": f"127.0.0.1:{9984 + offset}",
        "LAMINA_LEDGER__WS_PORT": str(9985 + offset),
    }
    serving = subprocess.Popen(
        home.command("ledger", "serve"),
        env=home.environ(environment),
        cwd=home.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ready = home.run("status", "--wait", "60", **environment)
    serving.terminate()
    out, err = serving.communicate(timeout=60)
    assert (ready.returncode, serving.returncode) == (0, 0), err
    assert f"http://127.0.0.1:{9984 + offset}/" in out
    assert (home.path / "bigchaindb.log").exists(), "the file that configure wrote names it"
    assert PASSWORD not in out + err


def test_a_ledger_that_others_use_is_not_dropped(home: Home, server: ExternalServer) -> None:
    async def drop_meanwhile() -> tuple[int, str]:
        settings = {"application_name": "lamina ledger.web.1"}
        connection = await asyncpg.connect(server.dsn, server_settings=settings)
        done = await asyncio.to_thread(home.run, "ledger", "-y", "drop")
        await connection.close()
        return done.returncode, done.stderr

    code, text = in_thread(drop_meanwhile())
    assert code == 4
    assert "lamina ledger.web.1" in text
    done = home.run("ledger", "-y", "drop")
    assert (done.returncode, done.stderr) == (0, "Dropped `postgres`.\n")
    assert home.run("ledger", "verify").returncode == 4


def test_a_newer_database_is_told(home: Home, server: ExternalServer) -> None:
    newer = "INSERT INTO lamina.migrations VALUES ('ledger', 9999, '9999_pre_future.sql', 'x')"
    execute(server.dsn, newer)
    done = home.run("db", "status", **by_variable(server))
    assert done.returncode == 4
    assert "newer than this Lamina" in done.stdout
    assert home.run("ledger", "init").returncode == 4
