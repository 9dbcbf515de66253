"""Rules and dashboards of metrics: real names, real syntax, and every alert fires when it should and not before."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx
import pytest
import yaml
from tests import plain_http
from tests.deploy.grafana import DASHBOARDS, filled_promql, queries
from tests.deploy.shipped import DEPLOY, ROOT, default_ports, documents, settings_of
from tests.ledger_transactions import Wallet
from tests.postgres_server import free_port
from tests.telemetry_messages import Node
from tests.telemetry_service import Telemetry, telemetry_running, wait_until
from tests.wire.ledger_client import post, wait_until_valid

from lamina.services.ledger import metrics as ledger_metrics
from lamina.services.telemetry.settings import TelemetrySettings, address

FOLDER = DEPLOY / "prometheus"
RULES = {path.stem: path for path in sorted((FOLDER / "rules").glob("*.yml"))}
ALERTS = [
    rule for path in RULES.values() for group in documents(path)[0]["groups"] for rule in group["rules"]
]
ASKED = [query for name in DASHBOARDS for query in queries(name) if query.language == "promql"]
EXPRESSIONS = [*(rule["expr"] for rule in ALERTS), *(filled_promql(query.text) for query in ASKED)]
ONLY_WHEN_IT_HAPPENS = {f"{ledger_metrics.REJECTED.describe()[0].name}_total"}
OF_PROMETHEUS = {"up"}
MAY_BE_EMPTY = (*ONLY_WHEN_IT_HAPPENS, "total_swap")  # a machine may have no swap
_QUOTED_AND_GROUPED = re.compile(r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]|\b(?:by|on|without|ignoring)\s*\([^)]*\)')
_WORDS = re.compile(r"\b(?:and|or|unless|offset|group_left|group_right|bool)\b|\b\w+(?=\s*\()|\b\d\w*\b")
STARTS_WITHIN_S = 20.0


def names(expression: str) -> set[str]:
    """The metrics that an expression reads."""
    plain = _WORDS.sub(" ", _QUOTED_AND_GROUPED.sub(" ", expression))
    return set(re.findall(r"[a-z_]\w*", plain))


def program(name: str) -> str:
    """Prometheus or its promtool, where Debian's package or the project's archive put it."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/bin:/opt/prometheus")
    if found is None:
        pytest.skip(f"there is no {name} here; apt-get install prometheus brings it")
    return found


def promtool(*args: str | Path, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("promtool"), *args], input=stdin, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def observed(postgres: str) -> Iterator[Telemetry]:
    """A platform with ledger and telemetry on which everything has happened once that is counted."""
    with telemetry_running(postgres, services="ledger,telemetry", purge_interval_s=0.5) as running:
        node = Node(77)
        running.send([*node.talk(20), {"msg": "no time"}])
        running.wait_stored(node.peer_id, 20)
        running.get("/nodes")
        with plain_http.Client(base_url=running.platform.url) as client:
            asset = Wallet().create()
            assert post(client, asset).status_code == 202
            wait_until_valid(client, asset["id"])
            assert post(client, {"no": "transaction"}).status_code == 400
        wait_until(lambda: "telemetry.purge_batches" in scraped(running)["lamina"], within_s=15)
        wait_until(lambda: "lamina_http_request_seconds_bucket" in scraped(running)["lamina"], within_s=15)
        yield running


def scraped(running: Telemetry) -> dict[str, str]:
    """What both listeners answer, by the name of the job that asks them."""
    bases = {"lamina": running.platform.admin_url, "lamina-telemetry": running.platform.telemetry_url}
    return {job: plain_http.get(f"{base}/metrics", timeout=10).text for job, base in bases.items()}


def kept(job: str, text: str) -> set[str]:
    """The sample names that are left after the job's relabelling."""
    found = {re.split(r"[{ ]", line)[0] for line in text.splitlines() if line and not line.startswith("#")}
    (config,) = documents(FOLDER / "prometheus.yml")
    for rule in scrape_config(config, job).get("metric_relabel_configs", ()):
        assert (rule["source_labels"], rule["action"]) == (["__name__"], "drop")
        found = {name for name in found if not re.fullmatch(rule["regex"], name)}
    return found


