"""What one check found."""

from dataclasses import dataclass

OK = "ok"
WARNING = "warning"
FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """A state with its sentence and, unless all is well, what to do."""

    check: str
    state: str
    text: str
    remedy: str = ""
