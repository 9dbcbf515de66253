"""A real nginx on a configuration made of files of `deploy/`, moved to a directory and to free ports."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

READY_TIMEOUT_S = 10.0


def program() -> str:
    """nginx, which Debian keeps out of the PATH of ordinary accounts."""
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip("there is no nginx here")
    return found


def check(folder: Path, configuration: Path) -> str:
    """What `nginx -t` complains about beside the account it runs under."""
    done = subprocess.run(
        [program(), "-t", "-p", folder, "-c", configuration], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return "\n".join(
        line
        for line in done.stderr.splitlines()
        if ("[warn]" in line or "[emerg]" in line) and 'the "user" directive' not in line
    )


@contextlib.contextmanager
def running(folder: Path, configuration: Path, port: int) -> Iterator[None]:
    """nginx, listening on a port until the end of the block."""
    process = subprocess.Popen([program(), "-p", folder, "-c", configuration], stderr=subprocess.PIPE)
    try:
        wait_for_port(port, process)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=READY_TIMEOUT_S)


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nginx does not listen")