def scrape_config(config: Any, job: str) -> Any:
    (only,) = [each for each in config["scrape_configs"] if each["job_name"] == job]
    return only


def test_every_metric_that_is_named_exists(observed: Telemetry) -> None:
    by_job = {job: kept(job, text) for job, text in scraped(observed).items()}
    assert not by_job["lamina"] & by_job["lamina-telemetry"], "counted twice"
    known = set.union(*by_job.values()) | OF_PROMETHEUS | ONLY_WHEN_IT_HAPPENS
    assert {name: each for each in EXPRESSIONS for name in names(each) if name not in known} == {}


def test_every_metric_of_the_specification_is_shown(observed: Telemetry) -> None:
    """Section 8 on the dashboard of receivers; the parent's names count the same once more."""
    shown = {name for each in queries("telemetry.json") for name in names(filled_promql(each.text))}
    shown |= {re.sub("_(bucket|sum|count)$", "", name) for name in shown}
    answered = kept("lamina-telemetry", scraped(observed)["lamina-telemetry"])
    families = {re.sub("_(bucket|sum|count)$", "", name) if "batch" in name else name for name in answered}
    assert {name for name in families if "substrate" not in name} - shown == set()


def test_labels_that_are_named_exist(observed: Telemetry) -> None:
    text = scraped(observed)["lamina"]
    for wanted in (
        'transaction="telemetry.purge_batches"',
        'route="/api/v1/transactions"',
        'outcome="committed"',
        'service="telemetry"',
    ):
        assert wanted in text
    assert 'telemetry_messages_dropped_total{reason="no_ts"}' in scraped(observed)["lamina-telemetry"]


@pytest.mark.parametrize("job", ["lamina", "lamina-telemetry"])
def test_what_is_scraped_is_well_formed(observed: Telemetry, job: str) -> None:
    done = promtool("check", "metrics", stdin=scraped(observed)[job])
    errors = [line for line in done.stderr.splitlines() if "error" in line or "no help" in line]
    assert (done.returncode in {0, 3}, errors) == (True, []), done.stderr


def test_prometheus_accepts_configuration_and_rules() -> None:
    done = promtool("check", "config", "--lint-fatal", FOLDER / "prometheus.yml")
    assert done.returncode == 0, done.stderr
    for path in RULES.values():
        assert re.search(rf"{path.name}\n  SUCCESS: [1-9]", done.stdout), done.stdout


def test_the_targets_are_the_platforms_ports() -> None:
    (config,) = documents(FOLDER / "prometheus.yml")
    ports = {
        job: [int(target.rpartition(":")[2]) for each in configs for target in each["targets"]]
        for job, configs in ((each["job_name"], each["static_configs"]) for each in config["scrape_configs"])
    }
    assert ports == {"lamina": [default_ports()["admin"]], "lamina-telemetry": [address(settings_of({}))[1]]}


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule: Any) -> None:
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description", "action"}
    assert len(rule["annotations"]["action"]) > 60
    guide = (ROOT / "docs" / "how-to" / "watch-with-grafana-and-prometheus.md").read_text()
    assert f"`{rule['alert']}`" in guide
    for page in re.findall(r"[\w/-]+\.md\b", rule["annotations"]["action"]):
        assert (ROOT / page).exists()


def test_thresholds_of_the_buffer_are_shares_of_its_default() -> None:
    limit = settings_of({}).get(TelemetrySettings).buffer_mb
    texts = {rule["alert"]: rule["expr"] for rule in ALERTS}
    assert texts["TelemetryBufferFilling"] == f"telemetry_buffer_bytes > {limit // 2} * 1024 * 1024"
    assert texts["TelemetryBufferFull"] == f"telemetry_buffer_bytes > 0.9 * {limit} * 1024 * 1024"


