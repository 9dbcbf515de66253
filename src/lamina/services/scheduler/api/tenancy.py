"""Which processes this unit answers for, as the operator's list says it now (spec/scheduler.md 17.5)."""

from lamina.services.scheduler.errors import SchedulerError
from lamina.services.scheduler.peers.followed import Followed
from lamina.services.scheduler.rules.whitelist import NOBODYS, ProcessWhitelist


class Tenancy:
    """Asked by every request that is about a process."""

    def __init__(self, followed: Followed[ProcessWhitelist] | None) -> None:
        """Prepare; without a list every process is ours."""
        self._followed = followed

    def check_read(self, process_id: str) -> None:
        """Refuse to show what is not ours.

        Raises:
            ProcessNotAllowed: it is another unit's.
        """
        if self._followed is not None:
            (self._followed.value or NOBODYS).check_read(process_id)

    def check_write(self, process_id: str) -> None:
        """Refuse to write where we may not.

        Raises:
            ProcessNotAllowed: it is another unit's.
            SchedulerError: it may only be read.
        """
        if self._followed is not None:
            (self._followed.value or NOBODYS).check_write(process_id)

    def check_spawn(self) -> None:
        """Refuse new processes where a list says which there are.

        Raises:
            SchedulerError: there is such a list.
        """
        if self._followed is not None:
            raise SchedulerError("Process spawning is not supported")
