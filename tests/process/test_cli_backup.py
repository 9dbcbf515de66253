"""Backups of a stopped platform: what they hold, how they are listed, and that nothing damaged is ever restored."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests import plain_http
from tests.ledger_transactions import Wallet, id_of
from tests.process.backups import DAMAGES, damaged, flip, overwrite, sealed_again, tree
from tests.process.command import Home
from tests.running_platform import RunningPlatform, open_directory
from tests.wire.ledger_client import wait_until_valid

from lamina.kernel.storage.backup.manifest import DUMP_FILE, FORMAT, MANIFEST_FILE

TRANSACTIONS = 5


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A node that has run: with a key, a chain of a few blocks, and nobody using it."""
    with open_directory() as directory:
        platform = RunningPlatform(directory / "data")
        platform.dsn = None
        platform.start()
        wallet = Wallet()
        with plain_http.Client(base_url=platform.url, timeout=15) as client:
            for _ in range(TRANSACTIONS):
                document = wallet.create()
                assert client.post("/api/v1/transactions", json=document).status_code == 202
                wait_until_valid(client, id_of(document))
        assert platform.stop() == 0
        yield Home(directory)


@pytest.fixture(scope="module")
def backup(home: Home) -> Path:
    """A whole backup, with keys."""
    done = home.run("backup", "create", "--to", str(home.path / "kept"), "--with-keys")
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty directory for copies and targets."""
    with open_directory() as directory:
        yield directory


def private_key(home: Home) -> str:
    return json.loads((home.data_dir / "ledger.key.json").read_text())["private"]


def restore(home: Home, backup: Path, target: Path) -> subprocess.CompletedProcess[str]:
    return home.run("--data-dir", str(target), "backup", "restore", str(backup))


def test_a_backup_says_what_it_is_and_is_ours_alone(home: Home, backup: Path) -> None:
    assert sorted(path.name for path in backup.iterdir()) == [DUMP_FILE, "keys", MANIFEST_FILE]
    assert {oct(path.stat().st_mode & 0o777) for path in backup.rglob("*") if path.is_file()} == {"0o600"}
    assert {oct(path.stat().st_mode & 0o777) for path in (backup, backup / "keys")} == {"0o700"}
    listed = home.json("backup", "list", "--from", str(backup.parent), "--json")
    assert [each["path"] for each in listed["backups"]] == [str(backup)]
    only = listed["backups"][0]
    assert only["services"]["ledger"]["seq"] == TRANSACTIONS + 1
    assert only["with_keys"]
    assert only["postgres_version"].startswith("18.")
    shown = home.run("backup", "list", "--from", str(backup.parent)).stdout.splitlines()
    assert shown[1].split()[0] == backup.name
    assert len(shown) == 2


def test_it_proves_itself(home: Home, backup: Path) -> None:
    document = home.json("--json", "backup", "verify", str(backup))
    assert document["valid"]
    assert document["restored"]
    ledger = document["services"]["ledger"]
    assert ledger["checked"] == {"blocks": 6, "transactions": 6, "votes": 5}
    assert (ledger["flaw_count"], ledger["flaws"]) == (0, [])
    quick = home.json("backup", "verify", str(backup), "--quick", "--json")
    assert quick["valid"]
    assert not quick["restored"]


def test_it_is_restored_to_a_node_of_the_same_key(home: Home, backup: Path, place: Path) -> None:
    target = place / "new"
    target.mkdir()
    done = home.run("--json", "--data-dir", str(target), "backup", "restore", str(backup))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["place"] == str(target)
    assert [path.name for path in place.iterdir()] == ["new"]
    key = target / "ledger.key.json"
    assert key.read_bytes() == (home.data_dir / key.name).read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    assert private_key(home) not in done.stdout + done.stderr
    verified = home.json("--data-dir", str(target), "ledger", "verify", "--json")
    assert verified["valid"]
    assert verified["members_from"] == "settings"
    assert verified["blocks"] == TRANSACTIONS + 1
    again = restore(home, backup, target)
    assert again.returncode == 4
    assert "mv " in again.stderr


def test_without_keys_there_are_none_and_one_is_told(home: Home, place: Path) -> None:
    done = home.run("backup", "create", "--to", str(place / "kept"))
    assert "holds no keys" in done.stderr
    made = Path(done.stdout.strip())
    assert not (made / "keys").exists()
    everything = b"".join(content for content in tree(made).values() if content is not None)
    assert private_key(home).encode() not in everything


def test_keys_that_are_not_there_are_missed(home: Home, place: Path) -> None:
    key = home.data_dir / "ledger.key.json"
    aside = key.rename(home.path / "aside")
    try:
        done = home.run("backup", "create", "--to", str(place), "--with-keys")
    finally:
        aside.rename(key)
    assert (done.returncode, done.stdout) == (3, "")
    assert "error[backup_keys_missing]" in done.stderr
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_refused_before_anything_is_touched(
    home: Home, backup: Path, place: Path, damage: str
) -> None:
    copy = damaged(backup, place, DAMAGES[damage])
    before = tree(place)
    for command in ("verify", "restore"):
        done = home.run("--data-dir", str(place / "new"), "backup", command, str(copy))
        assert (done.returncode, done.stdout) == (6, ""), command
        assert done.stderr.splitlines()[-2].startswith("error[backup_damaged]: "), done.stderr
        assert "lamina backup list" in done.stderr
    assert tree(place) == before


def test_whole_and_broken_ones_are_listed_apart(home: Home, backup: Path, place: Path) -> None:
    (place / "lost+found").mkdir()
    flip(damaged(backup, place, lambda _copy: None) / MANIFEST_FILE)
    (place / f".{backup.name}.unfinished").mkdir()
    shutil.copytree(backup, place / "before-the-upgrade")
    listed = home.json("backup", "list", "--from", str(place), "--json")
    assert [each["name"] for each in listed["backups"]] == ["before-the-upgrade"]
    assert sorted(Path(each["path"]).name for each in listed["broken"]) == [
        f".{backup.name}.unfinished",
        backup.name,
    ]
    shown = home.run("backup", "list", "--from", str(place)).stdout
    assert f"broken: {backup.name}: " in shown
    empty = home.run("backup", "list", "--from", str(place / "lost+found"))
    assert empty.returncode == 0
    assert "no whole backup" in empty.stdout


def test_a_dump_that_cannot_be_restored_is_damage_though_well_sealed(
    home: Home, backup: Path, place: Path
) -> None:
    copy = damaged(backup, place, lambda made: overwrite(made / DUMP_FILE, 0.6))
    sealed_again(copy)
    done = restore(home, copy, place / "new")
    assert (done.returncode, done.stdout) == (6, "")
    assert "pg_restore failed: " in done.stderr
    assert [path.name for path in place.iterdir()] == [backup.name]


def test_another_end_than_the_manifest_says_is_a_difference(home: Home, backup: Path, place: Path) -> None:
    copy = damaged(backup, place, lambda _copy: None)
    sealed_again(copy, positions={"ledger": {"seq": 99, "tip": "f" * 64}})
    done = restore(home, copy, place / "new")
    assert (done.returncode, done.stdout) == (6, "")
    assert "does not prove itself: ledger: seq is 6, the manifest says 99; ledger: tip is " in done.stderr
    assert [path.name for path in place.iterdir()] == [backup.name]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"format": FORMAT + 1}, "backup_newer"),
        ({"migrations": {"ledger": [{"number": 9999, "name": "9999_pre_x.sql", "digest": ""}]}}, "db_schema_newer"),
        ({"migrations": {"oracle": []}, "positions": {"oracle": {}}}, "db_schema_newer"),
        ({"migrations": {"ledger": [{"number": 1, "name": "0001_pre_x.sql", "digest": ""}]}}, "db_migration_edited"),
    ],
)  # fmt: skip
def test_what_this_build_does_not_know_is_told_from_damage(
    home: Home, backup: Path, place: Path, fields: dict[str, object], code: str
) -> None:
    copy = damaged(backup, place, lambda _copy: None)
    sealed_again(copy, **fields)
    for done in (home.run("backup", "verify", str(copy)), restore(home, copy, place / "new")):
        assert (done.returncode, done.stdout) == (4, "")
        assert f"error[{code}]" in done.stderr


@pytest.mark.soak
def test_a_flawed_ledger_is_backed_up_and_never_called_valid(home: Home, place: Path) -> None:
    shutil.copytree(home.data_dir, place / "data", symlinks=True)
    for path in [place / "data" / "postgres", *(place / "data" / "postgres").rglob("*")]:
        twin = home.data_dir / path.relative_to(place / "data")
        os.chown(path, twin.stat().st_uid, twin.stat().st_gid)
    shutil.rmtree(place / "data" / "run")
    flawed = Home(place)
    deletion = "DELETE FROM ledger.votes WHERE ctid = (SELECT min(ctid) FROM ledger.votes)"
    assert flawed.run("db", "shell", "-c", deletion).stdout == "DELETE 1\n"
    made = Path(flawed.run("backup", "create").stdout.strip())
    done = flawed.run("backup", "verify", made.name)
    assert done.returncode == 6
    assert "invalid: " in done.stdout
    assert "ledger: election" in done.stdout


def test_nothing_is_restored_over_anything(home: Home, backup: Path, place: Path) -> None:
    target = place / "used"
    target.mkdir()
    (target / "note").write_text("mine")
    before = tree(place)
    done = restore(home, backup, target)
    assert (done.returncode, done.stdout) == (4, "")
    assert f"mv {target} {target}.old" in done.stderr
    assert tree(place) == before
    assert restore(home, backup, target / "note").returncode == 4
    assert restore(home, backup, home.data_dir).returncode == 4


def test_what_is_no_backup_is_not_found(home: Home, place: Path) -> None:
    for name in ("lamina-20300501T061500.250Z", str(place / "none")):
        done = home.run("backup", "verify", name)
        assert done.returncode == 4
        assert "error[backup_missing]" in done.stderr
    nothing = home.run("--data-dir", str(place / "data"), "backup", "create")
    assert nothing.returncode == 4
    assert not (place / "data").exists()


def test_old_backups_go_when_a_new_one_is_whole(home: Home, backup: Path, place: Path) -> None:
    broken = damaged(backup, place, lambda made: (made / DUMP_FILE).unlink())
    stranger = damaged(backup, place / "x", lambda made: sealed_again(made, origin="1/other"))
    stranger = stranger.rename(place / "stranger")
    (place / "x").rmdir()
    made: list[Path] = []
    for _ in range(3):
        document = home.json("backup", "create", "--to", str(place), "--keep", "2", "--json")
        made.append(Path(document["path"]))
    assert document["removed"] == [str(made[0])]
    assert {path for path in place.iterdir() if path.is_dir()} == {broken, stranger, *made[1:]}
    assert home.run("backup", "create", "--keep", "0").returncode == 2


def test_a_full_disk_is_seen_before(home: Home, backup: Path, place: Path) -> None:
    small = place / "small"
    small.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", small], check=False)
    if mount.returncode != 0:
        pytest.skip("no small disk can be made here")
    try:
        mounted = restore(home, backup, small)
        runs = [
            home.run("backup", "create", "--to", str(small / "backups")),
            home.run("backup", "verify", str(backup), TMPDIR=str(small)),
            restore(home, backup, small / "data"),
        ]
        left = [path.name for path in small.rglob("*")]
    finally:
        subprocess.run(["umount", small], check=True)
    assert left == ["backups", ".lock"]
    for done in runs:
        assert done.returncode == 4
        assert "MiB free" in done.stderr
    assert mounted.returncode == 4
    assert "mount point" in mounted.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_verification_leaves_nothing(
    home: Home, backup: Path, place: Path, number: signal.Signals
) -> None:
    running = subprocess.Popen(
        home.command("backup", "verify", str(backup)),
        env=home.environ({"TMPDIR": str(place)}),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if line.startswith("Restoring into "):
            running.send_signal(number)
            break
    out, _ = running.communicate(timeout=30)
    assert (running.returncode, out) == (130, "")
    assert list(place.iterdir()) == []
