"""PostgreSQL's client programs: which ones, and a run of one that shows no password to other accounts."""

import asyncio
import os
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lamina.kernel.errors import ConfigurationError, DependencyUnreachable
from lamina.kernel.settings.dsn import wants_tls, without_password
from lamina.kernel.settings.platform import PostgresSettings
from lamina.kernel.storage.embedded.account import caller
from lamina.kernel.storage.embedded.binaries import executable_binaries
from lamina.kernel.storage.embedded.child import follow_parent

BUNDLED_MAJOR = 18
_TERMINATE_WAIT_S = 10.0
_LAST_LINES = 10
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


class ProgramsUnusable(ConfigurationError):
    """PostgreSQL's client programs do not fit the server."""

    code = "postgres_programs"

    def default_hint(self) -> str:
        """Other programs can be named."""
        return (
            "Install PostgreSQL's client programs and name their directory: "
            "LAMINA_POSTGRES__PROGRAMS_DIR=/usr/lib/postgresql/18/bin"
        )


class ProgramFailed(DependencyUnreachable):
    """A client program of PostgreSQL ended with an error."""

    code = "postgres_program_failed"

    def default_hint(self) -> str:
        """The program said why."""
        return "See what the message names; lamina db status shows whether the database answers"


@dataclass(frozen=True, slots=True)
class ClientPrograms:
    """The programs of one directory.

    Attributes:
        directory: where pg_dump, pg_restore and psql are.
        is_external: whether they talk to somebody else's server, whose PG* variables count then.
        is_bundled: whether they came with the embedded PostgreSQL.
    """

    directory: Path
    is_external: bool
    is_bundled: bool

    @classmethod
    def bundled(cls) -> "ClientPrograms":
        """Those of the embedded PostgreSQL, for its own server.

        Raises:
            BinariesUnavailable: they cannot be executed here.
        """
        return cls(executable_binaries(caller()), is_external=False, is_bundled=True)

    @classmethod
    def of(cls, postgres: PostgresSettings) -> "ClientPrograms":
        """Those for the configured server.

        Raises:
            ProgramsUnusable: the server wants TLS, which the bundled programs do not speak.
            BinariesUnavailable: as `bundled`.
        """
        if postgres.dsn is None:
            return cls.bundled()
        if postgres.programs_dir is not None:
            return cls(postgres.programs_dir.resolve(), is_external=True, is_bundled=False)
        if wants_tls(postgres.dsn.get_secret_value()):
            raise ProgramsUnusable(
                "postgres.dsn asks for TLS, which the bundled PostgreSQL programs do not speak"
            )
        return cls(executable_binaries(caller()), is_external=True, is_bundled=True)

    async def major_version(self, program: str) -> int:
        """The first number of a program's version.

        Raises:
            ProgramsUnusable: it is not there, or is something else.
        """
        path = self.directory / program
        try:
            process = await asyncio.create_subprocess_exec(
                path, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
            )
        except OSError as error:
            raise ProgramsUnusable(f"{path} cannot be executed: {error.strerror}") from error
        answer, _ = await process.communicate()
        match = _VERSION.search(answer.decode(errors="replace"))
        if match is None:
            raise ProgramsUnusable(f"{path} is not PostgreSQL's")
        return int(match[1])

    async def run(self, program: str, arguments: Sequence[str | Path], dsn: str, *, application: str) -> None:
        """Run a program on a database to its end; it ends with us.

        Args:
            program: its name.
            arguments: without the connection's.
            dsn: of the database; its password goes through the environment.
            application: who asks, for the server's list of connections.

        Raises:
            ProgramFailed: it exits with an error or speaks of one.
            ProgramsUnusable: it cannot be executed.
        """
        address, _ = without_password(dsn)
        command = [self.directory / program, "--dbname", address, "--no-password", *arguments]
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment(dsn, application),
                umask=0o077,
                start_new_session=True,  # Ctrl-C reaches only us, and we end it
                preexec_fn=follow_parent(signal.SIGTERM, None),
            )
        except OSError as error:
            raise ProgramsUnusable(f"{command[0]} cannot be executed: {error.strerror}") from error
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                await _end(process)
        text = said.decode(errors="replace").strip()
        if process.returncode != 0 or "error:" in text:
            last = "\n".join(text.splitlines()[-_LAST_LINES:]) or f"exit code {process.returncode}"
            raise ProgramFailed(f"{program} failed: {last}")

    def _environment(self, dsn: str, application: str) -> dict[str, str]:
        """What a program may know: the password, and of an external server what its operator has set."""
        kept = {
            name: text
            for name, text in os.environ.items()
            if self.is_external and (name.startswith("PG") or name == "HOME")
        }
        return {
            "PATH": os.defpath, "LC_ALL": "C", **kept, **secret_variables(dsn), "PGAPPNAME": application
        }  # fmt: skip


def secret_variables(dsn: str) -> dict[str, str]:
    """A DSN's password as a variable of a child process, which other accounts cannot read."""
    _, password = without_password(dsn)
    return {} if password is None else {"PGPASSWORD": password}


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask it to end, then make it."""
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _TERMINATE_WAIT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
