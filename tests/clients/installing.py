"""Run one step of an installation, and say what it said when it fails."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.clients.absence import ClientsUnavailableError

STEP_TIMEOUT_S = 400.0


def run_step(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    registry_answered: bool = True,
) -> None:
    """Run a command to its end.

    Args:
        command: the program and its arguments.
        cwd: where it runs; the tests' own directory when None.
        environment: variables added to the tests' own.
        registry_answered: goes into the error as it is.

    Raises:
        ClientsUnavailableError: it failed, or took longer than `STEP_TIMEOUT_S`; with the end of its output.
    """
    words = [str(word) for word in command]
    try:
        subprocess.run(
            words, cwd=cwd, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=STEP_TIMEOUT_S, check=True,
        )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failure:
        said = (failure.output or b"").decode(errors="replace").splitlines()[-12:]
        reason = "\n".join([f"{' '.join(words[:4])} ... failed:", *said])
        raise ClientsUnavailableError(reason, registry_answered=registry_answered) from failure
