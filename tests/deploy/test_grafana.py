"""The dashboards: that Grafana can load them, and that PostgreSQL answers what they ask, for a role that may only read."""

import itertools
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from tests.deploy.grafana import DASHBOARDS, FOLDER, Query, filled_sql, queries, read
from tests.deploy.shipped import DEPLOY, documents
from tests.postgres_server import execute, fetch, in_thread
from tests.telemetry_messages import Node
from tests.telemetry_service import database_dsn, telemetry_running

SQL = [query for name in DASHBOARDS for query in queries(name) if query.language == "sql"]
ROLE_FILE = DEPLOY / "sql" / "reader-role.sql"
AWKWARD = "it's \"named\" $peer ${span:sqlstring} \\ 'x"
TARGETS = {"pallet_babe": ("on_initialize", "plan's end"), "runtime": ("execute_block",)}
DAYS = 3
FORBIDDEN = (
    "INSERT INTO peer_connections (ip_addr) VALUES ('x')",
    "UPDATE tetcore_logs SET logs = '{}'",
    "DELETE FROM tetcore_logs",
    "DELETE FROM telemetry.peer_connections",
    "TRUNCATE telemetry.tetcore_logs",
    "SELECT nextval('telemetry.tetcore_logs_id_seq')",
    "SELECT * FROM lamina.migrations",
    "CREATE TABLE public.mine (x int)",
    "CREATE TABLE telemetry.mine (x int)",
    "CREATE SCHEMA mine",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT rolpassword FROM pg_authid",
    "COPY (SELECT 1) TO PROGRAM 'true'",
)


@pytest.mark.parametrize("name", DASHBOARDS)
def test_grafana_can_load_it(name: str) -> None:
    board = read(name)
    assert re.fullmatch(r"[a-z-]{1,40}", board["uid"])
    assert board["title"]
    assert board["schemaVersion"] >= 36
    assert board["id"] is None
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids) > 0
    for panel in board["panels"]:
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["description"].endswith(".")
            assert panel["targets"]
            refs = [target["refId"] for target in panel["targets"]]
            assert len(set(refs)) == len(refs)
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    for one, other in itertools.combinations((panel["gridPos"] for panel in board["panels"]), 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)


def test_every_source_is_provisioned_and_no_secret_is() -> None:
    (provisioned,) = documents(FOLDER / "provisioning" / "datasources" / "lamina.yml")
    sources = {each["uid"]: each for each in provisioned["datasources"]}
    assert {each["name"] for each in sources.values()} == set(sources) == {"PostgreSQL", "Prometheus"}
    used = {
        match
        for path in DASHBOARDS.values()
        for match in re.findall(r'"uid": "(\w+)"', path.read_text().partition('"templating"')[2])
    }
    assert used == set(sources)
    assert sources["PostgreSQL"]["secureJsonData"] == {"password": "$LAMINA_READER_PASSWORD"}
    for source in sources.values():
        assert source["url"].startswith("$")
        assert source["editable"] is False


def test_the_dashboards_are_provisioned() -> None:
    (provisioned,) = documents(FOLDER / "provisioning" / "dashboards" / "lamina.yml")
    (provider,) = provisioned["providers"]
    assert provider["type"] == "file"
    guide = (DEPLOY.parent / "docs" / "how-to" / "watch-with-grafana-and-prometheus.md").read_text()
    assert provider["options"]["path"] in guide
    boards = [read(name) for name in DASHBOARDS]
    assert len({board["uid"] for board in boards}) == len({board["title"] for board in boards}) == len(boards)
    assert all(board["title"] in guide for board in boards)


def test_the_originals_dashboards_are_there() -> None:
    """Spec 12: their titles, panels and variables are what people know."""
    save, runtime = read("tetcore-save.json"), read("runtime.json")
    assert save["title"] == "Tetcore Save"
    assert [panel["title"] for panel in save["panels"]][:2] == ["Round", "Peers"]
    assert [variable["name"] for variable in save["templating"]["list"]] == ["peer"]
    assert runtime["title"] == "Runtime"
    assert runtime["panels"][0]["title"] == "$target - $span"
    assert [variable["name"] for variable in runtime["templating"]["list"]] == ["peer", "target", "span"]


