"""The template for several receivers: filled in as envsubst does, then held to the specification and to Lamina."""

import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.deploy.shipped import DEPLOY, default_ports, documents, settings_of

from lamina.kernel.settings.load import Settings
from lamina.kernel.settings.platform import (
    AdminSettings,
    LogSettings,
    PlatformSettings,
    PostgresSettings,
)
from lamina.services.telemetry.settings import TelemetrySettings, address

TEMPLATE = DEPLOY / "kubernetes" / "telemetry" / "deployment.template.yml"
NAME = "tetcore-analytics"
SECRETS = "/run/secrets/lamina"
NEEDED = {
    "NAMESPACE": "telemetry",
    "REPLICAS": "3",
    "TETCORE_ANALYTICS_DOCKER_IMAGE": "registry.example.org/lamina:0.1.0",
    "WS_PORT": "1024",
    "TETCORE_ANALYTICS_DB_URL": "postgresql://telemetry:it-is-secret@db.example.org/lamina?sslmode=verify-full",
}
CONFIGURED = {
    "PORT": "$WS_PORT",
    **{
        name: f"${name}"
        for name in (
            "HEARTBEAT_INTERVAL", "CLIENT_TIMEOUT_S", "PURGE_INTERVAL_S", "MAX_PENDING_CONNECTIONS", "LOG_EXPIRY_H",
            "RUST_LOG", "WS_MAX_PAYLOAD", "DB_POOL_SIZE", "DB_BATCH_SIZE", "DB_SAVE_LATENCY_MS",
            "CACHE_UPDATE_TIMEOUT_S", "CACHE_UPDATE_INTERVAL_MS", "CACHE_EXPIRY_S", "ASSETS_PATH",
        )
    },
}  # fmt: skip
"""The keys of spec/telemetry.md 11."""


def filled(variables: Mapping[str, str]) -> dict[tuple[str, str], Any]:
    """The manifests by kind and name; a variable that is not set leaves nothing, comments are replaced in too."""
    text = re.sub(
        r"\$(\w+)|\$\{(\w+)\}",
        lambda match: variables.get(match[1] or match[2], ""),
        TEMPLATE.read_text(encoding="utf-8"),
    )
    made = [each for each in yaml.safe_load_all(text) if each is not None]
    found = {(each["kind"], each["metadata"]["name"]): each for each in made}
    assert len(found) == len(made)
    return found


def container(manifests: Mapping[tuple[str, str], Any]) -> Any:
    (only,) = manifests["Deployment", NAME]["spec"]["template"]["spec"]["containers"]
    return only


def settings_in(manifests: Mapping[tuple[str, str], Any], tmp_path: Path) -> Settings:
    """What `lamina telemetry serve` makes of the container's environment and secret."""
    for name, text in manifests["Secret", NAME]["stringData"].items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o440)
    own = {
        each["name"]: each["value"].replace(SECRETS, str(tmp_path)) for each in container(manifests)["env"]
    }
    return settings_of({**manifests["ConfigMap", NAME]["data"], **own}, "telemetry")


def test_what_is_not_set_is_the_default(tmp_path: Path) -> None:
    settings = settings_in(filled(NEEDED), tmp_path)
    assert settings.notices == ()
    default = settings_of({}).get(TelemetrySettings)
    assert settings.get(TelemetrySettings) == default.model_copy(update={"port": 1024})
    assert address(settings) == ("0.0.0.0", 1024)
    assert settings.get(PlatformSettings).profile == "production"
    assert (settings.get(AdminSettings).host, settings.get(AdminSettings).port) == (
        "0.0.0.0",
        default_ports()["admin"],
    )
    dsn = settings.get(PostgresSettings).dsn
    assert dsn is not None
    assert dsn.get_secret_value() == NEEDED["TETCORE_ANALYTICS_DB_URL"]


def test_what_is_set_counts(tmp_path: Path) -> None:
    given = {
        "HEARTBEAT_INTERVAL": "7", "CLIENT_TIMEOUT_S": "21", "PURGE_INTERVAL_S": "60", "MAX_PENDING_CONNECTIONS": "99",
        "LOG_EXPIRY_H": "3", "RUST_LOG": "warn", "WS_MAX_PAYLOAD": "1_048_576", "DB_POOL_SIZE": "5",
        "DB_BATCH_SIZE": "10", "DB_SAVE_LATENCY_MS": "20", "CACHE_UPDATE_TIMEOUT_S": "30",
        "CACHE_UPDATE_INTERVAL_MS": "40", "CACHE_EXPIRY_S": "50", "ASSETS_PATH": "/srv/pages",
        "TELEMETRY_ALLOWED_CIDRS": "203.0.113.0/24,198.51.100.7", "TELEMETRY_BUFFER_MB": "64",
        "TELEMETRY_TRUST_FORWARDED": "10.0.0.0/8",
    }  # fmt: skip
    settings = settings_in(filled(NEEDED | given), tmp_path)
    assert settings.notices == ()
    telemetry = settings.get(TelemetrySettings)
    assert (telemetry.heartbeat_interval_s, telemetry.client_timeout_s, telemetry.purge_interval_s) == (
        7,
        21,
        60,
    )
    assert (telemetry.pending_connections_max, telemetry.log_expiry_h) == (99, 3)
    assert (telemetry.ws_payload_bytes_max, telemetry.batch_messages_max) == (1_048_576, 10)
    assert (telemetry.batch_latency_ms, telemetry.cache_update_timeout_s) == (20, 30)
    assert (telemetry.cache_update_interval_ms, telemetry.cache_expiry_s) == (40, 50)
    assert (telemetry.assets_path, telemetry.buffer_mb) == ("/srv/pages", 64)
    assert (telemetry.allowed_cidrs, telemetry.trust_forwarded) == (
        "203.0.113.0/24,198.51.100.7",
        "10.0.0.0/8",
    )
    assert settings.get(PostgresSettings).pool_connections_max == 5
    assert settings.get(LogSettings).level == "warning"