RECEIVER = 'instance="r1:8080",job="lamina-telemetry"'
OTHER = 'instance="r2:8080",job="lamina-telemetry"'
PLATFORM = 'instance="p1:8088",job="lamina"'
WEB = f'{PLATFORM},service="telemetry",role="web"'
PURGES = f'lamina_storage_transaction_seconds_count{{{PLATFORM},transaction="telemetry.purge_batches"}}'
HEALTHY = {
    f"up{{{RECEIVER}}}": "1x300",
    f"up{{{OTHER}}}": "1x300",
    f"up{{{PLATFORM}}}": "1x300",
    f"tetcore_message_count{{{RECEIVER}}}": "0+6000x300",
    f"telemetry_messages_stored_total{{{RECEIVER}}}": "0+6000x300",
    f'telemetry_messages_dropped_total{{{RECEIVER},reason="no_json"}}': "0+1x300",
    f"telemetry_buffer_bytes{{{RECEIVER}}}": "1000000x300",
    f"current_tetcore_connections{{{RECEIVER}}}": "100x300",
    f"nodes_dropped_count{{{RECEIVER}}}": "0+2x300",
    f'telemetry_batch_seconds_bucket{{{RECEIVER},le="0.1"}}': "0+600x300",
    f'telemetry_batch_seconds_bucket{{{RECEIVER},le="2.5"}}': "0+600x300",
    f'telemetry_batch_seconds_bucket{{{RECEIVER},le="+Inf"}}': "0+600x300",
    f"used_mem{{{RECEIVER}}}": "50x300",
    f"total_mem{{{RECEIVER}}}": "100x300",
    f"lamina_process_instances{{{WEB}}}": "2x300",
    f"lamina_process_open_fds{{{WEB}}}": "400x300",
    PURGES: "0+0.1x300",
    f"lamina_ledger_halted{{{PLATFORM}}}": "0x300",
    f"lamina_ledger_equivocation_total{{{PLATFORM}}}": "0x300",
    f"lamina_ledger_backlog_transactions{{{PLATFORM}}}": "3x300",
    f"lamina_ledger_blocks_total{{{PLATFORM}}}": "0+60x300",
    f"lamina_ledger_transactions_accepted_total{{{PLATFORM}}}": "0+600x300",
    f'lamina_ledger_transactions_rejected_total{{{PLATFORM},reason="double_spend"}}': "0+1x300",
    f'lamina_storage_transactions_total{{{PLATFORM},transaction="t",outcome="committed"}}': "0+60x300",
    f'lamina_http_request_seconds_count{{{PLATFORM},listener="l",status="200"}}': "0+600x300",
    f'lamina_http_request_seconds_count{{{PLATFORM},listener="l",status="500"}}': "0+1x300",
    f'lamina_http_request_seconds_bucket{{{PLATFORM},method="POST",route="/api/v1/transactions",le="0.1"}}': "0+600x300",
    f'lamina_http_request_seconds_bucket{{{PLATFORM},method="POST",route="/api/v1/transactions",le="+Inf"}}': "0+600x300",
    f'lamina_storage_transaction_seconds_bucket{{{PLATFORM},transaction="t",le="0.1"}}': "0+600x300",
    f'lamina_storage_transaction_seconds_bucket{{{PLATFORM},transaction="t",le="+Inf"}}': "0+600x300",
}
"""Four hours and more of a platform on which all is well, a value a minute."""