@dataclass(frozen=True)
class Database:
    """A telemetry database with messages in it, asked by the role of the dashboards, about a range of time."""

    owner: str
    role: str
    since: datetime
    until: datetime
    variables: dict[str, list[str]]

    def filled(self, query: Query) -> str:
        return filled_sql(query.text, self.since, self.until, self.variables)

    def ask(self, sql: str, *, read_only: bool = True) -> list[dict[str, Any]]:
        """The rows, as the role, with nothing but the unqualified names."""

        async def work() -> list[dict[str, Any]]:
            connection = await asyncpg.connect(self.owner)
            try:
                await connection.execute(f"SET SESSION AUTHORIZATION {self.role}")
                await connection.execute(f"SET default_transaction_read_only = {read_only}")
                return [dict(row.items()) for row in await connection.fetch(sql)]
            finally:
                await connection.close()

        return in_thread(work())

    def plan(self, query: Query) -> str:
        return "\n".join(row["QUERY PLAN"] for row in self.ask(f"EXPLAIN {self.filled(query)}"))


def spoken(node: Node, count: int) -> Iterator[dict[str, Any]]:
    """What the dashboards show, and what must not hurt them."""
    yield node.hello(name=AWKWARD)
    for number in range(count):
        height = {"height": number + 20, "finalized_height": number + 17}
        yield node.say({"msg": "system.interval", **height, "best": "0x00"})
        yield node.say({"msg": "system.interval", "peers": number, "bandwidth_download": 1})
        yield node.say({"msg": "afg.announcing_blocks_to_voted_peers", "block": "0x00", "round": str(number)})
        for target, spans in TARGETS.items():
            for span in spans:
                time = 1_500 if node.envelope is not None else "1500"
                yield node.say({"msg": "tracing.profiling", "target": target, "name": span, "time": time})
    for odd in ("", "many", None, -1, 1.5, {"a": 1}, 10**30):
        yield node.say({"msg": "system.interval", "peers": odd, "height": odd, "finalized_height": odd})
        yield node.say({"msg": "afg.announcing_blocks_to_voted_peers", "round": odd})
        yield node.say(
            {"msg": "tracing.profiling", "target": "pallet_babe", "name": "plan's end", "time": odd}
        )


