"""Uploads again what a gateway does not know (spec/scheduler.md 19.2)."""

import asyncio
from dataclasses import dataclass

from lamina.formats import base64url
from lamina.formats.ans104.signed_item import sign
from lamina.formats.ans104.wallet import Wallet
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.peers.gateway import Gateway
from lamina.services.scheduler.sequencer.uploader import around
from lamina.services.scheduler.store import processes, reuploads


@dataclass(slots=True)
class Reuploaded:
    """How many assignments were looked at, and how many of them were uploaded again."""

    checked: int = 0
    uploaded: int = 0


class Reupload:
    """Looks at one assignment after another."""

    def __init__(self, database: Database, gateway: Gateway, wallet: Wallet, delay_s: float) -> None:
        """Prepare.

        Args:
            database: where they are.
            gateway: is asked, and gets what it does not know.
            wallet: signs the bundles.
            delay_s: time between two assignments.
        """
        self._database = database
        self._gateway = gateway
        self._wallet = wallet
        self._delay_s = delay_s

    async def process(self, process_id: bytes, since_ms: int) -> Reuploaded | None:
        """All assignments of a process that are newer; None when it is not here.

        Raises:
            GatewayUnavailable: nobody answers, or the uploader does not take one.
            DatabaseUnavailable: the database went away.
        """
        if await processes.find(self._database, process_id) is None:
            return None
        done = Reuploaded()
        async for waiting in reuploads.newer(self._database, process_id, since_ms):
            done.checked += 1
            if await self._gateway.find(base64url.encode(waiting.assignment_id)) is None:
                signed = await asyncio.to_thread(sign, around(waiting.waiting), self._wallet)
                await self._gateway.upload(signed.to_bytes())
                done.uploaded += 1
            await asyncio.sleep(self._delay_s)
        return done
