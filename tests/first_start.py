"""The database cluster that a platform's first start makes, made once per process and copied from then on.

`initdb` takes more than a second of a core and waits for the disk; `storage/test_embedded` and the tests that
run `lamina up` as a command see it at work.
"""

import atexit
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

from lamina.kernel.storage.embedded.cluster import prepare


@functools.cache
def _original() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="lamina-test-cluster-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    directory.chmod(0o755)
    return prepare(directory, None).cluster


def put_cluster(data_dir: Path) -> None:
    """Put a cluster that nobody ever ran into a data directory that has none."""
    if (data_dir / "postgres").is_symlink() or (data_dir / "postgres").exists():
        return
    data_dir.mkdir(mode=0o711, parents=True, exist_ok=True)
    # Its owner is PostgreSQL's account, and must stay it.
    subprocess.run(["cp", "--archive", _original(), data_dir / "postgres"], check=True)
