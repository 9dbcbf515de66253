"""How hostile a seed is to the scheduler: who is there, which faults, and how often."""

from dataclasses import dataclass, replace

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Profile:
    """Chances are per call, `_every_s` is the mean number of virtual seconds between two."""

    name: str
    units: int = 2
    processes: int = 2
    writers: int = 4
    messages: int = 5
    queue_max: int = 10_000
    delay_s: float = 0.004
    slow: float = 0.01
    slow_max_s: float = 8.0
    slow_signature: float = 0.02
    refused: float = 0.01
    unknown: float = 0.02
    late: float = 0.3
    hang_up: float = 0.05
    duplicate: float = 0.1
    crash_every_s: float = NEVER
    clock_step_every_s: float = 5.0
    clock_step_s: float = 20.0

    def healed(self) -> "Profile":
        """The same without faults."""
        return replace(
            self, slow=0.0, slow_signature=0.0, refused=0.0, unknown=0.0, crash_every_s=NEVER,
            clock_step_every_s=NEVER, hang_up=0.0,
        )  # fmt: skip


PROFILES = (
    Profile("alone", units=1, writers=6, unknown=0.06, refused=0.04),
    Profile("contended", units=3, processes=1, writers=6, duplicate=0.3),
    Profile("unknown", unknown=0.3, late=0.6, processes=1),
    Profile("crashing", units=3, crash_every_s=0.4, unknown=0.1),
    Profile("crowded", processes=1, writers=16, messages=2, queue_max=14, unknown=0.1, refused=0.1,
            hang_up=0.15),
    Profile("clocks", clock_step_every_s=0.2, clock_step_s=50.0, processes=1, writers=6),
    Profile("slow", slow=0.2, slow_signature=0.2, hang_up=0.2, slow_max_s=40.0),
    Profile("storm", units=3, unknown=0.15, refused=0.1, slow=0.05, slow_signature=0.05, hang_up=0.15,
            duplicate=0.3, crash_every_s=1.5, clock_step_every_s=0.7),
)  # fmt: skip


def profile_of(seed: int) -> Profile:
    """Seeds go round the profiles, so that few seeds meet them all."""
    return PROFILES[seed % len(PROFILES)]
