"""Why this node takes no part in the agreement for now: an integrity alarm that has not ended."""

import structlog

from lamina.services.ledger.errors import IntegrityAlarm
from lamina.services.ledger.metrics import HALTED

_log = structlog.get_logger("lamina.ledger.alarm")


class Alarm:
    """The alarms of one process, by the work that raised them."""

    def __init__(self) -> None:
        self._raised: dict[str, IntegrityAlarm] = {}

    def sound(self, work: str, alarm: IntegrityAlarm) -> None:
        """Note an alarm; it is told once, however often the work fails with it."""
        if str(self._raised.get(work)) != str(alarm):
            _log.critical("integrity alarm", work=work, code=alarm.code, detail=alarm.detail, do=alarm.hint)
        self._raised[work] = alarm
        HALTED.set(1)

    def end(self, work: str) -> None:
        """The work has gone on."""
        if self._raised.pop(work, None) is not None:
            _log.warning("integrity alarm has ended", work=work)
            HALTED.set(1 if self._raised else 0)

    def is_sounding(self, work: str) -> bool:
        """Whether this work's last attempt ended in an alarm."""
        return work in self._raised

    async def check(self) -> str | None:
        """A readiness check: the alarms, in one sentence each."""
        return " ".join(f"{alarm.code}: {alarm.detail}" for alarm in self._raised.values()) or None
