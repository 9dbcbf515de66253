"""Folders with JavaScript libraries, each made once and cached.

The driver 3.2.0 is the last for transaction format 1.0.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.clients.absence import ClientsUnavailableError
from tests.clients.cached_folder import cached_folder
from tests.clients.installing import run_step

# The driver takes any later crypto-conditions 2, of which the newest does not name all that it needs.
DRIVER = ("bigchaindb-driver@3.2.0", "crypto-conditions@2.0.1")
# It does not name axios either, which it loads with everything else.
ARBUNDLES = ("@dha-team/arbundles@1.0.4", "axios@1.7.9")
SCHEDULER_UTILS = ("@permaweb/ao-scheduler-utils@0.0.29",)
AO_CLIENTS = ("@permaweb/aoconnect@0.0.98", "@permaweb/ao-scheduler-utils@0.0.29", *ARBUNDLES)


def js_driver_folder() -> Path:
    """The folder whose `node_modules` holds the driver, made when it is not there yet.

    Raises:
        ClientsUnavailableError: no node, no npm or no registry.
    """
    return _folder(DRIVER, "bigchaindb-driver")


def arbundles_folder() -> Path:
    """The folder whose `node_modules` holds @dha-team/arbundles, made when it is not there yet.

    Raises:
        ClientsUnavailableError: no node, no npm or no registry.
    """
    return _folder(ARBUNDLES, "@dha-team/arbundles")


def scheduler_utils_folder() -> Path:
    """The folder whose `node_modules` holds @permaweb/ao-scheduler-utils, made when it is not there yet.

    Raises:
        ClientsUnavailableError: no node, no npm or no registry.
    """
    return _folder(SCHEDULER_UTILS, "@permaweb/ao-scheduler-utils")


def ao_clients_folder() -> Path:
    """The folder whose `node_modules` holds aoconnect and scheduler-utils, made when it is not there yet.

    Raises:
        ClientsUnavailableError: no node, no npm or no registry.
    """
    return _folder(AO_CLIENTS, "@permaweb/aoconnect")


def _folder(libraries: Sequence[str], loaded: str) -> Path:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise ClientsUnavailableError("node and npm are not installed", registry_answered=False)
    return cached_folder("node", json.dumps(libraries), lambda folder: _make(folder, libraries, loaded))


def _make(folder: Path, libraries: Sequence[str], loaded: str) -> None:
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"private": True}))
    # Nothing here needs an install script: it is all plain JavaScript, or does without what it builds.
    install = [
        "npm",
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=1",
        *libraries,
    ]
    run_step(install, cwd=folder, registry_answered=False)
    run_step(["node", "-e", f"require('{loaded}')"], cwd=folder)
