"""A virtual environment with bigchaindb-driver 0.4.1 and the libraries it was released with, unchanged.

They are from 2017: they need Python 3.11, an old setuptools, a C++ compiler told to be permissive, and two
things that Python no longer has (`SHIMS`). Made once and cached; see `cached_folder`.
"""

import json
import shutil
import sys
from pathlib import Path

from tests.clients.absence import ClientsUnavailableError
from tests.clients.cached_folder import cached_folder
from tests.clients.installing import run_step

BUILD_TOOLS = ("setuptools<70", "wheel")
# Their own requirements name releases that no Python 3.11 installs, hence --no-deps.
RELEASED_LIBRARIES = (
    "bigchaindb-driver==0.4.1",
    "bigchaindb==1.0.1",
    "cryptoconditions==0.6.0.dev1",
    "jsonschema==2.5.1",
    "base58==0.2.5",
    "pyasn1==0.2.3",
    "multipipes==0.1.0",
    "statsd==3.2.1",
    "python-rapidjson-schema==0.1.1",
)
# It hands strings that Python's C interface made const to plain pointers: an error unless permissive.
PERMISSIVE_LIBRARIES = ("python-rapidjson==0.0.11",)
LIVING_LIBRARIES = ("requests", "pyyaml", "pynacl", "cryptography", "websocket-client", "six")

# Loaded by a .pth file: a Debian or Ubuntu Python has a sitecustomize module of its own that would win.
SHIMS_LOADER = "import what_python_had\n"
SHIMS = """\
import collections
import collections.abc
import hashlib
import sys
import types

for name in collections.abc.__all__:
    if not hasattr(collections, name):
        setattr(collections, name, getattr(collections.abc, name))

sha3 = types.ModuleType("sha3")
sha3.sha3_256 = hashlib.sha3_256
sys.modules["sha3"] = sha3
"""


def driver_interpreter() -> Path:
    """The interpreter of the environment, made when it is not there yet.

    Raises:
        ClientsUnavailableError: no Python 3.11, no registry or no compiler.
    """
    base = _python_3_11()
    recipe = json.dumps(
        [
            str(base),
            BUILD_TOOLS,
            RELEASED_LIBRARIES,
            PERMISSIVE_LIBRARIES,
            LIVING_LIBRARIES,
            SHIMS,
            SHIMS_LOADER,
        ]
    )
    return cached_folder("python", recipe, lambda folder: _make(base, folder)) / "bin" / "python"


def _python_3_11() -> Path:
    own = Path(sys.executable).resolve() if sys.version_info[:2] == (3, 11) else None
    found = own or shutil.which("python3.11")
    if found is None:
        raise ClientsUnavailableError("bigchaindb-driver 0.4.1 needs python3.11", registry_answered=False)
    return Path(found)


def _make(base: Path, folder: Path) -> None:
    run_step([base, "-m", "venv", folder], registry_answered=False)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--disable-pip-version-check"]
    plain = [*install, "--no-deps", "--no-build-isolation"]
    run_step([*install, *BUILD_TOOLS], registry_answered=False)
    run_step([*plain, *RELEASED_LIBRARIES])
    run_step([*plain, *PERMISSIVE_LIBRARIES], environment={"CFLAGS": "-fpermissive"})
    run_step([*install, *LIVING_LIBRARIES])
    packages = folder / "lib" / "python3.11" / "site-packages"
    (packages / "what_python_had.py").write_text(SHIMS)
    (packages / "what_python_had.pth").write_text(SHIMS_LOADER)
    run_step(
        [python, "-I", "-c", "import bigchaindb_driver, bigchaindb.models, bigchaindb.voting, websocket"]
    )
