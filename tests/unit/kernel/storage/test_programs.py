from pathlib import Path

import pydantic
import pytest

from lamina.kernel.settings.dsn import Dsn
from lamina.kernel.settings.platform import PostgresSettings
from lamina.kernel.storage.programs import ClientPrograms, ProgramFailed, ProgramsUnusable


def settings(dsn: str | None, **more: object) -> PostgresSettings:
    return PostgresSettings.model_validate({"dsn": None if dsn is None else Dsn(dsn), **more})


def test_the_bundled_programs_are_not_sent_to_a_server_that_wants_tls(tmp_path: Path) -> None:
    dsn = "postgresql://u:marker@h/d?sslmode=verify-full"
    with pytest.raises(ProgramsUnusable, match="TLS") as caught:
        ClientPrograms.of(settings(dsn))
    assert "LAMINA_POSTGRES__PROGRAMS_DIR" in caught.value.hint
    assert "marker" not in str(caught.value) + caught.value.hint
    assert ClientPrograms.of(settings(dsn, programs_dir=tmp_path)).directory == tmp_path


def test_the_embedded_server_has_its_own_programs(tmp_path: Path) -> None:
    programs = ClientPrograms.of(settings(None, programs_dir=tmp_path))
    assert programs == ClientPrograms.bundled()
    assert not programs.is_external


async def test_versions_are_asked_of_the_programs(tmp_path: Path) -> None:
    assert await ClientPrograms.bundled().major_version("pg_dump") == 18
    here = ClientPrograms(tmp_path, is_external=True, is_bundled=False)
    with pytest.raises(ProgramsUnusable, match="No such file"):
        await here.major_version("pg_dump")
    (tmp_path / "pg_dump").symlink_to("/bin/true")
    with pytest.raises(ProgramsUnusable, match="is not PostgreSQL's"):
        await here.major_version("pg_dump")


def program(directory: Path, text: str) -> ClientPrograms:
    """A program of ours in PostgreSQL's place."""
    path = directory / "pg_dump"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return ClientPrograms(directory, is_external=True, is_bundled=False)


@pytest.mark.parametrize("text", ["exit 3", "echo 'pg_dump: error: no' >&2", "kill -9 $$"])
async def test_an_error_line_counts_as_much_as_an_exit_code(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProgramFailed, match="pg_dump failed"):
        await program(tmp_path, text).run("pg_dump", [], "postgresql://h/d", application="test")


async def test_a_password_and_the_operators_variables_are_all_a_program_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAMINA_ADMIN__TOKEN", "marker")
    monkeypatch.setenv("PGSSLROOTCERT", "/etc/ca.pem")
    programs = program(tmp_path, f'env > {tmp_path}/env; echo "$@" > {tmp_path}/arguments')
    await programs.run("pg_dump", ["--one"], "postgresql://u:p%40ss@h/d", application="test")
    assert (tmp_path / "arguments").read_text() == "--dbname postgresql://u@h/d --no-password --one\n"
    told = (tmp_path / "env").read_text().splitlines()
    assert {"PGPASSWORD=p@ss", "PGSSLROOTCERT=/etc/ca.pem", "PGAPPNAME=test"} <= set(told)
    assert "marker" not in "".join(told)


def test_a_directory_that_is_no_path_is_refused() -> None:
    with pytest.raises(pydantic.ValidationError):
        settings(None, programs_dir=5)
