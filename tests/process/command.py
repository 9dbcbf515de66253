"""The real `lamina` command in a process of its own, in a home of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TIMEOUT_S = 60.0
_CONFIGURING = ("LAMINA_", "BIGCHAINDB_", "PROMETHEUS_", "NO_COLOR", "FORCE_COLOR", "PG", "PYTHONUNBUFFERED")


@dataclass
class Home:
    """A directory that is HOME and working directory of the commands run in it."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def data_dir(self) -> Path:
        return self.path / "data"

    @property
    def original_file(self) -> Path:
        """Where the original's configuration file is by default."""
        return self.path / ".bigchaindb"

    def run(self, *args: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `lamina` to its end."""
        return subprocess.run(
            self.command(*args),
            env=self.environ(environment),
            cwd=self.path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def json(self, *args: str, exit_code: int = 0, **environment: str) -> Any:
        """The document a command prints."""
        done = self.run(*args, **environment)
        assert done.returncode == exit_code, done.stderr
        return json.loads(done.stdout)

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "lamina", "--data-dir", str(self.data_dir), *args]

    def environ(self, more: Mapping[str, str]) -> dict[str, str]:
        """The tests' environment without anything that would configure Lamina, then what is wanted."""
        clean = {name: text for name, text in os.environ.items() if not name.startswith(_CONFIGURING)}
        return {**clean, "HOME": str(self.path), **self.environment, **more}
