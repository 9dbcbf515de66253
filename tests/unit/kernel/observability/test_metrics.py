import importlib
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, Counter

import lamina
from lamina.kernel.observability.metrics import forget, registry, render

CHILD = """
import os, sys
from prometheus_client import Counter, Gauge, Histogram
from lamina.kernel.observability.metrics import forget, registry, render
counter = Counter("lamina_test_items_total", "Items", ["kind"])
seconds = Histogram("lamina_test_work_seconds", "Work", buckets=(1, 2))
depth = Gauge("lamina_test_queue_items", "Queue", multiprocess_mode="livesum")
one_each = Gauge("lamina_test_own_items", "Own")
"""
PARENT = """
import json, os, subprocess, sys
from pathlib import Path
from lamina.kernel.observability.metrics_directory import prepare
directory = Path(sys.argv[1])
prepare(directory)
from lamina.kernel.observability.metrics import forget, registry, render
def child():
    subprocess.run([sys.executable, "-c", sys.argv[2]], check=True)
def scrape():
    lines = render(shown)[0].decode().splitlines()
    pairs = [line.rpartition(" ") for line in lines if line.startswith("lamina_test")]
    return {name: float(value) for name, _, value in pairs}
shown = registry()
seen = []
"""
COUNT = """
counter.labels("a").inc(2); counter.labels("b").inc(1)
seconds.observe(0.5); seconds.observe(1.5)
depth.set(5); one_each.set(7)
print(os.getpid())
"""


def run(directory: Path, program: str) -> list[dict[str, float]]:
    done = subprocess.run(
        [sys.executable, "-c", PARENT + program, str(directory), CHILD + COUNT],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


FOUR_CHILDREN = """
def child():
    done = subprocess.run([sys.executable, "-c", sys.argv[2]], check=True, capture_output=True, text=True)
    return int(done.stdout)
for _ in range(3):
    pid = child()
    seen.append(scrape())
    forget(pid)
    seen.append(scrape())
seen.append({"files": len(list(directory.glob("*.db")))})
print(json.dumps(seen))
"""


def test_what_children_counted_is_added_up_and_survives_them(tmp_path: Path) -> None:
    *seen, files = run(tmp_path, FOUR_CHILDREN)
    for index, scraped in enumerate(seen):
        children = index // 2 + 1
        assert scraped['lamina_test_items_total{kind="a"}'] == 2 * children
        assert scraped['lamina_test_items_total{kind="b"}'] == children
        assert scraped['lamina_test_work_seconds_bucket{le="1.0"}'] == children
        assert scraped['lamina_test_work_seconds_bucket{le="2.0"}'] == 2 * children
        assert scraped["lamina_test_work_seconds_count"] == 2 * children
        assert scraped["lamina_test_work_seconds_sum"] == 2 * children
    assert files == {"files": 2}


def test_gauges_go_with_their_process(tmp_path: Path) -> None:
    living, forgotten, *_ = run(tmp_path, FOUR_CHILDREN)
    assert living["lamina_test_queue_items"] == 5
    assert any(name.startswith("lamina_test_own_items") for name in living)
    assert not any("queue" in name or "own" in name for name in forgotten)


def test_one_process_alone_needs_no_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    counter = Counter("lamina_test_alone_total", "Alone")
    counter.inc(3)
    forget(1)
    text, content_type = render(registry(lambda: {os.getpid(): ("ledger", "init")}))
    REGISTRY.unregister(counter)
    assert content_type.startswith("text/plain; version=")
    assert b"lamina_test_alone_total 3.0" in text
    assert (
        f'lamina_build_info{{python="{sys.version.split()[0]}",version="{lamina.__version__}"}} 1.0'.encode()
        in text
    )
    assert b'lamina_process_instances{role="init",service="ledger"} 1.0' in text


def test_each_family_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_MULTIPROC_DIR", raising=False)
    families = re.findall(rb"^# TYPE (\S+)", render(registry())[0], re.MULTILINE)
    assert len(families) == len(set(families))


def test_declared_names_follow_the_rule() -> None:
    for module in pkgutil.walk_packages(lamina.__path__, "lamina."):
        if module.name.endswith(".metrics"):
            importlib.import_module(module.name)
    # The other prefixes are of names that the originals' users know.
    ours, theirs = r"lamina(_[a-z][a-z0-9]*){2,}", r"(tetcore|telemetry|su|message)(_[a-z][a-z0-9]*){2,}"
    allowed = re.compile(rf"{ours}|{theirs}|(python|process)_\w+")
    units = {"counter": "_total"}
    for family in REGISTRY.collect():
        name = family.name + units.get(family.type, "")
        assert allowed.fullmatch(name), name
        assert family.documentation, name
