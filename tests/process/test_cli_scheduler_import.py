"""`lamina scheduler import`: sources of every version, resumed, flawed, growing, and served afterwards."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests import plain_http
from tests.original_database import (
    EARLY_HEIGHT,
    MIGRATIONS,
    PROCESS_ASSIGNMENTS_SINCE,
    OriginalDatabase,
    OriginalProcess,
    OriginalRow,
    assignment_tags,
    chained,
    outer_item,
    spawned,
)
from tests.postgres_server import execute, fetch, in_thread, new_database
from tests.running_platform import RunningPlatform, free_port_offset, open_directory
from tests.scheduler_unit import Unit, message, signer, spawn, tags_of
from tests.shared_data import shared_data

from lamina.formats import base64url
from lamina.formats.ans104 import bundle
from lamina.formats.ans104.item import DataItem, parse
from lamina.formats.ans104.signed_item import Draft, sign
from lamina.formats.avro_tags import Tag
from lamina.formats.errors import FormatError
from lamina.kernel.contracts import Verdict
from lamina.kernel.storage.database import Database, PoolOptions
from lamina.services.scheduler import service
from lamina.services.scheduler.rules.original_bundle import BundleParts, message_parts, spawn_parts
from lamina.services.scheduler.store import audit

pytestmark = pytest.mark.timeout(300)

SOURCE_VARIABLE = "SU_IMPORT_DATABASE_URL"


class Target:
    """A unit's database, filled by the command and then served."""

    def __init__(self, directory: Path, dsn: str) -> None:
        self.dsn = dsn
        self.environment = {"LAMINA_POSTGRES__DSN": dsn, "LAMINA_SCHEDULER__GATEWAY_INTERVAL_S": "0.2"}
        self.platform = RunningPlatform(
            directory / "data", environment=self.environment, args=("--services", "scheduler,gateway")
        )

    def take(self, source: str, expect: int = 0) -> dict[str, Any]:
        """Run the command; its exit code must be as expected."""
        self.environment[SOURCE_VARIABLE] = source
        done = self.platform.run("--json", "scheduler", "import")
        assert done.returncode == expect, done.stdout + done.stderr
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def serving(self) -> Iterator[Unit]:
        """The unit, until the end of the block."""
        # The imports before may have taken a while: only now the ports must be free.
        self.platform.offset = free_port_offset()
        self.environment["LAMINA_SCHEDULER__GATEWAY_URL"] = f"http://127.0.0.1:{1984 + self.platform.offset}"
        unit = Unit(self.platform, self.environment)
        try:
            self.platform.start()
            while unit.http.get("/timestamp").status_code != 200:
                time.sleep(0.05)
            yield unit
            assert self.platform.stop() == 0, self.platform.log_tail()
        finally:
            unit.http.close()
            if self.platform.process is not None and self.platform.process.poll() is None:
                self.platform.kill()

    def bundles(self, process_id: str) -> list[bytes]:
        """What is kept of a process's bundles, put together again: the spawn's first."""

        async def read() -> list[bytes]:
            database = await Database.connect(PoolOptions(self.dsn))
            try:
                raw_id = base64url.decode(process_id)
                process = await audit.find_process(database, raw_id)
                rows = [] if process is None else [process]
                async for page in audit.messages(database, raw_id, -1):
                    rows += page
                return [BundleParts(row["head"], row["assignment"], row["item"]).outer() for row in rows]
            finally:
                await database.close()

        return in_thread(read())

    def verify(self) -> Verdict:
        """What the service says of its data, as a backup's verification asks it."""

        async def read() -> Verdict:
            database = await Database.connect(PoolOptions(self.dsn))
            try:
                return await service.verify(database, lambda *_: None)
            finally:
                await database.close()

        return in_thread(read())


@pytest.fixture
def target(postgres: str) -> Iterator[Target]:
    with open_directory() as directory:
        yield Target(directory, new_database(postgres))


def check_same(target: Target, process: OriginalProcess) -> None:
    assert target.bundles(process.id) == [process.bundle, *(row.bundle for row in process.rows)]


