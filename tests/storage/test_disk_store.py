"""The disk store by itself: what a killed process leaves, files from several migrations, marks, views."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lamina.services.scheduler.disk import incoming, rocks, views
from lamina.services.scheduler.disk.keys import Place, read_key
from lamina.services.scheduler.disk.mark import Mark, Step
from lamina.services.scheduler.disk.nested import Nested, pack, unpack
from lamina.services.scheduler.disk.rocks import Rocks
from lamina.services.scheduler.disk.store import DiskStore, incoming_of, store_of, views_of
from lamina.services.scheduler.errors import DiskStoreFailed, DiskStoreHeld
from lamina.services.scheduler.model.head import Head
from lamina.services.scheduler.model.scheduled import Scheduled

PROCESS = b"\xff" * 32  # its text has separators within
ITEM = bytes(range(256)) * 8


def scheduled(nonce: int) -> Scheduled:
    follows = None if nonce == 0 else bytes([nonce]) * 32
    head = Head(nonce, bytes([nonce + 1]) * 32, bytes(32), 1_700_000_000_000 + nonce)
    return Scheduled(PROCESS, bytes([nonce + 100]) * 32, follows, head, b"a" * 200, ITEM)


def place(nonce: int) -> Place:
    each = scheduled(nonce)
    return Place(PROCESS, each.head.ts, each.message_id, bytes([nonce + 1]) * 32)


@asynccontextmanager
async def opened(directory: Path, known: Sequence[int] = ()) -> AsyncIterator[DiskStore]:
    """A store whose database knows the assignments of these nonces."""

    async def find(asked: Sequence[bytes]) -> set[bytes]:
        return {bytes([nonce + 1]) * 32 for nonce in known} & set(asked)

    store = DiskStore(directory, find)
    assert await store.open()
    try:
        yield store
    finally:
        await store.close()


def test_keys_are_the_original_s_and_can_be_read_again() -> None:
    key = place(3).key
    assert key.decode() == (
        "message___" + "_" * 42 + "8___1700000000003___Z2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2c"
        "___BAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ"
    )
    assert read_key(key) == place(3)
    for broken in (b"", key[:-1], key + b"A", key.replace(b"___17", b"___x7"), b"mark___" + key[10:53]):
        assert read_key(broken) is None


def test_values_are_bundles_and_damage_is_seen() -> None:
    for nested in (Nested(b"a" * 200, ITEM), Nested(b"a" * 200, None)):
        value = pack(b"i" * 32, b"m" * 32, nested)
        assert unpack(b"i" * 32, value) == nested
        assert unpack(b"j" * 32, value) is None
        assert unpack(b"i" * 32, value[:-1]) is None
    assert unpack(b"i" * 32, b"") is None


async def test_a_killed_process_s_unstored_messages_are_removed_at_the_next_start(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, sys; from pathlib import Path\n"
        "from tests.storage.test_disk_store import opened, scheduled\n"
        "async def main():\n"
        "    async with opened(Path(sys.argv[1])) as store:\n"
        "        await store.put([scheduled(0)])\n"
        "        await store.settle([scheduled(0)], [])\n"
        "        await store.put([scheduled(1), scheduled(2)])\n"
        "        os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program, str(tmp_path)], check=False, capture_output=True
    )
    assert done.returncode == -9, done.stderr
    # Of the last two the database got the first.
    async with opened(tmp_path, known=[0, 1]) as store:
        values = await store.read([place(nonce) for nonce in range(3)])
        assert [value is not None for value in values] == [True, True, False]
        # What was stored for certain is marked; the rest is copied from there.
        assert await store.marks([PROCESS]) == [Mark(0, bytes([1]) * 32)]


async def test_refused_messages_are_removed_and_stored_ones_move_the_mark(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for nonce in range(3):
            await store.put([scheduled(nonce)])
            await store.settle([scheduled(nonce)], [])
        await store.put([scheduled(3)])
        await store.settle([], [scheduled(3)])
        assert await store.marks([PROCESS]) == [Mark(2, bytes([3]) * 32)]
        # Another unit stored 3: what follows it must not move the mark past it.
        await store.put([scheduled(4)])
        await store.settle([scheduled(4)], [])
        assert await store.marks([PROCESS]) == [Mark(2, bytes([3]) * 32)]
        await store.mark(PROCESS, Step(Mark(9, bytes(32)), Mark(10, bytes(32))))
        assert await store.marks([PROCESS]) == [Mark(2, bytes([3]) * 32)]
        values = await store.read([place(nonce) for nonce in range(5)])
        assert [value is not None for value in values] == [True, True, True, False, True]
        await store.forget(PROCESS)
        assert await store.read([place(0), place(4)]) == [None, None]
        assert await store.marks([PROCESS]) == [None]


async def test_one_process_has_the_store_and_takes_what_others_hand_over(tmp_path: Path) -> None:
    abandoned = incoming_of(tmp_path) / "dead.held"
    abandoned.parent.mkdir()
    abandoned.touch()
    abandoned.with_suffix("").mkdir()
    async with opened(tmp_path) as store:
        with pytest.raises(DiskStoreHeld):
            Rocks.open(store_of(tmp_path))
        with incoming.desk(incoming_of(tmp_path)) as one, incoming.desk(incoming_of(tmp_path)) as other:
            one.hand_over({place(0).key: b"zero", place(2).key: b"two" * 1000})
            other.hand_over({place(1).key: b"one", place(2).key: b"two" * 1000})
        waiting = incoming.ready(incoming_of(tmp_path))
        assert len(waiting) == 2
        damaged = incoming_of(tmp_path) / "damaged.sst"
        damaged.write_bytes(os.urandom(1000))
        await store.serve()
        assert not incoming.waiting(waiting)
        assert damaged.with_suffix(".refused").exists()
        assert not abandoned.exists()
        assert await store.read([place(0), place(1), place(2)]) == [b"zero", b"one", b"two" * 1000]


async def test_a_view_stays_as_it_was(tmp_path: Path) -> None:
    with (
        pytest.raises(DiskStoreFailed, match="there is none"),
        views.view(views_of(tmp_path), store_of(tmp_path)),
    ):
        raise AssertionError("there is nothing to see")
    async with opened(tmp_path) as store:
        await store.copy({place(0).key: b"old"})

        def look() -> None:
            with views.view(views_of(tmp_path), store_of(tmp_path)) as seen:
                asyncio.run_coroutine_threadsafe(store.copy({place(0).key: b"new"}), loop).result()
                assert seen.get([place(0).key]) == [b"old"]

        loop = asyncio.get_running_loop()
        looking = asyncio.ensure_future(asyncio.to_thread(look))
        while not looking.done():
            await store.serve()
            await asyncio.sleep(0.01)
        await looking
        assert await store.read([place(0)]) == [b"new"]
    with views.view(views_of(tmp_path), store_of(tmp_path)) as seen:
        assert seen.get([place(0).key]) == [b"new"]
    assert not list(views_of(tmp_path).iterdir())


def test_a_file_is_sorted_by_its_writer(tmp_path: Path) -> None:
    rocks.write_file(tmp_path / "some.sst", {b"b": b"2", b"a": b"1"})
    store = Rocks.open(tmp_path / "store")
    store.ingest(tmp_path / "some.sst")
    assert store.get([b"a", b"b", b"c"]) == [b"1", b"2", None]
    assert store.keys(b"a", b"z", 10) == [b"b"]
    store.close()