@pytest.fixture(scope="module")
def database(postgres: str) -> Iterator[Database]:
    """Two nodes of either shape that have said something in the last minutes."""
    until = datetime.now(UTC)
    with telemetry_running(postgres) as telemetry:
        peers = []
        for seed, envelope in ((901, None), (902, 1)):
            node = Node(seed, envelope=envelope, at=until - timedelta(minutes=10), step=timedelta(seconds=1))
            messages = list(spoken(node, 60))
            telemetry.send(messages)
            telemetry.wait_stored(node.peer_id, len(messages))
            peers.append(node.peer_id)
        owner, role = database_dsn(telemetry.platform), f"reader_{secrets.token_hex(4)}"
        execute(owner, f"CREATE ROLE {role}", ROLE_FILE.read_text().replace(':"role"', role), "ANALYZE")
        chosen = {"peer": peers, "target": ["pallet_babe"], "span": [TARGETS["pallet_babe"][1]]}
        yield Database(owner, role, until - timedelta(days=1), until, chosen)
        execute(owner, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.mark.parametrize("query", SQL, ids=lambda query: query.place)
def test_the_database_answers_as_the_reader(database: Database, query: Query) -> None:
    rows = database.ask(database.filled(query))
    assert rows
    if query.shape == "time_series":
        assert all(row["time"] is not None for row in rows)
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
        values = [name for name in rows[0] if name not in {"time", "metric"}]
        assert values
        assert all(row[name] is not None for row in rows for name in values)


def answers(database: Database, place: str) -> list[dict[str, Any]]:
    (query,) = [query for query in SQL if query.place == place]
    return database.ask(database.filled(query))


def test_peers_are_chosen_by_name(database: Database) -> None:
    rows = answers(database, "tetcore-save.json: variable peer")
    assert {row["__value"] for row in rows} == set(database.variables["peer"])
    assert [row["__text"] for row in rows] == sorted(
        f"{AWKWARD} ({peer[-6:]})" for peer in database.variables["peer"]
    )


def test_rounds_and_peers_are_numbers_of_both_shapes(database: Database) -> None:
    for place in ("tetcore-save.json: Round", "tetcore-save.json: Peers"):
        rows = answers(database, place)
        newest = {row["metric"]: row["value"] for row in rows}
        assert len(newest) == 2
        assert all(40 < value < 60 for value in newest.values()), newest
    assert {row["value"] for row in answers(database, "tetcore-save.json: Finality lag")} == {3}


def test_targets_and_spans_are_those_that_were_traced(database: Database) -> None:
    targets = [row["word"] for row in answers(database, "runtime.json: variable target")]
    assert targets == sorted(TARGETS)
    spans = [row["word"] for row in answers(database, "runtime.json: variable span")]
    assert spans == sorted(TARGETS["pallet_babe"])


def test_times_are_microseconds(database: Database) -> None:
    rows = answers(database, "runtime.json: $target - $span")
    assert len(rows) == 120
    assert {float(row["execution time"]) for row in rows} == {1.5}
    calls = answers(database, "runtime.json: $target - $span: calls")
    assert sum(row["value"] for row in calls) == 120


def test_a_variable_of_nothing_is_no_error(database: Database) -> None:
    """Before the first node has connected."""
    nothing = {name: ["nobody'"] for name in database.variables}
    for query in SQL:
        database.ask(filled_sql(query.text, database.since, database.until, nothing))


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_reader_can_do_nothing_else(database: Database, statement: str) -> None:
    """By its grants alone: a session may end its own read-only mode."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        database.ask(statement, read_only=False)


def test_the_readers_sessions_are_bounded(database: Database) -> None:
    (row,) = fetch(
        database.owner,
        "SELECT rolconnlimit, rolsuper, rolcreaterole, rolconfig FROM pg_roles "
        f"WHERE rolname = '{database.role}'",
    )
    assert (row["rolconnlimit"], row["rolsuper"], row["rolcreaterole"]) == (16, False, False)
    assert {
        "default_transaction_read_only=on",
        "statement_timeout=30s",
        "idle_in_transaction_session_timeout=30s",
        "timezone=UTC",
    } == {setting.replace("TimeZone", "timezone") for setting in row["rolconfig"]}


FILLER = """
INSERT INTO telemetry.tetcore_logs (created_at, peer_connection_id, logs)
SELECT timestamp '{since}' + (timestamp '{until}' - timestamp '{since}') * (number / {rows}.0),
       CASE WHEN number % 50 = 0 THEN {connection} ELSE -number % 40 END,
       jsonb_build_object('msg', (ARRAY['block.import', 'system.interval', 'tracing.profiling', 'txpool.import',
           'afg.announcing_blocks_to_voted_peers'])[1 + number % 5], 'peers', number % 30, 'round', number::text,
           'height', number, 'finalized_height', number, 'target', 'filler', 'name', 'span ' || number % 7, 'time', number)
  FROM generate_series(1, {rows}) AS number
"""
ROWS = 60_000
TIMED = [query for query in SQL if "$__timeFilter" in query.text]


@pytest.fixture(scope="module")
def full(database: Database) -> Database:
    """The same database with much that nobody asks for, in the days around what is asked for."""
    (connection,) = fetch(
        database.owner, f"SELECT id FROM peer_connections WHERE peer_id = '{database.variables['peer'][0]}'"
    )
    span = {"since": f"{database.until - timedelta(days=DAYS):%F %T}", "until": f"{database.until:%F %T}"}
    execute(database.owner, FILLER.format(**span, rows=ROWS, connection=connection["id"]), "VACUUM ANALYZE")
    return replace(database, since=database.until - timedelta(minutes=15))


@pytest.mark.parametrize("query", TIMED, ids=lambda query: query.place)
def test_indexes_serve_what_is_asked_of_a_quarter_of_an_hour(full: Database, query: Query) -> None:
    """No partition with many rows is read from end to end."""
    plan = full.plan(query)
    big = {
        row["relname"]
        for row in fetch(
            full.owner,
            "SELECT relname FROM pg_class WHERE relname LIKE 'tetcore_logs%' AND relkind = 'r' AND reltuples > 1000",
        )
    }
    assert len(big) >= 2
    scanned = set(re.findall(r"Seq Scan on (\w+)", plan))
    assert not scanned & big, plan
    assert re.search(r"Index (Only )?Scan|Bitmap Index Scan", plan), plan
