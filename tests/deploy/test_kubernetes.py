"""The manifests of `deploy/kubernetes`: that they fit together, and that they name what Lamina has."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from tests import plain_http
from tests.deploy.shipped import DEPLOY, default_ports, documents, settings_of
from tests.running_platform import RunningPlatform

from lamina import __version__
from lamina.kernel.settings.platform import AdminSettings, HttpSettings, PlatformSettings, PostgresSettings
from lamina.services.ledger.settings import LedgerSettings, http_address, stream_address, stream_url

FOLDER = DEPLOY / "kubernetes"
SECRETS = "/run/secrets/lamina"
RATE = {
    "nginx.ingress.kubernetes.io/limit-rps": "10",
    "nginx.ingress.kubernetes.io/limit-burst-multiplier": "2",
}


def one(kind: str, name: str = "lamina-ledger") -> Any:
    """The manifest of a kind and name."""
    found = [
        each
        for path in FOLDER.glob("*.yaml")
        for each in documents(path)
        if each["kind"] == kind and each["metadata"]["name"] == name
    ]
    assert len(found) == 1, (kind, name)
    return found[0]


def pod() -> Any:
    return one("StatefulSet")["spec"]["template"]["spec"]


def container() -> Any:
    (only,) = pod()["containers"]
    return only


def environment(tmp_path: Path) -> dict[str, str]:
    """What the container sees, with the secret's files below a directory of this test."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    for name, text in one("Secret")["stringData"].items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o440)
    own = {each["name"]: each["value"].replace(SECRETS, str(folder)) for each in container()["env"]}
    return {**one("ConfigMap")["data"], **own}


def test_the_settings_can_be_used(tmp_path: Path) -> None:
    settings = settings_of(environment(tmp_path))
    assert settings.get(PlatformSettings).allow_readable_secrets
    dsn = settings.get(PostgresSettings).dsn
    assert dsn is not None
    assert "target_session_attrs=read-write" in dsn.get_secret_value()
    assert "sslmode=verify-full" in dsn.get_secret_value()
    assert settings.get(LedgerSettings).keypair_private is not None
    assert settings.get(AdminSettings).token is not None
    assert stream_url(settings) == "wss://ledger.example.org:443/api/v1/streams/valid_transactions"
    assert settings.get(HttpSettings).trusted_proxies == ("10.0.0.0/8",)


def test_ports_are_the_platforms_from_settings_to_services(tmp_path: Path) -> None:
    ports = default_ports()
    settings = settings_of(environment(tmp_path))
    assert http_address(settings) == ("0.0.0.0", ports["http"])
    assert stream_address(settings) == ("0.0.0.0", ports["stream"])
    assert (settings.get(AdminSettings).host, settings.get(AdminSettings).port) == ("0.0.0.0", ports["admin"])
    assert {each["name"]: each["containerPort"] for each in container()["ports"]} == ports
    served = {
        each["targetPort"]: each["port"]
        for name in ("lamina-ledger", "lamina-ledger-pods")
        for each in one("Service", name)["spec"]["ports"]
    }
    assert served == ports
    allowed = [port["port"] for rule in one("NetworkPolicy")["spec"]["ingress"] for port in rule["ports"]]
    assert sorted(allowed) == sorted(ports.values())


def test_probes_ask_what_the_admin_listener_answers(platform: RunningPlatform) -> None:
    probes = {
        name: container()[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert {name: (each["path"], each["port"]) for name, each in probes.items()} == {
        "startupProbe": ("/livez", "admin"),
        "livenessProbe": ("/livez", "admin"),
        "readinessProbe": ("/readyz", "admin"),
    }
    scraped = one("StatefulSet")["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"]
    for path in {*(each["path"] for each in probes.values()), scraped}:
        assert plain_http.get(platform.admin_url + path).status_code == 200


def test_the_pod_is_locked_in_and_bounded() -> None:
    context = pod()["securityContext"] | container()["securityContext"]
    assert context["runAsNonRoot"] is True
    assert (context["runAsUser"], context["fsGroup"]) == (10001, 10001)
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    resources = container()["resources"]
    assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}
    assert container()["image"] == f"lamina:{__version__}"
    drain_s = settings_of({}).get(PlatformSettings).drain_timeout_s
    assert pod()["terminationGracePeriodSeconds"] >= drain_s + 15


def test_what_is_mounted_exists_and_the_data_is_kept() -> None:
    volumes = {each["name"]: each for each in pod()["volumes"]}
    (claim,) = one("StatefulSet")["spec"]["volumeClaimTemplates"]
    mounts = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}
    assert set(mounts) == {*volumes, claim["metadata"]["name"]}
    assert mounts["secrets"] == SECRETS
    assert volumes["secrets"]["secret"]["secretName"] == one("Secret")["metadata"]["name"]
    assert volumes["secrets"]["secret"]["defaultMode"] == 0o440
    assert claim["spec"]["storageClassName"] == one("StorageClass", "lamina")["metadata"]["name"]
    assert {"name": "LAMINA_DATA_DIR", "value": mounts["data"]} in container()["env"]


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy"])
def test_selectors_find_the_pods(kind: str) -> None:
    spec = one(kind)["spec"]
    selector = spec.get("selector") or spec["podSelector"]
    labels = one("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert (
        selector.get("matchLabels", selector)
        == labels
        == one("StatefulSet")["spec"]["selector"]["matchLabels"]
    )


def test_the_ingress_leads_to_the_services_with_the_limits_of_the_proxy() -> None:
    api, stream = one("Ingress"), one("Ingress", "lamina-ledger-stream")
    backends = {}
    for each in (api, stream):
        (rule,) = each["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        backends[path["path"]] = (
            path["backend"]["service"]["name"],
            path["backend"]["service"]["port"]["name"],
        )
        assert each["spec"]["tls"][0]["hosts"] == [rule["host"]]
        assert each["metadata"]["annotations"].items() >= RATE.items()
    assert backends == {"/": ("lamina-ledger", "http"), "/api/v1/streams/": ("lamina-ledger", "stream")}
    assert api["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"] == "15k"
    assert stream["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "300"


def test_nothing_that_is_applied_holds_a_secret() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())["resources"]
    files = {each.name for each in FOLDER.glob("*.yaml")}
    assert set(listed) == files - {"kustomization.yaml", "secret.example.yaml"}
    values = one("Secret")["stringData"]
    assert all(text.startswith("REPLACE-WITH-") for name, text in values.items() if name != "postgres.dsn")
    assert ":" not in values["postgres.dsn"].partition("://")[2].partition("@")[0]
