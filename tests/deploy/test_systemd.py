"""The units of `deploy/systemd` and `deploy/ha`: what systemd makes of them, and what Lamina makes of their settings."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.deploy.shipped import DEPLOY, settings_of, variables
from tests.process.command import Home

from lamina.kernel.settings.platform import HttpSettings, PlatformSettings
from lamina.services.ledger.settings import stream_address, stream_url
from lamina.services.telemetry.settings import TelemetrySettings, address

SYSTEMD = DEPLOY / "systemd"
OURS = ["lamina.service", "lamina-ledger.service", "lamina-telemetry.service"]
UNITS = [
    *(SYSTEMD / name for name in OURS),
    DEPLOY / "ha" / "etcd.service",
    DEPLOY / "ha" / "patroni.service",
]
EXPOSURE_MAX = 2.0  # "OK" ends at 5, most units of a distribution are above 9


def values(unit: Path, name: str) -> list[str]:
    """The values of a directive, in order."""
    return re.findall(rf"^{name}=(.*)$", unit.read_text(encoding="utf-8"), flags=re.MULTILINE)


def analyze(*args: str | Path) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("there is no systemd-analyze here")
    return subprocess.run([program, *args], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_accepts_the_unit(unit: Path, tmp_path: Path) -> None:
    """With programs in place of those that are not installed here, as a missing one is an error of its own."""
    text = re.sub(
        r"^(Exec\w+=[-+]*)/\S+", r"\1/bin/true", unit.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    copy = tmp_path / unit.name
    copy.write_text(text)
    done = analyze("verify", "--man=no", copy)
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    assert (done.returncode, complaints) == (0, [])


@pytest.mark.parametrize("name", OURS)
def test_the_service_is_locked_in(name: str) -> None:
    done = analyze("security", "--offline=yes", "--no-pager", SYSTEMD / name)
    if "unrecognized option" in done.stderr or "Unknown" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at files")
    score = re.search(r"Overall exposure level.*: (\d+\.\d+)", done.stdout)
    assert score is not None, done.stderr
    assert float(score[1]) <= EXPOSURE_MAX


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("lamina.service", "up"),
        ("lamina-ledger.service", "ledger serve"),
        ("lamina-telemetry.service", "telemetry serve"),
    ],
)
def test_the_command_exists_and_has_time_to_drain(name: str, command: str, tmp_path: Path) -> None:
    unit = SYSTEMD / name
    assert values(unit, "ExecStart") == [f"/opt/lamina/bin/lamina {command}"]
    assert Home(tmp_path).run(*command.split(), "--help").returncode == 0
    drain_s = settings_of({}).get(PlatformSettings).drain_timeout_s
    assert int(values(unit, "TimeoutStopSec")[0]) >= drain_s + 10
    assert values(unit, "KillMode") == [
        "mixed"
    ]  # the parent drains its children; they must not be told behind its back


@pytest.mark.parametrize(
    ("name", "file"), [("lamina.service", "lamina.env"), ("lamina-ledger.service", "ledger.env")]
)
def test_its_settings_are_ones_and_the_data_is_where_it_may_write(
    name: str, file: str, tmp_path: Path
) -> None:
    unit = SYSTEMD / name
    assert values(unit, "EnvironmentFile")[0].removeprefix("-") == f"/etc/lamina/{file}"
    environment = dict(line.split("=", 1) for line in values(unit, "Environment")) | variables(SYSTEMD / file)
    if "LAMINA_POSTGRES__DSN_FILE" in environment:
        dsn = tmp_path / "postgres.dsn"
        dsn.write_text("postgresql://lamina_ledger@db1,db2,db3/lamina?target_session_attrs=read-write\n")
        dsn.chmod(0o600)
        environment["LAMINA_POSTGRES__DSN_FILE"] = str(dsn)
    settings = settings_of(environment)
    state = f"/var/lib/{values(unit, 'StateDirectory')[0]}"
    assert settings.get(PlatformSettings).data_dir.is_relative_to(state)
    assert settings.get(PlatformSettings).profile == "production"
    assert stream_address(settings) == ("127.0.0.1", 9985)
    assert stream_url(settings).startswith("wss://ledger.example.org:443/")


def test_a_receiver_stands_behind_the_proxy_and_has_time_to_store_what_it_holds(tmp_path: Path) -> None:
    unit = SYSTEMD / "lamina-telemetry.service"
    assert values(unit, "EnvironmentFile") == ["/etc/lamina/telemetry.env"]
    own = variables(SYSTEMD / "telemetry.env")
    dsn = tmp_path / "telemetry.dsn"
    dsn.write_text("postgresql://lamina_telemetry@db1,db2/lamina?target_session_attrs=read-write\n")
    dsn.chmod(0o600)
    assert own["LAMINA_POSTGRES__DSN_FILE"] == "/etc/lamina/telemetry.dsn"
    given = dict(line.split("=", 1) for line in values(unit, "Environment")) | own
    settings = settings_of(given | {"LAMINA_POSTGRES__DSN_FILE": str(dsn)}, "telemetry")
    assert settings.notices == ()
    state = f"/var/lib/{values(unit, 'StateDirectory')[0]}"
    assert str(settings.get(PlatformSettings).data_dir) == state == values(unit, "WorkingDirectory")[0]
    telemetry = settings.get(TelemetrySettings)
    assert address(settings) == ("127.0.0.1", 8080)
    assert telemetry.trust_forwarded == "127.0.0.1"
    assert settings.get(HttpSettings).trusted_proxies == ("127.0.0.1",)
    assert telemetry.log_expiry_h == 720
    needed_s = telemetry.flush_timeout_s + settings.get(PlatformSettings).drain_timeout_s
    assert int(values(unit, "TimeoutStopSec")[0]) >= needed_s + 10


@pytest.mark.parametrize("file", ["lamina.env", "ledger.env", "telemetry.env"])
def test_no_secret_stands_in_an_environment_file(file: str) -> None:
    assert not [
        name for name in variables(SYSTEMD / file) if name.endswith(("DSN", "PRIVATE", "TOKEN", "URL"))
    ]
