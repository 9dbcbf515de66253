"""Run the tests on an external PostgreSQL: `LAMINA_TEST_DSN` if given, else a throw-away cluster of Debian's server.

`python -m tests.external [pytest arguments]`; paths among them are tested instead of all that touches a database.
Exits 0, saying so, where no server can be had.
"""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Rooms that do not touch a database learn nothing new from another one.
TESTED = ("tests/storage", "tests/wire", "tests/faults")
# Nor do documents, parsers and what stands before or beside the database.
SAME_ON_ANY_SERVER = (
    "*_openapi.py", "*_schemathesis.py", "*_pages.py", "*_handshake.py", "*_secrets.py", "test_scheduler_bad_input.py",
    "test_scheduler_disk.py", "test_scheduler_peers.py", "test_scheduler_reports.py", "test_scheduler_rules.py",
)  # fmt: skip


def main() -> int:
    """Find a server, run pytest against it, return its exit code."""
    if os.environ.get("LAMINA_TEST_DSN"):
        return _pytest(os.environ["LAMINA_TEST_DSN"])
    binaries = debian_binaries()
    if binaries is None:
        print(
            "no external PostgreSQL: set LAMINA_TEST_DSN, or install Debian's postgresql; nothing was tested"
        )
        return 0
    with debian_cluster(binaries) as dsn:
        return _pytest(dsn)


def _pytest(dsn: str) -> int:
    asked = [each for each in sys.argv[1:] if Path(each.partition("::")[0]).exists()]
    paths = [] if asked else [path for path in TESTED if Path(path).exists()]
    ignored = [] if asked else [f"--ignore-glob=tests/wire/{name}" for name in SAME_ON_ANY_SERVER]
    command = [sys.executable, "-m", "pytest", *paths, *ignored, *sys.argv[1:]]
    return subprocess.run(command, env={**os.environ, "LAMINA_TEST_DSN": dsn}, check=False).returncode


def debian_binaries() -> Path | None:
    """Programs of a Debian PostgreSQL that is new enough, if there is one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return next((path for path in found if int(path.parent.name) >= 15), None)


@contextmanager
def debian_cluster(binaries: Path) -> Iterator[str]:
    """A cluster on a UNIX socket, as the postgres account when we are root."""
    directory = Path(tempfile.mkdtemp(prefix="lamina-external-"))
    account = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    if account is not None:
        os.chown(directory, account.pw_uid, account.pw_gid)
        directory.chmod(0o755)
    user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    cluster = directory / "cluster"

    def run(program: str, *args: str) -> None:
        subprocess.run(
            [binaries / program, "-D", cluster, *args], check=True, stdout=subprocess.DEVNULL, **user
        )

    try:
        run("initdb", "-U", "lamina", "-A", "trust", "-E", "UTF8", "--locale", "C.UTF-8")
        run(
            "pg_ctl",
            "-w",
            "-l",
            str(directory / "log"),
            "-o",
            f"-k {directory} -c listen_addresses=''",
            "start",
        )
        try:
            yield f"postgresql://lamina@/postgres?host={directory}"
        finally:
            run("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
