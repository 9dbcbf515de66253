"""Backups as tests handle them: copied, damaged, sealed again."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.postgres_server import in_thread

from lamina.kernel.storage.backup import content, manifest
from lamina.kernel.storage.backup.manifest import DUMP_FILE, MANIFEST_FILE

Damage = Callable[[Path], object]


def flip(path: Path, place: float = 0.5) -> None:
    """Flip one bit at a place between the file's begin (0) and end (1)."""
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 4
    path.write_bytes(data)


def overwrite(path: Path, place: float = 0.5) -> None:
    """Lose a stretch of bytes; of a single bit in a compressed dump nothing may depend."""
    data = bytearray(path.read_bytes())
    begin = int(place * (len(data) - 1))
    data[begin : begin + 2048] = bytes(2048)
    path.write_bytes(data)


def cut(path: Path) -> None:
    """Lose the second half."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def link(path: Path) -> None:
    """Put a link to the same bytes in a file's place."""
    moved = path.rename(path.with_name("elsewhere"))
    path.symlink_to(moved)


DAMAGES: dict[str, Damage] = {
    "a byte of the dump": lambda backup: flip(backup / DUMP_FILE),
    "a byte of the manifest": lambda backup: flip(backup / MANIFEST_FILE),
    "a byte of a key": lambda backup: flip(backup / "keys" / "ledger.key.json"),
    "no dump": lambda backup: (backup / DUMP_FILE).unlink(),
    "no manifest": lambda backup: (backup / MANIFEST_FILE).unlink(),
    "no key": lambda backup: (backup / "keys" / "ledger.key.json").unlink(),
    "half a dump": lambda backup: cut(backup / DUMP_FILE),
    "a link instead of the dump": lambda backup: link(backup / DUMP_FILE),
}


def damaged(backup: Path, directory: Path, damage: Damage) -> Path:
    """A copy of a backup that something happened to."""
    copy = Path(shutil.copytree(backup, directory / backup.name))
    damage(copy)
    return copy


def sealed_again(backup: Path, **fields: Any) -> None:
    """Change the manifest as its writer would have, with the files as they are now."""
    path = backup / MANIFEST_FILE
    body = json.loads(path.read_bytes())["manifest"]
    described = [in_thread(content.describe(backup, file["name"])) for file in body["files"]]
    files = [{"name": each.name, "bytes": each.bytes, "sha256": each.sha256} for each in described]
    path.write_bytes(manifest._seal({**body, "files": files, **fields}))


def tree(directory: Path) -> dict[str, bytes | None]:
    """Everything below a directory: paths, and the bytes of the files."""
    return {
        str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None
        for path in sorted(directory.rglob("*"))
    }
