"""Whether a POST is taken at all: before anything of it is read (spec/scheduler.md 7.2, 10.1)."""

import time

from lamina.kernel.contracts import Scope
from lamina.kernel.web.peer import TrustedProxies
from lamina.services.scheduler.errors import ReadOnly, WarmingUp
from lamina.services.scheduler.peers.followed import Followed
from lamina.services.scheduler.rules.whitelist import check_address
from lamina.services.scheduler.settings import SchedulerSettings

REAL_IP = b"x-real-ip"


class Admission:
    """Read-only units, the time after a start, and the list of addresses."""

    def __init__(
        self,
        settings: SchedulerSettings,
        addresses: Followed[frozenset[str]] | None,
        proxies: TrustedProxies,
    ) -> None:
        """Begin to count the time after the start.

        Args:
            settings: of the unit.
            addresses: who may post; None when everybody may.
            proxies: whose `X-Real-IP` is believed; nobody else's is, for anybody can send one.
        """
        self._read_only = settings.read_only
        self._addresses = addresses
        self._proxies = proxies
        self._warm_at = time.monotonic() + settings.warmup_s

    def check(self, scope: Scope) -> None:
        """Refuse what is not taken.

        Raises:
            ReadOnly, WarmingUp, AccessDenied: see there.
        """
        if self._read_only:
            raise ReadOnly
        if time.monotonic() < self._warm_at:
            raise WarmingUp
        if self._addresses is None:
            return
        named = [value for name, value in scope["headers"] if name == REAL_IP]
        peer: str = scope["client"][0] if scope["client"] else ""
        if named and self._proxies.trusts(peer):
            peer = named[-1].decode("latin-1")
        check_address(self._addresses.value, peer, is_named=bool(named))
