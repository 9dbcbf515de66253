"""Whether a running ledger keeps what it promised: asked of its API, and audited in its database."""

import asyncio
import time
from collections.abc import Collection
from typing import Any

import asyncpg
import httpx
from tests import plain_http
from tests.ledger_audit import audit
from tests.postgres_server import in_thread
from tests.running_platform import RunningPlatform

SETTLED_WITHIN_S = 20.0
ASKING = 8
PAGE_ROWS = 1000


def database_dsn(platform: RunningPlatform) -> str:
    """Where a platform's database is."""
    if platform.dsn is not None:
        return platform.dsn
    lines = (platform.data_dir / "postgres" / "postmaster.pid").read_text().splitlines()
    return f"postgresql://lamina@/lamina?host={lines[4]}&port={lines[3]}"


def problems(platform: RunningPlatform, accepted: Collection[str]) -> list[str]:
    """Everything that is wrong with a ledger once its backlog is empty.

    Args:
        platform: it must be ready.
        accepted: ids of the transactions that were answered 202.
    """
    return in_thread(_audited(platform, accepted)) + in_thread(_asked(platform, accepted))


async def _audited(platform: RunningPlatform, accepted: Collection[str]) -> list[str]:
    connection = await asyncpg.connect(database_dsn(platform))
    try:
        if not await _is_settled(connection):
            return [f"transactions still wait after {SETTLED_WITHIN_S} s"]
        return await audit(connection, accepted)
    finally:
        await connection.close()


async def _is_settled(connection: asyncpg.Connection) -> bool:
    deadline = time.monotonic() + SETTLED_WITHIN_S
    while await connection.fetchval("SELECT count(*) FROM ledger.backlog"):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.1)
    return True


async def _asked(platform: RunningPlatform, accepted: Collection[str]) -> list[str]:
    """Each accepted transaction is valid by the public API, or rejected with a reason by the operator's."""
    rejected = {entry["transaction_id"]: entry for entry in rejections(platform)}
    remaining = list(accepted)
    wrong: list[str] = []

    async def ask(client: httpx.AsyncClient) -> None:
        while remaining:
            tx_id = remaining.pop()
            answer = await client.get("/api/v1/statuses", params={"transaction_id": tx_id})
            status = answer.json().get("status")
            if tx_id in rejected:
                if answer.status_code != 404 or not rejected[tx_id]["reason"]:
                    wrong.append(f"{tx_id} is rejected and {status}")
            elif status != "valid":
                wrong.append(f"{tx_id} was accepted and is {status}")

    async with plain_http.AsyncClient(base_url=platform.url, timeout=20) as client:
        await asyncio.gather(*(ask(client) for _ in range(ASKING)))
    return wrong


def rejections(platform: RunningPlatform) -> list[dict[str, Any]]:
    """Every rejected transaction, page by page."""
    found: list[dict[str, Any]] = []
    before = ""
    while page := platform.admin(f"ledger/rejected?limit={PAGE_ROWS}{before}"):
        found += page
        before = f"&before={page[-1]['rejected_at'].replace('+', '%2B')}"
    return found
