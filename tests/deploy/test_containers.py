"""The image and the compose files of `deploy/container`, as far as they can be held to facts without a container engine."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.shipped import DEPLOY, ROOT, default_ports, settings_of

from lamina import __version__
from lamina.kernel.settings.platform import HttpSettings, PlatformSettings, PostgresSettings
from lamina.services.ledger.node import load_node
from lamina.services.ledger.settings import LedgerSettings, http_address, stream_address, stream_url
from lamina.services.telemetry.settings import TelemetrySettings
from lamina.services.telemetry.settings import address as telemetry_address

CONTAINER = DEPLOY / "container"
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^}]*))?\}")


def instructions() -> list[tuple[str, str]]:
    """The Containerfile's instructions in order, continuation lines joined."""
    text = (CONTAINER / "Containerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def image_environment() -> dict[str, str]:
    """What the image sets for Lamina."""
    (env,) = [rest for name, rest in instructions() if name == "ENV"]
    pairs = dict(part.split("=", 1) for part in shlex.split(env))
    return {name: text for name, text in pairs.items() if name.startswith("LAMINA_")}


def compose(name: str, environment: dict[str, str]) -> Any:
    """A compose file with its variables filled in; one that must be set and is not fails as compose would."""

    def fill(match: re.Match[str]) -> str:
        variable, kind, text = match.groups()
        if environment.get(variable):
            return environment[variable]
        assert kind == ":-", f"{variable} must be set: {text}"
        return text

    return yaml.safe_load(_VARIABLE.sub(fill, (CONTAINER / name).read_text(encoding="utf-8")))


def test_the_image_is_made_of_files_that_exist_and_are_let_in() -> None:
    copied = [
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert "requirements.lock" in copied
    assert all((ROOT / each).exists() for each in copied)
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert let_in == set(copied)


def test_the_build_finds_all_it_needs_in_what_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    copied = " ".join(rest for name, rest in instructions() if name == "COPY")
    assert project["project"]["readme"] in copied
    assert all(each in copied for each in project["project"]["license-files"])
    locked = (ROOT / "requirements.lock").read_text()
    assert all(f"\n{each.split('>')[0]}==" in f"\n{locked}" for each in project["dependency-groups"]["build"])
    assert "--require-hashes" in " ".join(rest for name, rest in instructions() if name == "RUN")


def test_the_image_starts_lamina_as_an_ordinary_account_with_a_name() -> None:
    last = dict(instructions())
    assert last["ENTRYPOINT"] == '["lamina"]'
    assert "lamina" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert last["USER"] == "10001:10001"
    assert "--uid 10001" in last["RUN"]
    assert last["STOPSIGNAL"] == "SIGTERM"
    settings = settings_of(image_environment())
    assert str(settings.get(PlatformSettings).data_dir) == last["VOLUME"]
    assert last["VOLUME"] in last["RUN"]


def test_the_image_listens_on_every_address_at_the_default_ports() -> None:
    settings = settings_of(image_environment())
    ports = default_ports()
    assert http_address(settings) == ("0.0.0.0", ports["http"])
    assert stream_address(settings) == ("0.0.0.0", ports["stream"])
    (exposed,) = [rest for name, rest in instructions() if name == "EXPOSE"]
    assert exposed.split() == [str(ports["http"]), str(ports["stream"]), str(telemetry_address(settings)[1])]


def test_one_node() -> None:
    service = compose("compose.yaml", {})["services"]["lamina"]
    settings = settings_of(image_environment() | service["environment"])
    assert settings.get(PostgresSettings).dsn is None
    assert stream_url(settings) == "ws://localhost:9985/api/v1/streams/valid_transactions"
    assert service["ports"] == [f"127.0.0.1:{port}:{port}" for port in (9984, 9985, 8080)]
    assert service["volumes"] == [f"data:{settings.get(PlatformSettings).data_dir}"]
    assert service["healthcheck"]["test"] == ["CMD", "lamina", "status"]
    assert service["image"] == f"lamina:{__version__}"
    behind = compose(
        "compose.yaml", {"LAMINA_WS_SCHEME": "wss", "LAMINA_WS_HOST": "x.org", "LAMINA_WS_PORT": "443"}
    )
    settings = settings_of(image_environment() | behind["services"]["lamina"]["environment"])
    assert stream_url(settings).startswith("wss://x.org:443/")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The variables that prepare-federation.sh writes, made with the real command."""
    target = tmp_path_factory.mktemp("federation") / ".env"
    done = prepare(target)
    assert (done.returncode, done.stdout) == (0, f"wrote {target}\n"), done.stderr
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(target.parent.iterdir()) == [target]
    return dict(line.split("=", 1) for line in target.read_text().splitlines())


def prepare(target: Path) -> subprocess.CompletedProcess[str]:
    lamina = Path(sys.executable).with_name("lamina")
    return subprocess.run(
        ["sh", CONTAINER / "prepare-federation.sh", target],
        env={**os.environ, "LAMINA": str(lamina)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_federation_is_never_prepared_over_another(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("NODE1_PRIVATE=precious\n")
    done = prepare(tmp_path / ".env")
    assert (done.returncode, done.stdout) == (4, "")
    assert (tmp_path / ".env").read_text() == "NODE1_PRIVATE=precious\n"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_node_of_a_federation_knows_the_others(prepared: dict[str, str], number: int) -> None:
    services = compose("compose.federation.yaml", prepared)["services"]
    service = services[f"node{number}"]
    settings = settings_of(image_environment() | service["environment"])
    ledger = settings.get(LedgerSettings)
    keys = {prepared[f"NODE{each}_PUBLIC"] for each in (1, 2, 3)}
    assert {ledger.keypair_public, *ledger.keyring} == keys
    assert len(ledger.keyring) == 2
    assert ledger.keypair_private is not None
    assert load_node(settings).public == prepared[f"NODE{number}_PUBLIC"]
    assert service["ports"][1] == f"127.0.0.1:{ledger.ws_port}:9985"
    assert stream_url(settings) == f"ws://localhost:{ledger.ws_port}/api/v1/streams/valid_transactions"


@pytest.mark.parametrize("number", [1, 2, 3])
def test_every_node_has_its_own_database_and_shares_the_log(prepared: dict[str, str], number: int) -> None:
    services = compose("compose.federation.yaml", prepared)["services"]
    node, database = services[f"node{number}"], services[f"db{number}"]
    dsn = settings_of(node["environment"]).get(PostgresSettings).dsn
    assert dsn is not None
    password = database["environment"]["POSTGRES_PASSWORD"]
    assert dsn.get_secret_value() == f"postgresql://lamina:{password}@db{number}:5432/lamina"
    log_password = services["log"]["environment"]["POSTGRES_PASSWORD"]
    log_variable = "LAMINA_LEDGER__LOG_DSN"
    assert node["environment"][log_variable] == f"postgresql://lamina:{log_password}@log:5432/lamina"
    assert database["networks"] == [f"node{number}"]
    assert set(node["networks"]) == {"outside", f"node{number}", "log"}
    assert set(node["depends_on"]) == {f"db{number}", "log"}


def test_a_federation_cannot_start_unprepared() -> None:
    with pytest.raises(AssertionError, match=r"run prepare-federation\.sh"):
        compose("compose.federation.yaml", {})


RECEIVERS = ("receiver1", "receiver2")


def test_telemetry_cannot_start_without_a_password() -> None:
    with pytest.raises(AssertionError, match=r"see the top of compose\.telemetry\.yaml"):
        compose("compose.telemetry.yaml", {})


@pytest.mark.parametrize("name", RECEIVERS)
def test_receivers_share_a_database_and_believe_the_proxy_alone(name: str) -> None:
    document = compose("compose.telemetry.yaml", {"TELEMETRY_PASSWORD": "secret"})
    service, database = document["services"][name], document["services"]["db"]
    settings = settings_of(image_environment() | service["environment"], "telemetry")
    assert settings.notices == ()
    dsn = settings.get(PostgresSettings).dsn
    assert dsn is not None
    assert dsn.get_secret_value() == "postgresql://lamina:secret@db:5432/lamina"
    assert database["environment"]["POSTGRES_PASSWORD"] == "secret"
    telemetry = settings.get(TelemetrySettings)
    assert telemetry_address(settings) == ("0.0.0.0", 8080)
    assert (telemetry.allowed_cidrs, telemetry.log_expiry_h, telemetry.buffer_mb) == ("", 720, 256)
    (subnet,) = document["networks"]["inside"]["ipam"]["config"]
    assert telemetry.trust_forwarded == subnet["subnet"]
    assert settings.get(HttpSettings).trusted_proxies == (subnet["subnet"],)
    assert str(settings.get(PlatformSettings).data_dir) in service["tmpfs"][1]
    assert service["command"] == ["telemetry", "serve"]
    assert "ports" not in service
    grace_s = int(service["stop_grace_period"].removesuffix("s"))
    assert grace_s >= telemetry.flush_timeout_s + settings.get(PlatformSettings).drain_timeout_s + 10


def test_what_operators_may_set_reaches_the_receivers() -> None:
    given = {
        "TELEMETRY_PASSWORD": "secret",
        "LOG_EXPIRY_H": "3",
        "DB_POOL_SIZE": "5",
        "TELEMETRY_BUFFER_MB": "64",
        "TELEMETRY_ALLOWED_CIDRS": "203.0.113.0/24,2001:db8::/32",
    }
    service = compose("compose.telemetry.yaml", given)["services"]["receiver1"]
    settings = settings_of(image_environment() | service["environment"], "telemetry")
    telemetry = settings.get(TelemetrySettings)
    assert (telemetry.log_expiry_h, telemetry.buffer_mb) == (3, 64)
    assert telemetry.allowed_cidrs == given["TELEMETRY_ALLOWED_CIDRS"]
    assert settings.get(PostgresSettings).pool_connections_max == 5


def test_the_proxy_alone_faces_the_world() -> None:
    document = compose("compose.telemetry.yaml", {"TELEMETRY_PASSWORD": "secret"})
    services, networks = document["services"], document["networks"]
    assert {name for name, each in services.items() if "ports" in each} == {"proxy"}
    assert services["proxy"]["ports"] == ["127.0.0.1:8080:8080"]
    outside = {name for name, each in networks.items() if not (each or {}).get("internal")}
    assert {name for name, each in services.items() if set(each["networks"]) & outside} == {"proxy"}
    assert not set(services["proxy"]["networks"]) & set(services["db"]["networks"])
    mounted = dict(each.removesuffix(":ro").split(":") for each in services["proxy"]["volumes"])
    assert all((CONTAINER / source).exists() for source in mounted)
    assert services["proxy"]["command"][2] in mounted.values()
    configuration = (CONTAINER / "telemetry-proxy.conf").read_text()
    assert set(re.findall(r"include (\S+);", configuration)) < set(mounted.values())
    assert re.findall(r"server (\w+):8080 ", configuration) == list(RECEIVERS)
