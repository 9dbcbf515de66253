"""What is measured: a running scheduler with its stand-in gateway, by role, and loads on it."""

import contextlib
import re
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path

import httpx
import msgspec
from tests.postgres_server import execute, fetch
from tests.running_platform import RunningPlatform, open_directory
from tests.telemetry_service import database_dsn

from bench import usage
from bench.ledger.load import Request
from bench.ledger.target import Round, Target, end_process, run_round
from bench.scheduler import corpus
from bench.scheduler.floor import Signed
from lamina.formats.ans104.signed_item import SignedItem

UNIT, POSTGRES, GATEWAY = "unit", "postgres", "gateway"
DRAINED_WITHIN_S = 600.0
HEIGHT_WITHIN_S = 30.0
POLL_S = 0.1
_SIGNATURES = re.compile(r"^su_signatures_total (\S+)$", re.MULTILINE)


class Scheduled(msgspec.Struct):
    """A load that was scheduled, and the signatures that the unit made for its outbox meanwhile."""

    round: Round
    outbox: int

    @property
    def per_s(self) -> float:
        """Assignments a second."""
        return self.round.load.answered_per_s

    def cpu_us(self, role: str) -> float:
        """Microseconds of a role's CPU for each message."""
        return self.round.cpu_s.get(role, 0.0) / self.round.load.answered * 1e6

    def server_us(self, signature_us: float) -> float:
        """Microseconds of CPU of all roles but the client's, less the outbox's signatures.

        Args:
            signature_us: what one costs.
        """
        all_us = sum(self.cpu_us(role) for role in (UNIT, POSTGRES, "platform"))
        return all_us - signature_us * self.outbox / self.round.load.answered


class Drained(msgspec.Struct):
    """An outbox worked off while nobody posted."""

    bundles: int
    seconds: float


def floor(threads: int, seconds: float, gap_s: float = 0.0) -> Signed:
    """Signatures by a process of its own, with the key that the unit has."""
    command = [sys.executable, "-m", "bench.scheduler.floor", str(corpus.wallet_file("unit"))]
    answer = subprocess.run(
        [*command, str(threads), str(seconds), str(gap_s)],
        stdout=subprocess.PIPE, timeout=seconds + 60, check=True,
    )  # fmt: skip
    return msgspec.json.decode(answer.stdout, type=Signed)


class Whole:
    """A running platform with a scheduler, which has some processes."""

    def __init__(self, platform: RunningPlatform, scratch: Path) -> None:
        assert platform.process is not None, "it is started"
        self.platform = platform
        self.port = 9000 + platform.offset
        self.dsn = database_dsn(platform)
        roles: dict[str, list[int]] = {
            POSTGRES: [platform.postmaster_pid()],
            "platform": [platform.process.pid],
        }
        for child in platform.status()["processes"]:
            role = GATEWAY if child["name"].startswith("gateway") else UNIT
            roles.setdefault(role, []).append(child["pid"])
        self.roles: Mapping[str, Sequence[int]] = roles
        self._target = Target(self.port, roles, scratch)

    def wait_for_height(self) -> None:
        """Wait until the unit has asked its gateway, which starts beside it.

        Raises:
            TimeoutError: it was not told.
        """
        deadline = time.monotonic() + HEIGHT_WITHIN_S
        while httpx.get(f"http://127.0.0.1:{self.port}/timestamp", trust_env=False).status_code != 200:
            if time.monotonic() > deadline:
                raise TimeoutError("the unit does not know the height")
            time.sleep(POLL_S)

    def spawn(self, processes: Sequence[SignedItem]) -> None:
        """Post these."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=60) as http:
            for process in processes:
                http.post("/", content=process.to_bytes()).raise_for_status()

    def post(
        self, requests: Sequence[Request], *, connections: int, seconds: float, rate: float | None = None
    ) -> Scheduled:
        """Post messages, as fast as they are answered or at a rate; every one must be taken.

        Raises:
            AssertionError: one was refused.
        """
        before = self._signatures()
        measured = run_round(self._target, requests, connections=connections, seconds=seconds, rate=rate)
        made = self._signatures() - before
        assert set(measured.load.statuses) == {"200"}, measured.load.statuses
        return Scheduled(measured, made - measured.load.answered)

    def drain(self) -> Drained:
        """Wait until everything is uploaded.

        Raises:
            TimeoutError: it is not in time.
        """
        begun, bundles = time.monotonic(), self.waiting()
        while self.waiting():
            if time.monotonic() - begun > DRAINED_WITHIN_S:
                raise TimeoutError(f"{self.waiting()} of {bundles} bundles wait")
            time.sleep(POLL_S)
        return Drained(bundles, round(time.monotonic() - begun, 3))

    def waiting(self) -> int:
        """Bundles that wait for the uploader."""
        return fetch(self.dsn, "SELECT count(*) FROM scheduler.outbox")[0]["count"]

    def forget_outbox(self) -> None:
        """Let nothing wait, where messages were stored past the unit."""
        execute(self.dsn, "DELETE FROM scheduler.outbox", "VACUUM scheduler.outbox")

    def memory_mib(self) -> float:
        """Private memory of the unit."""
        return usage.rss_mib({UNIT: self.roles[UNIT]})[UNIT]

    def cpu_s(self) -> float:
        """Seconds of CPU that unit and database have used."""
        return sum(usage.cpu_s({role: self.roles[role] for role in (UNIT, POSTGRES)}).values())

    def _signatures(self) -> int:
        text = httpx.get(f"{self.platform.admin_url}/metrics", timeout=10, trust_env=False).text
        found = _SIGNATURES.search(text)
        return 0 if found is None else round(float(found.group(1)))


@contextlib.contextmanager
def whole_running(**settings: object) -> Generator[Whole]:
    """`lamina up --services scheduler,gateway` on a fresh directory."""
    environment = {f"LAMINA_SCHEDULER__{name.upper()}": str(value) for name, value in settings.items()}
    environment["LAMINA_SCHEDULER__WALLET_PATH"] = str(corpus.wallet_file("unit"))
    with open_directory() as directory:
        platform = RunningPlatform(
            directory / "data", environment=environment, args=("--services", "scheduler,gateway")
        )
        environment["LAMINA_SCHEDULER__GATEWAY_URL"] = f"http://127.0.0.1:{1984 + platform.offset}"
        try:
            platform.start()
            whole = Whole(platform, directory)
            whole.wait_for_height()
            yield whole
        finally:
            if platform.process is not None:
                end_process(platform.process)
