"""The disk store beside PostgreSQL: the same lists, the same after `kill -9`, migrations at once (spec 18, 19.1)."""

import contextlib
import fcntl
import json
import os
import random
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import rocksdict
from tests import plain_http
from tests.scheduler_unit import Unit, message, scheduler_running, signer, spawn, tags_of

from lamina.formats.ans104.signed_item import SignedItem

MESSAGES = 24


@contextlib.contextmanager
def unit_running(**settings: object) -> Iterator[Unit]:
    """A unit whose commands know of the disk store."""
    with scheduler_running(use_disk="true", disk_interval_s=0.5, **settings) as unit:
        wait_for(lambda: unit.http.get("/timestamp").status_code == 200, "the height is known")
        yield unit


def wait_for(is_true: Callable[[], bool], what: str, timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def store_directory(unit: Unit) -> Path:
    return unit.platform.data_dir / "scheduler-disk" / "store"


def is_open(unit: Unit) -> bool:
    """Whether some process has the store."""
    lock = store_directory(unit).with_suffix(".lock")
    if not lock.exists():
        return False
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def opened(unit: Unit) -> Iterator[rocksdict.Rdict]:
    """The store in the hands of the test, while no unit runs."""
    store = rocksdict.Rdict(str(store_directory(unit)), rocksdict.Options(raw_mode=True))
    try:
        yield store
    finally:
        store.close()


def message_keys(store: rocksdict.Rdict) -> list[bytes]:
    return [key for key in map(bytes, store.keys()) if key.startswith(b"message___")]


def spawned(unit: Unit, data: bytes) -> SignedItem:
    process = spawn(signer(), data=data)
    answer = unit.post(process.to_bytes())
    assert answer.status_code == 200, answer.text
    return process


def filled(unit: Unit, count: int = MESSAGES) -> list[SignedItem]:
    """Processes with messages, small and larger than what becomes a blob; one that is only assigned too."""
    by = signer()
    processes = [spawned(unit, str(number).encode()) for number in range(3)]
    bodies = [
        message(by, processes[n % 3], os.urandom(8) + b"x" * random.choice([10, 3000])) for n in range(count)
    ]
    with ThreadPoolExecutor(8) as pool:
        codes = {answer.status_code for answer in pool.map(lambda item: unit.post(item.to_bytes()), bodies)}
    assert codes == {200}
    return processes


def edges_of(unit: Unit, processes: Sequence[SignedItem]) -> list[list[dict[str, Any]]]:
    """The messages of each process."""
    return [unit.edges(process.id) for process in processes]


def verify(unit: Unit) -> dict[str, Any]:
    done = unit.platform.run("scheduler", "verify", "--json", timeout_s=120)
    assert done.returncode in {0, 6}, done.stderr
    found = json.loads(done.stdout)
    assert found["valid"] == (done.returncode == 0)
    return found


def check_agree(unit: Unit, count: int) -> None:
    """Nothing is missing, nothing is too much, nothing differs."""
    found = verify(unit)
    assert found["valid"], found
    assert found["disk"]["checked"] == {"messages": count, "keys": count}
    assert found["chains"]["checked"]["messages"] == count


def workers_of(unit: Unit) -> list[int]:
    processes = unit.platform.status()["processes"]
    return [each["pid"] for each in processes if each["name"].startswith("scheduler")]


def test_lists_come_from_the_store_and_verify_finds_what_was_changed_there() -> None:
    # One worker: another one, which has not the store, would answer from the database.
    with unit_running(workers=1) as unit:
        processes = filled(unit)
        before = edges_of(unit, processes)
        assert sum(map(len, before)) == MESSAGES
        check_agree(unit, MESSAGES)
        unit.platform.stop()
        with opened(unit) as store:
            key = next(key for key in message_keys(store) if len(store[key]) < 3000)
            ids = split_key(key)[3]
            assert ids[0] in {node["message"]["id"] for nodes in before for node in nodes}
            changed = bytearray(store[key])
            changed[-1] ^= 1
            store[key] = bytes(changed)
            gone = next(other for other in message_keys(store) if other != key)
            del store[gone]
            damaged = next(other for other in message_keys(store) if other not in {key, gone})
            store[damaged] = b"no bundle"
            extra = key[:-43] + b"A" * 43
            store[extra] = b"of no message"
        found = verify(unit)
        assert not found["valid"]
        flaws = found["disk"]["flaws"]
        assert len(flaws) == found["disk"]["flaw_count"] == 4
        assert sum("differs there" in flaw for flaw in flaws) == 2
        assert sum("is not in the disk store" in flaw for flaw in flaws) == 1
        assert sum("is in the disk store alone" in flaw and "A" * 43 in flaw for flaw in flaws) == 1
        assert not found["chains"]["flaw_count"]
        unit.platform.start()
        wait_for(lambda: is_open(unit), "the store is open")
        # Who holds the lock may not answer from the store yet.
        wait_for(lambda: edges_of(unit, processes) != before, "lists come from the store")
        after = edges_of(unit, processes)
        # The changed one shows where lists come from; the one that is gone and the damaged one come from SQL.
        differing = [
            (old["message"], new["message"])
            for olds, news in zip(before, after, strict=True)
            for old, new in zip(olds, news, strict=True)
            if old != new
        ]
        assert len(differing) == 1, differing
        assert differing[0][0]["id"] == differing[0][1]["id"] == ids[0]


def split_key(key: bytes) -> tuple[str, str, str, tuple[str, str]]:
    """`message___{process}___{time}___{message}___{assignment}`; ids have 43 characters."""
    text = key.decode()
    process, rest = text[10:53], text[56:]
    ts, ids = rest.split("___", 1)
    assert (ids[43:46], len(ids)) == ("___", 89)
    return "message", process, ts, (ids[:43], ids[46:])


def test_after_kill_9_under_load_both_agree() -> None:
    with unit_running(workers=2) as unit:
        processes = [spawned(unit, str(number).encode()) for number in range(4)]
        stored: list[str] = []
        over = threading.Event()

        def post(number: int) -> None:
            by = signer()
            with plain_http.Client(base_url=unit.url, timeout=60) as http:
                while not over.is_set():
                    item = message(by, processes[number % 4], os.urandom(900))
                    with contextlib.suppress(httpx.TransportError):
                        if http.post("/", content=item.to_bytes()).status_code == 200:
                            stored.append(item.id)

        with ThreadPoolExecutor(8) as pool:
            work = [pool.submit(post, number) for number in range(8)]
            try:
                for _ in range(4):
                    enough = len(stored) + random.randint(6, 20)
                    wait_for(lambda enough=enough: len(stored) >= enough, "messages are stored")
                    for pid in workers_of(unit):
                        os.kill(pid, signal.SIGKILL)
                    wait_for(lambda: _is_well(unit), "it is ready again")
            finally:
                over.set()
            for each in work:
                each.result()
        listed = [node["message"]["id"] for process in processes for node in unit.edges(process.id)]
        assert set(stored) <= set(listed)
        assert len(set(listed)) == len(listed)
        check_agree(unit, len(listed))


def _is_well(unit: Unit) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return unit.http.get("/timestamp").status_code == 200 and is_open(unit)
    return False


def test_migrations_work_at_once_and_beside_the_server() -> None:
    with unit_running() as unit:
        filled(unit)
        wait_for(lambda: verify(unit)["valid"], "everything is copied")
        unit.platform.stop()
        with opened(unit) as store:
            # The unit believes that these are there: only a migration brings them back.
            for key in message_keys(store)[::2]:
                del store[key]
        unit.platform.start()
        wait_for(lambda: is_open(unit), "the store is open")
        assert verify(unit)["disk"]["flaw_count"] == MESSAGES // 2
        over = threading.Event()
        posted = [0]

        def keep_posting() -> None:
            by, process = signer(), spawned(unit, b"meanwhile")
            while not over.is_set():
                posted[0] += unit.post(message(by, process, os.urandom(8)).to_bytes()).status_code == 200

        with ThreadPoolExecutor(5) as pool:
            writer = pool.submit(keep_posting)
            ranges = ("0-10", "10-20", "20", "0")
            done = list(pool.map(lambda span: unit.platform.run("scheduler", "migrate", span), ranges))
            over.set()
            writer.result()
        assert [each.returncode for each in done] == [0, 0, 0, 0], [each.stderr for each in done]
        assert "Time elapsed in data migration is: " in done[0].stderr
        assert "Copied 10 messages." in done[0].stdout
        assert not list((store_directory(unit).parent / "incoming").iterdir())
        assert posted[0] > 0
        check_agree(unit, MESSAGES + posted[0])


@pytest.mark.soak
def test_migrations_fill_a_store_that_no_unit_has() -> None:
    with scheduler_running() as unit:
        wait_for(lambda: unit.http.get("/timestamp").status_code == 200, "the height is known")
        processes = filled(unit, 30)
        points = sorted(
            (int(tags["Timestamp"]), process.id_bytes, int(tags["Nonce"]))
            for process in processes
            for node in unit.edges(process.id)
            if (tags := tags_of(node["assignment"]))
        )
        times = [ts for ts, _, _ in points]

        def migrate(span: str) -> subprocess.CompletedProcess[str]:
            return unit.platform.run("scheduler", "migrate", span)

        def times_in_store() -> list[int]:
            with opened(unit) as store:
                return sorted(int(split_key(key)[2]) for key in message_keys(store))

        assert migrate("900").returncode == 0
        assert "Copied 5 messages." in migrate("0-5").stdout
        assert times_in_store() == times[:5]
        assert "Copied 3 messages." in migrate("27-99").stdout
        assert times_in_store() == times[:5] + times[27:]
        with ThreadPoolExecutor(3) as pool:
            done = list(pool.map(migrate, ("5-15", "10-25", "25")))
        assert [each.returncode for each in done] == [0, 0, 0], [each.stderr for each in done]
        assert times_in_store() == times
        assert "Copied 30 messages." in migrate("0").stdout
        assert times_in_store() == times
        for span, text in {
            "x": "Invalid starting offset",
            "": "Invalid starting offset",
            "0-": "Invalid records to pull",
            "0-x": "Invalid records to pull",
            "5-3": "Invalid records to pull",
            "1-2-3": "Invalid records to pull",
            str(2**64): "Invalid starting offset",
        }.items():
            refused = migrate(span)
            assert refused.returncode != 0, span
            assert text in refused.stderr, (span, refused.stderr)
        # One that was interrupted after its fifth message goes on there when the same range is asked for again.
        with opened(unit) as store:
            for key in message_keys(store):
                del store[key]
        _, process, nonce = points[14]
        last = {"ts": times[14], "process_id": process.hex(), "nonce": nonce, "done": 5}
        kept = store_directory(unit).parent / "migrations" / "10-20.json"
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps(last))
        assert "Copied 10 messages." in migrate("10-20").stdout
        assert times_in_store() == times[15:20]
        assert not kept.exists()
        refused = unit.platform.run("scheduler", "migrate")
        assert refused.returncode != 0
        assert "Range argument not provided" in refused.stderr


