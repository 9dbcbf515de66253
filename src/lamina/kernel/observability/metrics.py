"""What a scrape answers: the metrics of all processes added up, the build, and what each role consumes.

Metrics are declared where they are counted, with prometheus-client, and are named
`lamina_<service>_<noun>_<unit>`, counters with `_total`. A gauge needs a `live…` mode, or processes that are
gone stay in the answer.
"""

import fcntl
import os
import platform
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol, cast

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

import lamina
from lamina.kernel.observability.metrics_directory import VARIABLE
from lamina.kernel.observability.processes import ProcessCollector, Role


def registry(processes: Callable[[], Mapping[int, Role]] = dict) -> CollectorRegistry:
    """What one listener's `/metrics` shows; make it once.

    Args:
        processes: the processes whose consumption is shown: pid to (service, role).
    """
    shown = CollectorRegistry(auto_describe=False)
    shown.register(_Declared())
    shown.register(_Build())
    shown.register(ProcessCollector(processes))
    return shown


def declared() -> Iterable[Metric]:
    """Every metric that any process of the platform declared, with the values of all added up."""
    return _Declared().collect()


def render(shown: CollectorRegistry) -> tuple[bytes, str]:
    """Prometheus text and its content type. Reads every process's files: some milliseconds."""
    return generate_latest(shown), CONTENT_TYPE_LATEST


def forget(pid: int) -> None:
    """Once a child has ended, keep what it counted and drop its gauges and files.

    Without this every restart would leave files behind that each scrape reads again.
    """
    if VARIABLE not in os.environ:
        return
    directory = Path(os.environ[VARIABLE])
    with _locked(directory, fcntl.LOCK_EX):
        for kind in ("counter", "histogram", "summary"):
            _inherit(directory / f"{kind}_{pid}.db", directory / f"{kind}_ended.db")
        for gauges in (*directory.glob(f"gauge_live*_{pid}.db"), directory / f"gauge_all_{pid}.db"):
            gauges.unlink(missing_ok=True)


class _ValueFile(Protocol):
    """What is used of prometheus-client's file of values, which has no types of its own."""

    def read_all_values(self) -> Iterable[tuple[str, float, float]]: ...
    def read_value(self, key: str) -> tuple[float, float]: ...
    def write_value(self, key: str, value: float, timestamp: float) -> None: ...
    def close(self) -> None: ...


_open_values = cast("Callable[[str], _ValueFile]", MmapedDict)


class _Declared:
    """Every metric that any process declared."""

    def collect(self) -> Iterable[Metric]:
        if VARIABLE not in os.environ:
            return list(REGISTRY.collect())
        directory = Path(os.environ[VARIABLE])
        with _locked(directory, fcntl.LOCK_SH):
            return list(cast("Iterable[Metric]", MultiProcessCollector(None, str(directory)).collect()))


class _Build:
    """Which Lamina answers."""

    def collect(self) -> Iterable[Metric]:
        info = GaugeMetricFamily("lamina_build_info", "Version of what runs", labels=("version", "python"))
        info.add_metric((lamina.__version__, platform.python_version()), 1)
        return [info]


@contextmanager
def _locked(directory: Path, how: int) -> Generator[None]:
    """Keep a scrape from seeing an ended process twice or not at all."""
    with (directory / "lock").open("ab") as file:
        fcntl.flock(file, how)
        yield


def _inherit(source: Path, heir: Path) -> None:
    """Add one file's values to another's. Buckets are stored apart, so plain sums are right."""
    if not source.exists():
        return
    with closing(_open_values(str(heir))) as total, closing(_open_values(str(source))) as ended:
        for key, value, timestamp in ended.read_all_values():
            total.write_value(key, total.read_value(key)[0] + value, timestamp)
    source.unlink()
