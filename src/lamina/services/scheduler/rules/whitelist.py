"""Who may post, and which processes are this unit's (spec/scheduler.md 2, 7.2, 17.5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import cast

from lamina.services.scheduler.errors import AccessDenied, ProcessNotAllowed, SchedulerError


def read_addresses(document: object) -> frozenset[str]:
    """The addresses of an IP whitelist, in one spelling each.

    Raises:
        ValueError: it is no array of addresses.
    """
    if not isinstance(document, list):
        raise ValueError("is no array of addresses")  # noqa: TRY004 - of a document, not of a program
    return frozenset(spelt(str(each)) for each in cast("list[object]", document))


def spelt(address: str) -> str:
    """An address in the one spelling that is compared.

    Raises:
        ValueError: it is none.
    """
    found = ip_address(address.strip())
    return str(getattr(found, "ipv4_mapped", None) or found)


def check_address(allowed: frozenset[str] | None, peer: str, *, is_named: bool) -> None:
    """Refuse who is not on the list; everybody as long as there is no copy of it.

    Args:
        allowed: the list.
        peer: the client's address.
        is_named: whether the request says in a header whose it is; decides the original's status only.

    Raises:
        AccessDenied: it is not on it.
    """
    try:
        is_allowed = spelt(peer) in (allowed or ())
    except ValueError:
        is_allowed = False
    if not is_allowed:
        raise AccessDenied(is_named=is_named)


@dataclass(frozen=True, slots=True)
class ProcessWhitelist:
    """The processes of one unit; the value tells whether it is read only."""

    processes: Mapping[str, bool]

    def check_read(self, process_id: str) -> None:
        """Refuse to show another unit's process.

        Raises:
            ProcessNotAllowed: it is not ours.
        """
        if process_id not in self.processes:
            raise ProcessNotAllowed(process_id, http_status=403)

    def check_write(self, process_id: str) -> None:
        """Refuse to write to another unit's process, or to one that is read only.

        Raises:
            ProcessNotAllowed: it is not ours.
            SchedulerError: it is ours, to read.
        """
        if process_id not in self.processes:
            raise ProcessNotAllowed(process_id, http_status=400)
        if self.processes[process_id]:
            raise SchedulerError(f"Process {process_id} is read_only on this SU")


NOBODYS = ProcessWhitelist({})
"""What is known before a first copy was read: nothing is ours."""


def read_processes(document: object, own_url: str | None) -> ProcessWhitelist:
    """The processes of the unit with this URL; those of every unit where there is none.

    Raises:
        ValueError: the document has another form.
    """
    if not isinstance(document, dict):
        raise ValueError("is no object")  # noqa: TRY004
    entries = cast("dict[str, object]", document).get("processes")
    if not isinstance(entries, dict):
        raise ValueError("has no processes")  # noqa: TRY004
    ours: dict[str, bool] = {}
    for process_id, entry in cast("dict[str, object]", entries).items():
        if not isinstance(entry, dict):
            raise ValueError(f"says nothing of {process_id[:43]}")  # noqa: TRY004
        fields = cast("dict[str, object]", entry)
        if own_url is None or str(fields.get("su", "")).rstrip("/") == own_url.rstrip("/"):
            ours[process_id] = fields.get("read_only") is True
    return ProcessWhitelist(ours)
