"""The floor: RSA-4096 signatures by OpenSSL through `cryptography`, and nothing else.

`python -m bench.scheduler.floor WALLET THREADS SECONDS [GAP]` signs for so long in so many threads of one
process, each waiting for so many seconds between two signatures, and prints what it made and what that took.
"""

import sys
import threading
import time
from pathlib import Path
from statistics import fmean

import msgspec

from bench.latency import Latency
from lamina.formats.ans104.wallet import Wallet

MESSAGE_BYTES = 48
"""What stands for an item and is signed."""


class Signed(msgspec.Struct):
    """Signatures in seconds of time and of CPU, and how long each took."""

    threads: int
    signatures: int
    seconds: float
    cpu_s: float
    each_ms: Latency

    @property
    def per_s(self) -> float:
        """Signatures a second."""
        return self.signatures / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of CPU for a signature."""
        return self.cpu_s / self.signatures * 1e6

    def together(self, other: "Signed") -> "Signed":
        """Both measurements as one; percentiles are the means of theirs, the longest is the longest."""
        mine, others = self.each_ms, other.each_ms
        return Signed(
            self.threads,
            self.signatures + other.signatures,
            self.seconds + other.seconds,
            self.cpu_s + other.cpu_s,
            Latency(
                *(fmean((getattr(mine, part), getattr(others, part))) for part in ("p50", "p90", "p99")),
                max(mine.max, others.max),
            ),
        )


def sign(wallet: Wallet, threads: int, seconds: float, gap_s: float = 0.0) -> Signed:
    """Sign in threads until the time is over.

    Args:
        wallet: the key.
        threads: how many.
        seconds: for how long.
        gap_s: between two signatures of a thread: what has slept for a while is slower.
    """
    taken: list[float] = []
    cpu_s, begun = time.process_time(), time.perf_counter()

    def work(number: int) -> None:
        while (before := time.perf_counter()) - begun < seconds:
            wallet.sign(f"{number}/{before}".encode().ljust(MESSAGE_BYTES, b"."))
            taken.append(time.perf_counter() - before)
            time.sleep(gap_s)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    passed, used = time.perf_counter() - begun, time.process_time() - cpu_s
    each_ms = Latency.of(taken)
    assert each_ms is not None, "every thread signs once"
    return Signed(threads, len(taken), round(passed, 3), round(used, 3), each_ms)


def main() -> None:
    """Sign and print."""
    wallet = Wallet.from_jwk(Path(sys.argv[1]).read_bytes())
    wallet.sign(bytes(MESSAGE_BYTES))  # OpenSSL prepares the key's blinding once
    print(msgspec.json.encode(sign(wallet, int(sys.argv[2]), *map(float, sys.argv[3:]))).decode())


if __name__ == "__main__":
    main()
