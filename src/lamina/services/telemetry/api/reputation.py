"""`/reputation`, `/reputation/logged`, `/reputation/{peer_id}`, `/reputation/mock/{qty}` (spec 6.6)."""

import secrets
from datetime import timedelta

from lamina.kernel.contracts import Receive, Scope, Send
from lamina.services.telemetry import render
from lamina.services.telemetry.api import query
from lamina.services.telemetry.api.reading import Reading, answer
from lamina.services.telemetry.store import reputations

LATEST_LIMIT = 100
LATEST_AGE_S = 60
HISTORY_LIMIT = 1000
QTY_DIGITS_MAX = 10
MOCK_REPORTERS = tuple(f"QmMockReportingPeer{number}ForFrontEndTests" for number in range(8))
_MOCK_WORST = 2**31


class ListReputations:
    """What each peer thinks of the others now."""

    def __init__(self, reading: Reading, *, only_logged: bool) -> None:
        """Prepare.

        Args:
            reading: the database and limits.
            only_logged: whether only peers that connected here are shown.
        """
        self._reading = reading
        self._only_logged = only_logged

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with one element per reporting peer."""
        asked = self._reading.query(scope)
        rows = await reputations.list_latest(
            self._reading.database,
            since=asked.since_age(LATEST_AGE_S) or query.BEGINNING,
            limit=asked.limit(LATEST_LIMIT, self._reading.settings.rows_max),
            only_logged=self._only_logged,
            timeout_s=self._reading.timeout_s,
        )
        await answer(scope, send, map(render.reputations, rows))


class ListReputationHistory:
    """What others reported of one peer."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with one element per reporting peer and time."""
        asked = self._reading.query(scope)
        rows = await reputations.list_history(
            self._reading.database,
            scope["path_params"]["peer_id"],
            since=asked.since_age(None) or asked.time("start_time", query.BEGINNING),
            until=asked.time("end_time", query.now()),
            limit=asked.limit(HISTORY_LIMIT, self._reading.settings.rows_max),
            timeout_s=self._reading.timeout_s,
        )
        await answer(scope, send, map(render.reputation, rows))


class MockReputations:
    """Invented reputations for those who write a front end."""

    def __init__(self, reading: Reading) -> None:
        """Prepare."""
        self._reading = reading

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer with as many reporters as asked for, eight at most."""
        self._reading.query(scope)
        text = scope["path_params"]["qty"]
        is_number = text.isascii() and text.isdecimal() and len(text) <= QTY_DIGITS_MAX
        count = min(int(text) if is_number else 8, len(MOCK_REPORTERS))
        ts = render.timestamp(query.now() - timedelta(seconds=10))
        reporters = MOCK_REPORTERS[:count]
        await answer(
            scope,
            send,
            [render.mock_reputations(each, reporters, _invented(reporters), ts) for each in reporters],
        )


def _invented(reporters: tuple[str, ...]) -> list[int]:
    return [-secrets.randbelow(_MOCK_WORST) if secrets.randbelow(2) else 0 for _ in reporters]
