"""Every chain again, from the stored items alone: ids, nonces, links, times, signatures, heads."""

import os
from concurrent.futures import ThreadPoolExecutor

from lamina.formats import base64url
from lamina.kernel.contracts import Advanced, Verdict
from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.sequencer.process_proof import Means, ProcessProof
from lamina.services.scheduler.store import audit

FLAWS_KEPT = 100


class Verifier:
    """Walks over everything once."""

    def __init__(self, database: Database, advanced: Advanced) -> None:
        """Prepare.

        Args:
            database: a unit's, or a copy of it.
            advanced: told how far it is.
        """
        self._database = database
        self._advanced = advanced
        self._flaws: list[str] = []
        self._flaw_count = 0
        self._messages = 0
        self._processes = 0
        self._total = 0

    async def run(self) -> Verdict:
        """Verify.

        Raises:
            DatabaseUnavailable: the database went away.
        """
        self._total = await audit.count_messages(self._database)
        count = os.cpu_count() or 1
        with ThreadPoolExecutor(count, thread_name_prefix="verify") as threads:
            means = Means(self._database, threads, count, self._flaw, self._advance)
            async for page in audit.processes(self._database):
                for row in page:
                    await self._process(means, row)
        checked = {"processes": self._processes, "messages": self._messages}
        return Verdict(checked, self._flaw_count, self._flaws)

    async def _process(self, means: Means, row: Record) -> None:
        self._processes += 1
        proof = ProcessProof(means, row)
        await proof.run()
        if (proof.head.nonce, proof.head.assignment_id) != (row["head_nonce"], row["head_id"]):
            self._flaw(f"process {base64url.encode(row['process_id'])}: the head is not its last assignment")

    def _advance(self, count: int) -> None:
        self._messages += count
        self._advanced("messages", self._messages, self._total)

    def _flaw(self, text: str) -> None:
        self._flaw_count += 1
        if len(self._flaws) < FLAWS_KEPT:
            self._flaws.append(text)