@pytest.mark.soak
def test_without_the_store_sql_answers_until_it_is_free() -> None:
    with unit_running() as unit:
        unit.platform.stop()
        with store_directory(unit).with_suffix(".lock").open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            unit.platform.start()
            processes = filled(unit, 12)
            assert sum(len(unit.edges(process.id)) for process in processes) == 12
        wait_for(lambda: is_open(unit), "the store is open")
        check_agree(unit, 12)


def test_a_write_that_the_disk_refuses_is_not_stored() -> None:
    with unit_running() as unit:
        by, process = signer(), spawned(unit, b"1")
        # Large, so that no other file of the worker is at the limit that the store's log will have.
        large = message(by, process, bytes(4 << 20))
        assert unit.post(large.to_bytes()).status_code == 200
        (worker,) = workers_of(unit)
        used = max(file.stat().st_size for file in store_directory(unit).iterdir())
        limits = resource.prlimit(worker, resource.RLIMIT_FSIZE)
        resource.prlimit(worker, resource.RLIMIT_FSIZE, (used + 4096, limits[1]))
        refused = message(by, process, os.urandom(1 << 20))
        answer = unit.post(refused.to_bytes())
        assert answer.status_code == 503, answer.text
        assert "disk store" in answer.json()["error"]
        assert [node["message"]["id"] for node in unit.edges(process.id)] == [large.id]
        resource.prlimit(worker, resource.RLIMIT_FSIZE, limits)
        wait_for(lambda: unit.post(refused.to_bytes()).status_code == 200, "the store is taken up again")
        assert len(unit.edges(process.id)) == 2
        check_agree(unit, 2)


def test_the_original_s_variable_counts_by_one_word(tmp_path: Path) -> None:
    with scheduler_running() as unit:
        unit.platform.stop()
        for value, is_there in {"true": True, "1": False}.items():
            done = subprocess.run(
                [*unit.platform.command, "scheduler", "verify", "--json"],
                env={**unit.platform.environment(), "USE_DISK": value, "SU_DATA_DIR": str(tmp_path)},
                capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            if is_there:
                assert done.returncode == 5, done.stderr
                assert str(tmp_path) in done.stderr
            else:
                assert done.returncode == 0, done.stderr
                assert "disk" not in json.loads(done.stdout)
