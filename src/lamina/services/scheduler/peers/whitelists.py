"""The lists that an operator keeps elsewhere, followed (spec/scheduler.md 2, 17.5)."""

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.kernel.contracts import Task
from lamina.services.scheduler.peers.client import Client
from lamina.services.scheduler.peers.followed import Followed
from lamina.services.scheduler.rules.whitelist import ProcessWhitelist, read_addresses, read_processes
from lamina.services.scheduler.settings import SchedulerSettings


@dataclass(frozen=True, slots=True)
class Whitelists:
    """Who may post, and which processes are ours; None where there is no such list."""

    addresses: Followed[frozenset[str]] | None
    processes: Followed[ProcessWhitelist] | None

    def tasks(self) -> Sequence[Task]:
        """Look again, for ever."""
        named = (("scheduler.addresses", self.addresses), ("scheduler.processes", self.processes))
        return [Task(name, followed.run) for name, followed in named if followed is not None]


async def follow(settings: SchedulerSettings, client: Client, own_url: str | None) -> Whitelists:
    """The lists as they are now, so that the first request is not refused for want of a copy.

    Args:
        settings: where they are.
        client: asks for them.
        own_url: whose processes are ours; None for a router, which has those of every unit.
    """
    addresses = processes = None
    if settings.ip_whitelist_url:
        addresses = Followed(
            client, settings.ip_whitelist_url, settings.ip_whitelist_interval_s, read_addresses
        )
        await addresses.look()
    if settings.process_whitelist_url:
        processes = Followed(
            client,
            settings.process_whitelist_url,
            settings.process_whitelist_interval_s,
            lambda document: read_processes(document, own_url),
        )
        await processes.look()
    return Whitelists(addresses, processes)
