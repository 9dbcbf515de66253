import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lamina.kernel.crypto.secret_file import create_secret, read_secret, write_secret
from lamina.kernel.errors import SecretFileError

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")


def test_what_was_written_is_read_back_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_secret(path, b"one")
    write_secret(path, b"two")
    assert read_secret(path) == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_loose_umask_does_not_loosen_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_secret(tmp_path / "key", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_of_many_creators_one_wins_and_its_content_stays(tmp_path: Path) -> None:
    path = tmp_path / "key"
    with ThreadPoolExecutor(8) as pool:
        wins = list(pool.map(lambda n: create_secret(path, b"%d" % n), range(32)))
    assert wins.count(True) == 1
    assert read_secret(path) == b"%d" % wins.index(True)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_file_others_can_use_is_refused_with_the_command_that_helps(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "my key"
    write_secret(path, b"x")
    path.chmod(mode)
    with pytest.raises(SecretFileError, match=f"{mode:04o}") as caught:
        read_secret(path)
    assert caught.value.hint == f"chmod 600 '{path}'"


def test_the_override_lets_others_read_but_not_write(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_secret(path, b"x")
    path.chmod(0o644)
    assert read_secret(path, allow_readable=True) == b"x"
    path.chmod(0o664)
    with pytest.raises(SecretFileError):
        read_secret(path, allow_readable=True)


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(SecretFileError, match="regular file"):
        read_secret(tmp_path / "pipe")
    with pytest.raises(SecretFileError, match="regular file"):
        read_secret(tmp_path)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(SecretFileError, match="No such file"):
        read_secret(tmp_path / "key")
    with pytest.raises(SecretFileError, match="cannot be written"):
        write_secret(tmp_path / "missing" / "key", b"x")


def test_our_own_link_is_followed_and_its_target_checked(tmp_path: Path) -> None:
    write_secret(tmp_path / "target", b"x")
    (tmp_path / "link").symlink_to("target")
    assert read_secret(tmp_path / "link") == b"x"
    (tmp_path / "target").chmod(0o644)
    with pytest.raises(SecretFileError, match="0644"):
        read_secret(tmp_path / "link")


@needs_root
def test_what_belongs_to_another_account_is_refused(tmp_path: Path) -> None:
    write_secret(tmp_path / "theirs", b"x")
    os.chown(tmp_path / "theirs", 12345, 12345)
    with pytest.raises(SecretFileError, match="uid 12345") as caught:
        read_secret(tmp_path / "theirs")
    assert caught.value.hint == f"chown 0 {tmp_path / 'theirs'}"
    write_secret(tmp_path / "ours", b"x")
    (tmp_path / "link").symlink_to("ours")
    os.chown(tmp_path / "link", 12345, 12345, follow_symlinks=False)
    with pytest.raises(SecretFileError, match="link"):
        read_secret(tmp_path / "link")


def test_a_file_too_large_to_be_a_secret_is_refused(tmp_path: Path) -> None:
    write_secret(tmp_path / "big", bytes((1 << 20) + 1))
    with pytest.raises(SecretFileError, match="larger"):
        read_secret(tmp_path / "big")
