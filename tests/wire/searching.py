"""Runs of schemathesis over a served OpenAPI document, in processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from prometheus_client.parser import text_string_to_metric_families
from tests import plain_http
from tests.running_platform import RunningPlatform
from tests.shared_data import PROJECT_ROOT

SEED = 20_171_005


class Search:
    """One run, in a process that ends with its block."""

    def __init__(
        self,
        url: str,
        mode: str,
        directory: Path,
        *,
        phases: str,
        examples: int,
        configuration: str,
        environment: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
    ) -> None:
        """Start it.

        Args:
            url: the service's address.
            mode: `positive` or `negative`.
            directory: for its files.
            phases: between commas.
            examples: cases of an operation in the last phase.
            configuration: schemathesis's own, as TOML.
            environment: variables on top of this process's.
            options: further ones of its command.
        """
        whole = {**os.environ, "NO_PROXY": "*", "PYTHONPATH": str(PROJECT_ROOT), **(environment or {})}
        path = directory / f"{mode}.toml"
        path.write_text(configuration)
        self._log = directory / f"{mode}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "schemathesis.cli", "--config-file", str(path),
                    "run", f"{url}/lamina/openapi.json", "--mode", mode, "--phases", phases,
                    "--max-examples", str(examples), "--seed", str(SEED),
                    "--generation-database", "none", "--no-color", *options,
                ],
                cwd=directory, env=whole, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def exit_code(self, deadline: float) -> int | None:
        """How it ended; None when it takes too long."""
        try:
            return self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return None

    def report(self) -> str:
        """What it found, with a command for each failure."""
        return self._log.read_text(errors="replace")


def requests_by_status(platform: RunningPlatform, listener: str) -> dict[str, float]:
    """What the service itself counted."""
    text = plain_http.get(f"{platform.admin_url}/metrics", timeout=10).text
    counts: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "lamina_http_request_seconds_count" and sample.labels["listener"] == listener:
                status = sample.labels["status"]
                counts[status] = counts.get(status, 0) + sample.value
    return counts
