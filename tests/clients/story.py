"""What a client did with a node, as its script told it: JSON lines of chapter, step and facts."""

import json
import os
import subprocess
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STORY_TIMEOUT_S = 100.0


class Story:
    """The facts of each step of each chapter; a chapter that broke off raises when it is asked for."""

    def __init__(self, lines: Sequence[str], complaints: str) -> None:
        self._chapters: dict[str, dict[str, Any]] = defaultdict(dict)
        self._complaints = complaints
        for line in lines:
            told = json.loads(line)
            self._chapters[told["chapter"]][told["step"]] = told["facts"]

    def chapter(self, name: str) -> dict[str, Any]:
        """Facts by step."""
        steps = self._chapters.get(name)
        assert steps is not None, f"no chapter {name}: {self._complaints}"
        assert "broke off" not in steps, steps["broke off"]
        return steps


def told_by(command: Sequence[str | Path], cwd: Path) -> Story:
    """Run a client's script and read its story."""
    # Neither a proxy nor a Lamina or BigchainDB configuration of the machine may reach the client.
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.lower().endswith("_proxy") and not name.startswith(("LAMINA_", "BIGCHAINDB_", "NODE_"))
    }
    answer = subprocess.run(
        [str(word) for word in command],
        cwd=cwd, env=clean, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=STORY_TIMEOUT_S, check=False,
    )  # fmt: skip
    return Story(answer.stdout.splitlines(), answer.stderr)
