import json

import msgspec
import pytest

from lamina.kernel.storage.backup.errors import BackupDamaged, BackupNewer
from lamina.kernel.storage.backup.manifest import (
    DUMP_FILE,
    FORMAT,
    Manifest,
    StoredFile,
    _seal,
    decode,
    encode,
)
from lamina.kernel.storage.migrate import Applied

MANIFEST = Manifest(
    format=FORMAT,
    lamina_version="1.2.3",
    postgres_version="18.4",
    created_at="2030-05-01T06:15:00.250+00:00",
    origin="7/lamina",
    database_bytes=8_000_000,
    migrations={"ledger": [Applied(1, "0001_pre_ledger.sql", "ab")]},
    positions={"ledger": {"seq": 7, "tip": "cd"}},
    files=[StoredFile(DUMP_FILE, 10, "ef"), StoredFile("keys/ledger.key.json", 5, "01")],
)


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert decode(encode(MANIFEST)) == MANIFEST
    assert MANIFEST.total_bytes == 15
    assert [file.name for file in MANIFEST.key_files] == ["keys/ledger.key.json"]


@pytest.mark.parametrize("bit", [0, 1, 3, 5, 7])
def test_every_flipped_bit_is_noticed(bit: int) -> None:
    written = encode(MANIFEST)
    for place in range(len(written)):
        changed = written[:place] + bytes([written[place] ^ 1 << bit]) + written[place + 1 :]
        with pytest.raises(BackupDamaged):
            decode(changed)


def test_every_cut_is_noticed() -> None:
    written = encode(MANIFEST)
    for length in range(len(written)):
        with pytest.raises(BackupDamaged):
            decode(written[:length])
    with pytest.raises(BackupDamaged):
        decode(written + b"\n")


def changed(**fields: object) -> bytes:
    """A sound seal on something else."""
    return _seal({**msgspec.to_builtins(MANIFEST), **fields})


def test_a_newer_format_is_told_from_damage() -> None:
    with pytest.raises(BackupNewer):
        decode(changed(format=FORMAT + 1, shards=[]))


@pytest.mark.parametrize(
    "name", ["../lamina.toml", "/etc/passwd", "keys/../x", "keys/.x", "manifest.json", "keys/", ""]
)
def test_no_file_outside_is_named(name: str) -> None:
    files = [*msgspec.to_builtins(MANIFEST.files), {"name": name, "bytes": 1, "sha256": ""}]
    with pytest.raises(BackupDamaged, match="no backup has"):
        decode(changed(files=files))


@pytest.mark.parametrize(
    "fields",
    [
        {"files": []},
        {"positions": {}},
        {"created_at": "yesterday"},
        {"created_at": "2030-05-01T06:15:00"},
        {"format": None},
        {"database_bytes": "many"},
    ],
)
def test_what_is_no_manifest_is_refused_however_well_sealed(fields: dict[str, object]) -> None:
    with pytest.raises(BackupDamaged):
        decode(changed(**fields))


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"null", b"{}", b'{"manifest": 5}', json.dumps([1] * 9).encode(), b"[" * 99_999]
)
def test_other_files_are_not_manifests(text: bytes) -> None:
    with pytest.raises(BackupDamaged):
        decode(text)