def test_the_template_is_the_specifications() -> None:
    unfilled = {(each["kind"], each["metadata"]["name"]): each for each in documents(TEMPLATE)}
    assert unfilled["ConfigMap", NAME]["data"].items() >= CONFIGURED.items()
    deployment = filled(NEEDED)["Deployment", NAME]
    assert deployment["metadata"]["namespace"] == "telemetry"
    spec = deployment["spec"]
    assert (spec["replicas"], spec["revisionHistoryLimit"], spec["minReadySeconds"]) == (3, 2, 3)
    assert spec["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    only = container(filled(NEEDED))
    assert (only["image"], only["imagePullPolicy"]) == (NEEDED["TETCORE_ANALYTICS_DOCKER_IMAGE"], "Always")
    assert only["args"] == ["telemetry", "serve"]
    ready, live = only["readinessProbe"], only["livenessProbe"]
    assert (ready["initialDelaySeconds"], ready["periodSeconds"], ready["httpGet"]["path"]) == (
        5,
        10,
        "/readyz",
    )
    assert (live["initialDelaySeconds"], live["periodSeconds"], live["httpGet"]["path"]) == (15, 20, "/livez")
    assert all(each["metadata"]["namespace"] == "telemetry" for each in filled(NEEDED).values())


def test_a_pod_has_time_to_store_what_it_holds() -> None:
    settings = settings_of({})
    needed_s = (
        settings.get(TelemetrySettings).flush_timeout_s + settings.get(PlatformSettings).drain_timeout_s + 5
    )
    pod = filled(NEEDED)["Deployment", NAME]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= needed_s + 10


def test_the_allow_list_is_the_load_balancers_with_a_word_to_each_line() -> None:
    service = filled(NEEDED)["Service", NAME]["spec"]
    assert service["type"] == "LoadBalancer"
    assert service["externalTrafficPolicy"] == "Local"
    assert len(service["loadBalancerSourceRanges"]) >= 2
    for network in service["loadBalancerSourceRanges"]:
        ip_network(network)
        assert re.search(rf"- {re.escape(network)} # \w+", TEMPLATE.read_text())


def test_only_nodes_reach_the_port_that_faces_the_world() -> None:
    manifests = filled(NEEDED)
    ports = {each["name"]: each["containerPort"] for each in container(manifests)["ports"]}
    assert ports == {"ws": 1024, "admin": default_ports()["admin"]}
    (open_port,) = manifests["Service", NAME]["spec"]["ports"]
    assert (open_port["port"], open_port["targetPort"]) == (1024, "ws")
    nodes, scrapers = manifests["NetworkPolicy", NAME]["spec"]["ingress"]
    assert nodes == {"ports": [{"port": 1024}]}
    assert scrapers["ports"] == [{"port": ports["admin"]}]
    assert scrapers["from"]


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy"])
def test_selectors_find_the_pods(kind: str) -> None:
    manifests = filled(NEEDED)
    spec = manifests[kind, NAME]["spec"]
    selector = spec.get("selector") or spec["podSelector"]
    labels = manifests["Deployment", NAME]["spec"]["template"]["metadata"]["labels"]
    assert selector.get("matchLabels", selector) == labels == {"app": NAME}


def test_prometheus_finds_both_listeners_under_the_rules_names() -> None:
    manifests = filled(NEEDED)
    monitor = manifests["ServiceMonitor", NAME]["spec"]
    (config,) = documents(DEPLOY / "prometheus" / "prometheus.yml")
    jobs = {each["job_name"]: each for each in config["scrape_configs"]}
    served = {
        port["name"]
        for (kind, _), each in manifests.items()
        if kind == "Service" and each["metadata"]["labels"] == monitor["selector"]["matchLabels"]
        for port in each["spec"]["ports"]
    }
    assert {each["port"] for each in monitor["endpoints"]} == served
    by_job = {each["relabelings"][0]["replacement"]: each for each in monitor["endpoints"]}
    assert set(by_job) == set(jobs)
    assert by_job["lamina-telemetry"]["port"] == "ws"
    (dropped,) = by_job["lamina"]["metricRelabelings"]
    (same,) = jobs["lamina"]["metric_relabel_configs"]
    assert (dropped["regex"], dropped["action"]) == (same["regex"], same["action"])
    assert all(each["interval"] == "30s" for each in monitor["endpoints"])


def test_the_address_of_the_database_is_in_the_secret_alone() -> None:
    manifests = filled(NEEDED)
    assert [kind for kind, each in manifests.items() if "it-is-secret" in yaml.safe_dump(each)] == [
        ("Secret", NAME)
    ]
    volumes = {
        each["name"]: each for each in manifests["Deployment", NAME]["spec"]["template"]["spec"]["volumes"]
    }
    mounts = {each["name"]: each["mountPath"] for each in container(manifests)["volumeMounts"]}
    assert set(mounts) == set(volumes)
    assert mounts["secrets"] == SECRETS
    assert volumes["secrets"]["secret"] == {"secretName": NAME, "defaultMode": 0o440}
    security = container(manifests)["securityContext"]
    assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (True, False)