MIB = 2**20
TROUBLES: dict[str, tuple[dict[str, str], int]] = {
    "TelemetryNoReceiver": ({f"up{{{RECEIVER}}}": "1x180 0x120", f"up{{{OTHER}}}": "1x180 0x120"}, 183),
    "TelemetryReceiverDown": ({f"up{{{RECEIVER}}}": "1x180 0x120"}, 184),
    "TelemetryNothingStored": ({f"telemetry_messages_stored_total{{{RECEIVER}}}": "0+6000x180 1080000x120"}, 190),
    "TelemetryBufferFilling": ({f"telemetry_buffer_bytes{{{RECEIVER}}}": f"0x180 {129 * MIB}x120"}, 184),
    "TelemetryBufferFull": ({f"telemetry_buffer_bytes{{{RECEIVER}}}": f"0x180 {232 * MIB}x120"}, 184),
    # A series that begins with its first event has no increase yet.
    "TelemetryMessagesLost": ({f'telemetry_messages_dropped_total{{{RECEIVER},reason="refused"}}': "_x180 1x120"}, 183),
    "TelemetryMessagesUnreadable": (
        {f'telemetry_messages_dropped_total{{{RECEIVER},reason="no_json"}}': "0x180 0+600x120"}, 205
    ),
    "TelemetryBatchesSlow": ({f'telemetry_batch_seconds_bucket{{{RECEIVER},le="0.1"}}': "0+600x180 108000x120"}, 200),
    "TelemetryNodesGone": ({f"current_tetcore_connections{{{RECEIVER}}}": "100x180 40x120"}, 185),
    "TelemetryNodesFlapping": ({f"nodes_dropped_count{{{RECEIVER}}}": "0x180 0+60x120"}, 205),
    "TelemetrySilence": ({f"tetcore_message_count{{{RECEIVER}}}": "0+6000x180 1080000x120"}, 200),
    "TelemetryPurgeNotRunning": ({PURGES: "0+0.1x60 6x240"}, 200),
    "TelemetryHostMemory": ({f"used_mem{{{RECEIVER}}}": "50x180 95x120"}, 195),
    "LedgerHalted": ({f"lamina_ledger_halted{{{PLATFORM}}}": "0x180 1x120"}, 182),
    "LedgerContradictingVotes": ({f"lamina_ledger_equivocation_total{{{PLATFORM}}}": "0x180 1x120"}, 182),
    "LedgerNoBlocks": ({f"lamina_ledger_blocks_total{{{PLATFORM}}}": "0+60x180 10800x120"}, 190),
    "LedgerBacklogGrows": ({f"lamina_ledger_backlog_transactions{{{PLATFORM}}}": "3x180 1000+50x120"}, 200),
    "LedgerRejections": (
        {f'lamina_ledger_transactions_rejected_total{{{PLATFORM},reason="double_spend"}}': "0x180 0+60x120"}, 220
    ),
    "LedgerCommitsUnknown": (
        {f'lamina_storage_transactions_total{{{PLATFORM},transaction="t",outcome="unknown"}}': "0x180 0+1x120"}, 188
    ),
    "LaminaDown": ({f"up{{{PLATFORM}}}": "1x180 0x120"}, 184),
    "LaminaProcessMissing": ({f"lamina_process_instances{{{WEB}}}": "2x180 1x120"}, 190),
    "LaminaRequestsFail": (
        {f'lamina_http_request_seconds_count{{{PLATFORM},listener="l",status="500"}}': "0x180 0+60x120"}, 192
    ),
    "LedgerAnswersSlow": (
        {
            f'lamina_http_request_seconds_bucket{{{PLATFORM},method="POST",route="/api/v1/transactions",le="0.1"}}':
                "0+600x180 108000x120",
            f'lamina_http_request_seconds_bucket{{{PLATFORM},method="POST",route="/api/v1/transactions",le="5.0"}}':
                "0+600x300",
        }, 200
    ),
    "LaminaDatabaseSlow": (
        {
            f'lamina_storage_transaction_seconds_bucket{{{PLATFORM},transaction="t",le="0.1"}}': "0+600x180 108000x120",
            f'lamina_storage_transaction_seconds_bucket{{{PLATFORM},transaction="t",le="10.0"}}': "0+600x300",
        }, 200
    ),
    "LaminaFilesRunOut": ({f"lamina_process_open_fds{{{WEB}}}": "400x180 120000x120"}, 190),
}  # fmt: skip
"""What is different when something is wrong, from the third hour on, and the minute by which it must be told."""
ALSO = {
    "TelemetryBufferFull": {"TelemetryBufferFilling"},
    "TelemetrySilence": {"TelemetryMessagesUnreadable"},
}
"""What else may be told then."""


