"""The manifest of a backup: what it is made of and where each service stood, sealed with a digest of itself.

The digest shows damage, not fraud: who can write a backup can write another manifest for it.
"""

import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import msgspec

from lamina.kernel.contracts import Position
from lamina.kernel.storage.backup.errors import BackupDamaged, BackupNewer
from lamina.kernel.storage.migrate import Applied

FORMAT = 1
MANIFEST_FILE = "manifest.json"
DUMP_FILE = "database.dump"
KEY_DIRECTORY = "keys"
MANIFEST_BYTES_MAX = 16 * 2**20
_FILE_NAME = re.compile(rf"{re.escape(DUMP_FILE)}|{KEY_DIRECTORY}/[A-Za-z0-9_-][A-Za-z0-9._-]*")


class StoredFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the backup: its path below the backup, its size in bytes, its SHA-256 in hex."""

    name: str
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a backup holds.

    Attributes:
        format: of the backup's directory; a newer one is not read.
        lamina_version: what wrote it.
        postgres_version: of the server it was taken from.
        created_at: UTC, when the snapshot was taken.
        origin: the server's cluster and database, which all backups of one platform have in common.
        database_bytes: size of that database, and about what a restored one needs.
        migrations: what the database has had, by service.
        positions: where each service's data ends.
        files: everything but the manifest.
    """

    format: int
    lamina_version: str
    postgres_version: str
    created_at: str
    origin: str
    database_bytes: int
    migrations: dict[str, list[Applied]]
    positions: dict[str, Position]
    files: list[StoredFile]

    @property
    def total_bytes(self) -> int:
        """Size of all files."""
        return sum(file.bytes for file in self.files)

    @property
    def key_files(self) -> list[StoredFile]:
        """The nodes' keys, where they were wanted."""
        return [file for file in self.files if file.name != DUMP_FILE]

    @property
    def time(self) -> datetime:
        """When the snapshot was taken."""
        return datetime.fromisoformat(self.created_at)


def encode(manifest: Manifest) -> bytes:
    """The manifest's file."""
    return _seal(msgspec.to_builtins(manifest))


def decode(content: bytes) -> Manifest:
    """Read a manifest's file; every changed byte is noticed.

    Raises:
        BackupDamaged: it is not what `encode` wrote.
        BackupNewer: it is sound and of a newer format.
    """
    try:
        document: Any = json.loads(content)
        body: Any = document["manifest"]
        is_sound = _seal(body) == content
        version = int(body["format"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BackupDamaged(f"{MANIFEST_FILE} is damaged") from None
    if not is_sound:
        raise BackupDamaged(f"{MANIFEST_FILE} is damaged")
    if version > FORMAT:
        raise BackupNewer(f"The backup has format {version}, this Lamina reads up to {FORMAT}")
    try:
        manifest = msgspec.convert(body, Manifest)
        _check(manifest)
    except (ValueError, msgspec.ValidationError) as error:
        raise BackupDamaged(f"{MANIFEST_FILE} is not a manifest: {error}") from None
    return manifest


def timestamp(seconds: float) -> str:
    """A time of the manifest: UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _seal(body: Any) -> bytes:  # noqa: ANN401 - any JSON value
    canonical = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    document = {"manifest": body, "sha256": hashlib.sha256(canonical).hexdigest()}
    return json.dumps(document, indent=2).encode() + b"\n"


def _check(manifest: Manifest) -> None:
    """Names must stay inside the backup, and there must be a dump; times must be times."""
    names = [file.name for file in manifest.files]
    if any(_FILE_NAME.fullmatch(name) is None for name in names) or len(names) != len(set(names)):
        raise ValueError("it names a file no backup has")
    if DUMP_FILE not in names:
        raise ValueError(f"it names no {DUMP_FILE}")
    if manifest.positions.keys() != manifest.migrations.keys():
        raise ValueError("it does not say where each service stands")
    if manifest.time.tzinfo is None:
        raise ValueError("created_at has no time zone")