def owner_of(item: DataItem) -> dict[str, str]:
    address = base64url.encode(hashlib.sha256(item.owner).digest())
    return {"address": address, "key": base64url.encode(item.owner)}


def object_of(item: DataItem, **more: object) -> dict[str, Any]:
    """An item as the original shows it (spec 9)."""
    anchor: str | None
    try:
        anchor = item.anchor.decode() or None
    except UnicodeDecodeError:
        anchor = None
    return {
        "id": item.id,
        "owner": owner_of(item),
        **more,
        "tags": [{"name": tag.name, "value": tag.value} for tag in item.tags],
        "signature": base64url.encode(item.signature),
        "anchor": anchor,
        "target": base64url.encode(item.target),
    }


def check_served(unit: Unit, process: OriginalProcess) -> None:
    """Every endpoint that reads, against the source's bytes."""
    nodes = [
        {
            "message": None
            if row.message is None
            else object_of(row.message, data=bytes(row.message.data).decode("utf-8", "replace")),
            "assignment": object_of(row.assignment),
        }
        for row in process.rows
    ]
    listed = unit.get(f"/{process.id}")
    own = [] if process.own is None else listed["edges"][:1]
    assert [edge["node"] for edge in listed["edges"][len(own) :]] == nodes
    assert [edge["cursor"] for edge in listed["edges"][len(own) :]] == [str(row.ts) for row in process.rows]
    assert [edge["node"]["message"]["id"] for edge in own] == [process.id][: len(own)]
    if process.rows:
        assert unit.get(f"/{process.id}/latest") == nodes[-1]
        middle = process.rows[len(process.rows) // 2]
        edges = unit.get(f"/{process.id}", **{"from": middle.ts})["edges"]
        assert [edge["node"] for edge in edges] == nodes[len(process.rows) // 2 + 1 :]
        edges = unit.get(f"/{process.id}", **{"from-nonce": middle.nonce - 1, "to-nonce": middle.nonce})[
            "edges"
        ]
        assert [edge["node"] for edge in edges][-1] == nodes[len(process.rows) // 2]
    for row, node in zip(process.rows, nodes, strict=True):
        assert unit.get(f"/{row.assignment.id}", **{"process-id": process.id}) == node
        if row.message is not None:
            assert unit.get(f"/{row.message_id}", **{"process-id": process.id}) == node
    found = unit.get(f"/processes/{process.id}")
    assert (found["process_id"], found["timestamp"], int(found["block"])) == (
        process.id,
        process.ts,
        process.height,
    )
    assert found["signature"] == base64url.encode(parse(process.spawn.to_bytes()).signature)


def check_goes_on(unit: Unit, process: OriginalProcess) -> None:
    """The next message gets the next nonce, and a link to the last one taken."""
    last = process.rows[-1] if process.rows else None
    answer = unit.post(message(signer(), process.spawn, b"after").to_bytes())
    assert answer.status_code == 200, answer.text
    tags = tags_of(unit.get(f"/{process.id}/latest")["assignment"])
    assert int(tags["Nonce"]) == process.base + len(process.rows) + 1
    assert tags["Hash-Chain"] == process.next_link()
    assert last is None or int(tags["Timestamp"]) > last.ts


def history(by: Any, version: str) -> list[OriginalProcess]:
    """Processes as a unit of a version had them."""
    user = signer()
    early = spawned(by, spawn(user, Tag("Name", "früh")), height=EARLY_HEIGHT)
    early.links_by_message = True
    for number in range(4):
        early.schedule(message(user, early.spawn, b"old \x00 %d" % number), old_shape=True)
    found = [early, spawned(by, spawn(user, data=b"\xff\x00 not text"))]
    if version > min(MIGRATIONS):
        early.schedule(message(user, early.spawn, b"new"))
        early.links_by_message = False
        early.schedule(message(user, early.spawn, b"newer", anchor=b"a" * 32))
        today = spawned(by, spawn(user, Tag("Name", "today")))
        sent = message(user, today.spawn, b"\x00 and \xff", Tag("zero", "\x00"))
        today.assign(sent.id)
        today.schedule(sent)
        elsewhere = base64url.encode(os.urandom(32))
        today.assign(elsewhere)
        today.assign(elsewhere)
        found.append(today)
    if version >= PROCESS_ASSIGNMENTS_SINCE:
        late = spawned(by, spawn(user, Tag("Name", "late")), with_assignment=True)
        for number in range(3):
            late.schedule(message(user, late.spawn, b"%d" % number, Tag("Type", "again")))
        found += [late, spawned(by, spawn(user, Tag("Name", "silent")), with_assignment=True)]
    return found


def test_every_version_of_the_original(postgres: str, target: Target) -> None:
    by = signer()
    taken: list[OriginalProcess] = []
    for version in MIGRATIONS:
        source, processes = OriginalDatabase(postgres, version), history(by, version)
        source.store(*processes)
        report = target.take(source.dsn)
        assert report["opened_processes"] == report["source"]["processes"] == len(processes)
        assert report["verified_messages"] == sum(len(each.rows) for each in processes)
        taken += processes
    again = target.take(source.dsn)
    assert (again["opened_processes"], again["verified_messages"], again["refused_processes"]) == (0, 0, 0)
    for process in taken:
        check_same(target, process)
    with target.serving() as unit:
        for process in taken:
            check_served(unit, process)
        for process in taken[-5:]:
            check_goes_on(unit, process)
    verdict = target.verify()
    assert verdict.flaw_count == 0, verdict.flaws
    assert verdict.checked == {
        "processes": len(taken), "messages": sum(len(each.rows) for each in taken) + 5,
    }  # fmt: skip


def test_what_the_original_carries(postgres: str, target: Target) -> None:
    directory = shared_data("scheduler", "upstream")
    bundles = {path.name: path.read_bytes() for path in sorted(directory.glob("bundle_*.bin"))}
    source = OriginalDatabase(postgres)
    rows = [bundles[f"bundle_{number:02}.bin"] for number in range(2, 33)]
    alone = bundles["bundle_00.bin"]

    async def fill(cx: asyncpg.Connection) -> None:
        for raw in (alone, rows[0]):
            own, item = bundle.items(parse(raw).data)
            await cx.execute(
                """INSERT INTO processes (process_id, process_data, bundle, epoch, nonce, hash_chain, "timestamp")
                   VALUES ($1, '{}', $2, 0, 0, $3, $4)""",
                item.id, raw, own.tag("Hash-Chain"), int(own.tag("Timestamp") or ""),
            )  # fmt: skip
        for raw in rows[1:]:
            own = bundle.items(parse(raw).data)[0]
            await cx.execute(
                """INSERT INTO messages (process_id, message_id, message_data, epoch, nonce, "timestamp", bundle,
                                         hash_chain, assignment_id) VALUES ($1, $2, '{}', 0, $3, $4, $5, $6, $7)""",
                own.tag("Process"), own.tag("Message"), int(own.tag("Nonce") or ""), int(own.tag("Timestamp") or ""),
                raw, own.tag("Hash-Chain"), own.id,
            )  # fmt: skip

    source.connected(fill)
    report = target.take(source.dsn)
    assert (report["opened_processes"], report["verified_messages"], report["refused_processes"]) == (
        2,
        30,
        0,
    )
    assert report["signers"] == ["mx8zvkz0jWNwAiBnBqkGcZqqfcFYptbrL4RIKMd4anc"]
    process_id = "DcccvmuHG83kIjXWtB2OBTDcZbFB32EXwbMWuTzmxSo"
    assert target.bundles(process_id) == rows
    assert target.bundles("oVZz-HyFwhXUa61vM1UkEpi0fWx804HlxYwxV69lv5A") == [alone]
    last = bundle.items(parse(rows[-1]).data)[0]
    with target.serving() as unit:
        edges = unit.get(f"/{process_id}")["edges"]
        assert [int(tags_of(edge["node"]["assignment"])["Nonce"]) for edge in edges] == list(range(31))
        assert unit.get(f"/{process_id}", limit=11)["page_info"]["has_next_page"] is True
        assert len(unit.get(f"/{process_id}", **{"from": 1728412700914})["edges"]) == 30
        assert len(unit.get(f"/{process_id}", to=1728412714154)["edges"]) == 16
        assert tags_of(unit.get(f"/{process_id}/latest")["assignment"])["Nonce"] == "30"
        owner = parse(bytes(bundle.items(parse(rows[0]).data)[1].raw))
        sent = message(signer(), owner, b"after")  # pyright: ignore[reportArgumentType]
        assert unit.post(sent.to_bytes()).status_code == 200
        tags = tags_of(unit.get(f"/{process_id}/latest")["assignment"])
        link = chained(last.id_bytes, base64url.decode(last.tag("Hash-Chain") or ""))
        assert (tags["Nonce"], tags["Hash-Chain"]) == ("31", link)


def test_killed_and_resumed(postgres: str, target: Target) -> None:
    by, user = signer(), signer()
    source = OriginalDatabase(postgres)
    processes = [spawned(by, spawn(user, Tag("n", str(number)))) for number in range(3)]
    for process, count in zip(processes, (1500, 1, 1500), strict=True):
        for number in range(count):
            process.schedule(message(user, process.spawn, b"%d" % number))
    source.store(*processes)
    kills = 0
    # Copying, copying the second large process, verifying, opening.
    for progress in (1, 2000, 3001, 3002):
        target.environment[SOURCE_VARIABLE] = source.dsn
        with subprocess.Popen(
            [*target.platform.command, "scheduler", "import"],
            env=target.platform.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as command:  # fmt: skip
            while command.poll() is None and _progress(target) < progress:
                time.sleep(0.01)
            if command.poll() is None:
                command.send_signal(signal.SIGKILL)
                kills += 1
    assert kills >= 2
    report = target.take(source.dsn)
    assert report["refused_processes"] == 0
    for process in processes:
        check_same(target, process)
    assert fetch(target.dsn, "SELECT count(*) FROM scheduler.heads")[0][0] == len(processes)
    with target.serving() as unit:
        check_goes_on(unit, processes[0])


def _progress(target: Target) -> int:
    """Messages copied and processes opened so far; 0 before there are tables."""
    if fetch(target.dsn, "SELECT to_regclass('scheduler.takeovers') IS NULL")[0][0]:
        return 0
    query = "SELECT coalesce(sum(messages), 0) + count(verified) FROM scheduler.takeovers"
    return int(fetch(target.dsn, query)[0][0])


def _flawed(by: Any) -> dict[str, tuple[OriginalProcess, str]]:
    """Processes with one flaw each, and a word of the sentence that must name it."""
    user = signer()
    found: dict[str, tuple[OriginalProcess, str]] = {}

    def process(name: str, words: str, count: int = 4) -> OriginalProcess:
        made = spawned(by, spawn(user, Tag("Name", name)))
        for number in range(count):
            made.schedule(message(user, made.spawn, b"%d" % number))
        found[name] = (made, words)
        return made

    twice = process("a nonce twice", "follows nonce 2")
    more = OriginalProcess(by, twice.spawn, twice.bundle, twice.ts, rows=twice.rows[:2])
    twice.rows.append(more.schedule(message(user, twice.spawn, b"rival")))
    missing = process("a nonce missing", "follows nonce 1")
    del missing.rows[2]
    broken = process("a broken link", "another Hash-Chain", 0)
    broken.links_by_message = True
    for number in range(3):
        broken.schedule(message(user, broken.spawn, b"%d" % number))
    same_time = process("a time twice", "does not increase", 0)
    same_time.schedule(message(user, same_time.spawn, b"0"))
    same_time._next_ts = lambda: same_time.rows[0].ts  # type: ignore[method-assign]
    same_time.schedule(message(user, same_time.spawn, b"1"))
    process("another time", "says Timestamp").rows[1].ts += 1
    process("another epoch", "says Epoch").rows[1].epoch = 1
    process("another message id", "column message_id").rows[1].message_id = base64url.encode(os.urandom(32))
    process("another assignment id", "column assignment_id").rows[1].assignment_id = base64url.encode(
        os.urandom(32)
    )
    damaged = process("a wrong signature", "signature is not right").rows[1]
    damaged.bundle = damaged.bundle[:-1] + bytes((damaged.bundle[-1] ^ 1,))
    signature = process("a wrong outer signature", "bundle: its signature").rows[1]
    signature.bundle = signature.bundle[:3] + bytes((signature.bundle[3] ^ 1,)) + signature.bundle[4:]
    cut = process("a bundle cut off", "bundle").rows[1]
    cut.bundle = cut.bundle[:-200]
    table = process("another id in the table", "another id than its table says").rows[1]
    data = len(table.bundle) - len(parse(table.bundle).data)
    table.bundle = (
        table.bundle[: data + 64] + bytes((table.bundle[data + 64] ^ 1,)) + table.bundle[data + 65 :]
    )
    zero = process("a zero in a tag", "says Timestamp", 1)
    sent = message(user, zero.spawn, b"zero")
    tags = [
        Tag("Timestamp", "\0" * 1000),
        *assignment_tags(zero.id, 1, zero.next_link(), 1),
        Tag("Message", sent.id),
    ]
    own = sign(Draft(tuple(tags), anchor=os.urandom(32)), by)
    raw, link = outer_item(by, [own, sent]), zero.next_link()
    zero.rows.append(
        OriginalRow(sent.id, own.id, 1, 1, link, raw, parse(own.to_bytes()), parse(sent.to_bytes()))
    )
    again = process("a message twice", "stored already", 1)
    sent = message(user, again.spawn, b"twice")
    again.schedule(sent)
    again.schedule(sent)
    return found


def test_flaws_are_named_and_nothing_of_them_is_here(postgres: str, target: Target) -> None:
    by = signer()
    flawed = _flawed(by)
    good = spawned(by, spawn(signer()))
    for number in range(3):
        good.schedule(message(signer(), good.spawn, b"%d" % number))
    source = OriginalDatabase(postgres)
    source.store(*(process for process, _ in flawed.values()), good)
    report = target.take(source.dsn, expect=6)
    assert (report["opened_processes"], report["refused_processes"]) == (1, len(flawed))
    refused = {each["process_id"]: each for each in report["refused"]}
    for name, (process, words) in flawed.items():
        found = refused.pop(process.id)
        assert any(words in flaw for flaw in found["flaws"]), (name, found)
        assert found["verified"] is None
        assert found["flaw_count"] >= len(found["flaws"]) > 0
    assert not refused
    for table in ("processes", "heads", "messages", "originals"):
        ids = {row[0] for row in fetch(target.dsn, f"SELECT DISTINCT process_id FROM scheduler.{table}")}
        assert ids == {good.spawn.id_bytes}, table
    check_same(target, good)

    mended, _ = flawed["a nonce twice"]

    async def mend(cx: asyncpg.Connection) -> None:
        await cx.execute("DELETE FROM messages WHERE bundle = $1", mended.rows[-1].bundle)

    source.connected(mend)
    del mended.rows[-1]
    report = target.take(source.dsn, expect=6)
    assert (report["opened_processes"], report["refused_processes"]) == (1, len(flawed) - 1)
    check_same(target, mended)
    done = target.platform.run("scheduler", "import")
    assert done.returncode == 6
    assert f"refused: process {flawed['a broken link'][0].id}" in done.stdout
    with target.serving() as unit:
        check_served(unit, mended)
        check_goes_on(unit, mended)
        assert unit.http.get(f"/{flawed['a broken link'][0].id}").status_code == 400


@pytest.mark.soak
def test_a_source_that_goes_on(postgres: str, target: Target) -> None:
    by, user = signer(), signer()
    source = OriginalDatabase(postgres)
    grows, both, spoils = (spawned(by, spawn(user, Tag("n", str(number)))) for number in range(3))
    for process in (grows, both, spoils):
        process.schedule(message(user, process.spawn, b"first"))
    source.store(grows, both, spoils)
    assert target.take(source.dsn)["verified_messages"] == 3
    with target.serving() as unit:
        check_goes_on(unit, both)
        for process in (grows, both, spoils):
            process.schedule(message(user, process.spawn, b"second"))
        third = spoils.schedule(message(user, spoils.spawn, b"third"))
        right = third.bundle
        third.bundle = right[:-1] + bytes((right[-1] ^ 1,))
        source.store(grows, both, spoils)
        report = target.take(source.dsn, expect=6)
        assert (report["opened_processes"], report["refused_processes"]) == (1, 2)
        refused = {each["process_id"]: each for each in report["refused"]}
        assert "both went on after nonce 0" in refused[both.id]["flaws"][0]
        assert "signature is not right" in refused[spoils.id]["flaws"][0]
        assert (refused[both.id]["verified"], refused[spoils.id]["verified"]) == (1, 1)
        check_same(target, grows)
        check_goes_on(unit, grows)
        assert len(unit.edges(spoils.id)) == 1
        assert unit.post(message(user, spoils.spawn, b"its own").to_bytes()).status_code == 200
        assert [tags_of(node["assignment"])["Nonce"] for node in unit.edges(spoils.id)] == ["0", "1"]
        assert len(unit.edges(both.id)) == 2


@pytest.mark.soak
def test_two_imports_at_once(postgres: str, target: Target) -> None:
    by, user = signer(), signer()
    source = OriginalDatabase(postgres)
    processes = [spawned(by, spawn(user, Tag("n", str(number)))) for number in range(40)]
    for process in processes:
        for number in range(10):
            process.schedule(message(user, process.spawn, b"%d" % number))
    source.store(*processes)
    target.environment[SOURCE_VARIABLE] = source.dsn
    command = [*target.platform.command, "scheduler", "import"]
    both = [
        subprocess.Popen(command, env=target.platform.environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [each.communicate()[1] for each in both]
    assert {each.returncode for each in both} <= {0, 4}, errors
    assert all(
        "scheduler_takeover_moved" in text for each, text in zip(both, errors, strict=True) if each.returncode
    )
    target.take(source.dsn)
    for process in processes:
        check_same(target, process)
    assert target.verify().flaw_count == 0


def test_what_was_taken_is_verified_to_the_last_byte(postgres: str, target: Target) -> None:
    by, user = signer(), signer()
    source = OriginalDatabase(postgres)
    process = spawned(by, spawn(user), height=EARLY_HEIGHT)
    process.links_by_message = True
    process.schedule(message(user, process.spawn, b"old"), old_shape=True)
    process.schedule(message(user, process.spawn, b"new"))
    source.store(process)
    target.take(source.dsn)
    assert target.verify().flaw_count == 0
    last = "set_byte({0}, length({0}) - 1, get_byte({0}, length({0}) - 1) # 1)"
    for table, column, nonce in (
        ("originals", "head", 1), ("originals", "head", -1), ("messages", "item", 0), ("messages", "assignment", 0),
    ):  # fmt: skip
        change = f"UPDATE scheduler.{table} SET {column} = {last.format(column)} WHERE nonce = {nonce}"
        execute(target.dsn, change)
        assert target.verify().flaw_count > 0, change
        execute(target.dsn, change)
        assert target.verify().flaw_count == 0


def test_what_is_uploaded_again_is_what_the_original_signed(postgres: str, target: Target) -> None:
    by, user = signer(), signer()
    source = OriginalDatabase(postgres)
    process = spawned(by, spawn(user), height=EARLY_HEIGHT)
    process.links_by_message = True
    process.schedule(message(user, process.spawn, b"old"), old_shape=True)
    process.schedule(message(user, process.spawn, b"new"))
    process.assign(base64url.encode(os.urandom(32)))
    source.store(process)
    target.take(source.dsn)
    target.environment["LAMINA_SCHEDULER__UPLOAD"] = "separate"
    execute(
        target.dsn,
        "INSERT INTO scheduler.outbox (process_id) SELECT process_id FROM scheduler.processes",
        "INSERT INTO scheduler.outbox (process_id, nonce) SELECT process_id, nonce FROM scheduler.messages",
    )
    with target.serving() as unit:
        while fetch(target.dsn, "SELECT count(*) FROM scheduler.outbox")[0][0]:
            time.sleep(0.05)
        # An id is that of the signature, and the gateway takes only what is signed.
        for raw in (process.bundle, *(row.bundle for row in process.rows)):
            outer = parse(raw)
            answer = plain_http.get(f"{unit.gateway_url}/raw/{outer.id}")
            assert (answer.status_code, answer.content) == (200, bytes(outer.data))


def test_routes_of_a_router(postgres: str, target: Target) -> None:
    ids = [base64url.encode(os.urandom(32)) for _ in range(4)]
    urls = ["https://su1.example.org/", "https://su2.example.org"]
    sources = [OriginalDatabase(postgres, version) for version in (min(MIGRATIONS), max(MIGRATIONS))]

    async def fill(cx: asyncpg.Connection, ids: list[str]) -> None:
        for url in urls:
            await cx.execute("INSERT INTO schedulers (url, process_count) VALUES ($1, 9)", url)
        for number, process_id in enumerate(ids):
            await cx.execute(
                "INSERT INTO process_schedulers (process_id, scheduler_row_id) VALUES ($1, $2)",
                process_id, number % 2 + 1,
            )  # fmt: skip

    sources[0].connected(lambda cx: fill(cx, ids[:3]))
    assert target.take(sources[0].dsn)["refused_routes"] == 0
    assert target.take(sources[0].dsn)["refused_routes"] == 0
    sources[1].connected(lambda cx: fill(cx, [ids[1], "none", ids[3]]))
    refused = target.take(sources[1].dsn, expect=6)
    assert refused["refused_routes"] == 2
    assert any("row 2: none is no id" in flaw for flaw in refused["routes"])
    assert any(ids[1] in flaw and urls[1] in flaw for flaw in refused["routes"])
    units = fetch(target.dsn, "SELECT url, process_count FROM scheduler.schedulers ORDER BY row_id")
    assert [tuple(row) for row in units] == [("https://su1.example.org", 3), ("https://su2.example.org", 1)]
    rows = fetch(
        target.dsn, "SELECT process_id, scheduler_row_id FROM scheduler.process_schedulers ORDER BY row_id"
    )
    assert [base64url.encode(row[0]) for row in rows] == ids
    assert len({row[1] for row in rows}) == 2


def test_a_process_that_is_here_already(postgres: str, target: Target) -> None:
    by = signer()
    source, process = OriginalDatabase(postgres), spawned(by, spawn(signer()))
    process.schedule(message(signer(), process.spawn, b"first"))
    source.store(process)
    with target.serving() as unit:
        assert unit.post(process.spawn.to_bytes()).status_code == 200
        report = target.take(source.dsn, expect=6)
        assert report["refused"][0]["flaws"] == ["the process is here already, and no import brought it"]
        assert unit.edges(process.id) == []


def test_what_is_no_source(postgres: str, target: Target) -> None:
    empty = new_database(postgres)
    target.environment[SOURCE_VARIABLE] = empty
    done = target.platform.run("scheduler", "import")
    assert (done.returncode, "no table processes of the original" in done.stderr) == (2, True)
    del target.environment[SOURCE_VARIABLE]
    done = target.platform.run("scheduler", "import")
    assert (done.returncode, SOURCE_VARIABLE in done.stderr) == (3, True)
    done = target.platform.run("scheduler", "import", "host=db password=hunter22")
    assert (done.returncode, "hunter22" in done.stdout + done.stderr) == (3, False)
    done = target.platform.run("scheduler", "import", "postgresql://su:hunter22@127.0.0.1:1/su")
    assert (done.returncode, "hunter22" in done.stdout + done.stderr) == (5, False)
    assert SOURCE_VARIABLE in done.stderr


def test_bundles_with_more_than_assignment_and_message_are_refused() -> None:
    by = signer()
    items = [message(by, spawn(by), b"%d" % number) for number in range(3)]
    for take in (message_parts, spawn_parts):
        with pytest.raises(FormatError, match="3 items"):
            take(outer_item(by, items))