@dataclass(frozen=True)
class Case:
    """One situation and the alerts that fire in it at a minute."""

    series: dict[str, str]
    minute: int
    firing: frozenset[str]

    def document(self) -> dict[str, Any]:
        samples = [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(self.firing)]
        return {
            "interval": "1m",
            "input_series": [{"series": name, "values": text} for name, text in self.series.items()],
            "promql_expr_test": [
                {
                    "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": f"{self.minute}m",
                    "exp_samples": samples,
                }
            ],
        }


def run_case(case: Case, folder: Path) -> subprocess.CompletedProcess[str]:
    tests = {
        "rule_files": [str(path) for path in RULES.values()],
        "evaluation_interval": "1m",
        "tests": [case.document()],
    }
    (folder / "tests.yml").write_text(yaml.safe_dump(tests))
    return promtool("test", "rules", folder / "tests.yml")


@pytest.mark.parametrize("minute", [61, 150, 299])
def test_nothing_is_told_while_all_is_well(tmp_path: Path, minute: int) -> None:
    done = run_case(Case(HEALTHY, minute, frozenset()), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_a_trouble_for_every_alert() -> None:
    assert set(TROUBLES) == {rule["alert"] for rule in ALERTS}


@pytest.mark.parametrize("alert", TROUBLES)
def test_trouble_is_told_and_nothing_else(tmp_path: Path, alert: str) -> None:
    changed, minute = TROUBLES[alert]
    firing = frozenset({alert, *ALSO.get(alert, ())})
    done = run_case(Case(HEALTHY | changed, minute, firing), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


class Prometheus:
    """A real Prometheus with the configuration of `deploy/`, its targets moved to a running platform."""

    def __init__(self, folder: Path, running: Telemetry) -> None:
        (config,) = documents(FOLDER / "prometheus.yml")
        config["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        del config["alerting"]
        targets = {"lamina": running.platform.admin_url, "lamina-telemetry": running.platform.telemetry_url}
        for job, url in targets.items():
            scrape_config(config, job)["static_configs"] = [{"targets": [url.removeprefix("http://")]}]
        shutil.copytree(FOLDER / "rules", folder / "rules")
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.port = free_port()
        self.log = folder / "log"
        self._command = [
            program("prometheus"), f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]  # fmt: skip
        self._http = plain_http.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1", timeout=10)

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._has_scraped_twice, self.log.read_text, within_s=STARTS_WITHIN_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait()

    def _has_scraped_twice(self) -> bool:
        """Rates need two values of everything."""
        try:
            found = self.query("min(count_over_time(up[1m]))")
        except httpx.TransportError:
            return False
        return bool(found) and int(found[0]["value"][1]) >= 3

    def query(self, expression: str) -> list[Any]:
        answer = self._http.get("/query", params={"query": expression})
        document = answer.json() if answer.status_code in {200, 400, 422} else {}
        if answer.status_code == 503:
            return []
        assert answer.status_code == 200, (expression, document.get("error"))
        return document["data"]["result"]

    def rules(self) -> list[Any]:
        return [
            rule for group in self._http.get("/rules").json()["data"]["groups"] for rule in group["rules"]
        ]


def test_a_real_prometheus_answers_every_panel(observed: Telemetry, tmp_path: Path) -> None:
    with Prometheus(tmp_path, observed) as prometheus:
        assert [each["value"][1] for each in prometheus.query("up")] == ["1", "1"]
        empty = [query for query in ASKED if not prometheus.query(filled_promql(query.text))]
        assert [query for query in empty if not any(each in query.text for each in MAY_BE_EMPTY)] == []
        rules = prometheus.rules()
        assert {rule["name"] for rule in rules} == {rule["alert"] for rule in ALERTS}
        assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
        assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
        assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []
