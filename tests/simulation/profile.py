"""How hostile a seed is: which faults, and how often."""

from dataclasses import dataclass, replace
from enum import StrEnum

NEVER = float("inf")


class Lie(StrEnum):
    """What the log shows to one reader only."""

    OTHER_BYTES = "other_bytes"
    GAP = "gap"
    REWRITTEN = "rewritten"
    REPEATED = "repeated"
    NO_ID = "no_id"


@dataclass(frozen=True, slots=True)
class Profile:
    """Chances are per call, `_every_s` is the mean number of virtual seconds between two."""

    name: str
    slow: float = 0.02
    slow_max_s: float = 5.0
    drop: float = 0.01
    unknown: float = 0.01
    duplicate: float = 0.01
    failover: float = 0.002
    copy_refused: float = 0.003
    copy_unknown: float = 0.003
    copy_again: float = 0.01
    copy_pause: float = 0.1
    copy_pause_s: float = 0.05
    crash_every_s: float = NEVER
    partition_every_s: float = NEVER
    clog_every_s: float = NEVER
    stall_every_s: float = NEVER
    clock_step_every_s: float = 40.0
    workers: int = 1
    is_byzantine: bool = False
    lie: Lie | None = None
    stays_down: bool = False
    changes_members: bool = False

    def healed(self) -> "Profile":
        """The same without faults."""
        return replace(
            self,
            slow=0.0,
            drop=0.0,
            unknown=0.0,
            duplicate=0.0,
            failover=0.0,
            copy_refused=0.0,
            copy_unknown=0.0,
            copy_again=0.0,
            copy_pause=0.1,
            copy_pause_s=0.05,
            crash_every_s=NEVER,
            partition_every_s=NEVER,
            clog_every_s=NEVER,
            stall_every_s=NEVER,
            clock_step_every_s=NEVER,
        )


_LOSSY = Profile(
    "lossy", slow=0.2, slow_max_s=30.0, drop=0.2, unknown=0.1, duplicate=0.2, failover=0.02, copy_unknown=0.02
)

PROFILES = (
    Profile("calm", workers=2, changes_members=True),
    Profile("byzantine", is_byzantine=True, slow=0.05),
    Profile(
        "crashing", crash_every_s=6.0, unknown=0.05, copy_unknown=0.03, copy_refused=0.02, copy_pause=0.4
    ),
    _LOSSY,
    Profile("contended", workers=2, copy_pause=0.6, copy_pause_s=0.5, unknown=0.03, crash_every_s=30.0),
    replace(_LOSSY, name="byzantine_lossy", is_byzantine=True, drop=0.1, slow=0.1, crash_every_s=25.0),
    Profile(
        "partitioned",
        partition_every_s=20.0,
        clog_every_s=45.0,
        stall_every_s=30.0,
        unknown=0.05,
        failover=0.02,
        stays_down=True,
    ),
    Profile("lying", lie=Lie.OTHER_BYTES, slow=0.1, slow_max_s=20.0),
    replace(
        _LOSSY,
        name="storm",
        crash_every_s=15.0,
        partition_every_s=40.0,
        clog_every_s=60.0,
        stall_every_s=50.0,
        drop=0.1,
        workers=2,
        copy_pause=0.3,
        changes_members=True,
    ),
)


def profile_of(seed: int) -> Profile:
    """Seeds go round the profiles, so that few seeds meet them all."""
    profile = PROFILES[seed % len(PROFILES)]
    if profile.lie is not None:
        return replace(profile, lie=list(Lie)[seed // len(PROFILES) % len(Lie)])
    return profile
