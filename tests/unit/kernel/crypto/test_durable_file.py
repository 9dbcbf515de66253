import os
import stat
from pathlib import Path

import pytest

from lamina.kernel.crypto import durable_file


@pytest.mark.parametrize("write", [durable_file.create, durable_file.replace])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_the_mode_is_the_one_asked_for_whatever_the_umask(tmp_path: Path, write, umask: int) -> None:
    before = os.umask(umask)
    try:
        write(tmp_path / "file", b"x", 0o644)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_creating_never_replaces_and_replacing_does(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert durable_file.create(path, b"one", 0o644)
    assert not durable_file.create(path, b"two", 0o644)
    assert path.read_bytes() == b"one"
    durable_file.replace(path, b"three", 0o644)
    assert path.read_bytes() == b"three"
    assert list(tmp_path.iterdir()) == [path]
