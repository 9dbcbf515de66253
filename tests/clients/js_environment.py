"""A folder with the JavaScript driver 3.2.0, the last for transaction format 1.0. Made once and cached."""

import json
import shutil
from pathlib import Path

from tests.clients.absence import ClientsUnavailableError
from tests.clients.cached_folder import cached_folder
from tests.clients.installing import run_step

# The driver takes any later crypto-conditions 2, of which the newest does not name all that it needs.
LIBRARIES = ("bigchaindb-driver@3.2.0", "crypto-conditions@2.0.1")


def js_driver_folder() -> Path:
    """The folder whose `node_modules` holds the driver, made when it is not there yet.

    Raises:
        ClientsUnavailableError: no node, no npm or no registry.
    """
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise ClientsUnavailableError("node and npm are not installed", registry_answered=False)
    return cached_folder("node", json.dumps(LIBRARIES), _make)


def _make(folder: Path) -> None:
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"private": True}))
    # Nothing here needs an install script: it is all plain JavaScript.
    install = [
        "npm",
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=1",
        *LIBRARIES,
    ]
    run_step(install, cwd=folder, registry_answered=False)
    run_step(["node", "-e", "require('bigchaindb-driver')"], cwd=folder)
