"""What the store is at one moment, for whoever compares it: asked of the process that has it open.

A view has the store's own files by hard links: it is made at once, and nothing changes in it.
"""

import contextlib
import shutil
import time
from collections.abc import Generator
from pathlib import Path

from lamina.services.scheduler.disk.held import held, is_abandoned
from lamina.services.scheduler.disk.rocks import Rocks
from lamina.services.scheduler.errors import DiskStoreFailed, DiskStoreHeld

_ASKED = ".asked"
PATIENCE_S = 120.0
LOOKS_S = 0.1


@contextlib.contextmanager
def view(views: Path, store: Path) -> Generator[Rocks]:
    """A view of the store as it is now; it is removed afterwards.

    Args:
        views: the directory of views.
        store: RocksDB's directory.

    Raises:
        DiskStoreFailed: there is no store, or it cannot be read.
        DiskStoreHeld: the process that has it does not answer.
    """
    if not store.is_dir():
        raise DiskStoreFailed(store, "there is none; a unit with scheduler.use_disk or a migration makes it")
    with contextlib.ExitStack() as after, held(views, _ASKED) as name:
        # It is removed when it is no longer asked for; else whoever has the store would make it again.
        after.callback(shutil.rmtree, views / name, ignore_errors=True)
        _await(views / name, views, store)
        opened = Rocks.read(views / name)
        try:
            yield opened
        finally:
            opened.close()


def give(views: Path, store: Rocks) -> None:
    """Make every view that was asked for; those of dead processes are removed.

    Raises:
        DiskStoreFailed: the store cannot be read.
    """
    for asked in views.glob(f"*{_ASKED}"):
        place = asked.with_suffix("")
        if is_abandoned(asked):
            shutil.rmtree(place, ignore_errors=True)
            asked.unlink(missing_ok=True)
        elif not place.exists():
            store.snapshot(place)
            if not asked.exists():
                shutil.rmtree(place, ignore_errors=True)  # nobody waits for it any more


def _await(place: Path, views: Path, store: Path) -> None:
    """Wait for a view; make it where nobody has the store."""
    deadline = time.monotonic() + PATIENCE_S
    while not place.exists():
        try:
            own = Rocks.open(store)
        except DiskStoreHeld:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOKS_S)
        else:
            try:
                give(views, own)
            finally:
                own.close()
