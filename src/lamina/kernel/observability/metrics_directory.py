"""Where the processes of one platform keep their metrics, so that one of them can add them up.

prometheus-client decides when it is imported whether its values live in these files. This module therefore
imports nothing of it, and the parent calls `prepare` before it imports anything that declares a metric.
"""

import os
import sys
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


def prepare(directory: Path) -> None:
    """Make the directory (0700), empty it of an earlier run's values, and tell this process and its children.

    Raises:
        RuntimeError: a metric was declared before; its values would never be seen.
    """
    if "prometheus_client" in sys.modules and os.environ.get(VARIABLE) != str(directory):
        raise RuntimeError("prepare() must run before the first import of prometheus_client")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left_over in directory.glob("*.db"):
        left_over.unlink()
    os.environ[VARIABLE] = str(directory)
