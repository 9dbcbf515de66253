"""Folders that take long to make: made once for each recipe, outside the source tree, and used again."""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def cached_folder(kind: str, recipe: str, make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills for this recipe; made now when no earlier run has made it.

    It is made beside its place and renamed, so a place that exists is whole; a lock keeps parallel test
    processes from making the same one twice. `LAMINA_CLIENTS_ENV` names another directory to keep them in.
    """
    root = Path(os.environ.get("LAMINA_CLIENTS_ENV") or Path.home() / ".cache" / "lamina-tests")
    root.mkdir(parents=True, exist_ok=True)
    place = root / f"{kind}-{hashlib.sha256(recipe.encode()).hexdigest()[:16]}"
    with (root / f"{place.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            _make_beside(place, make)
    return place


def _make_beside(place: Path, make: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=place.parent, prefix=f"{place.name}.") as scratch:
        made = Path(scratch) / "made"
        make(made)
        made.rename(place)
