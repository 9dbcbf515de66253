"""From copied to open: a process is proven from our own rows, all signatures included, and gets its head."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lamina.formats import base64url
from lamina.formats.ans104.item import parse
from lamina.kernel.storage.database import Database
from lamina.services.scheduler.model.takeover import TakeoverState
from lamina.services.scheduler.rules.duplicate import content_hashes
from lamina.services.scheduler.sequencer.process_proof import Means, ProcessProof
from lamina.services.scheduler.store import audit, takeovers
from lamina.services.scheduler.takeover.flaws import Flaws
from lamina.services.scheduler.takeover.progress import Standing, standing, take_back


class Prover:
    """Proves what waits for it, process by process."""

    def __init__(self, database: Database, advanced: Callable[[int], None], *, keeps_said: bool) -> None:
        """Prepare.

        Args:
            database: ours.
            advanced: told how many messages more were looked at.
            keeps_said: whether this unit refuses what was said before (spec 10.5).
        """
        self._database = database
        self._advanced = advanced
        self._keeps_said = keeps_said
        self.opened = 0
        self.signers: set[str] = set()

    async def run(self) -> None:
        """Prove and open.

        Raises:
            DatabaseUnavailable: the database went away; another run goes on.
            TakeoverMoved: another import is at work.
        """
        count = os.cpu_count() or 1
        with ThreadPoolExecutor(count, thread_name_prefix="verify") as threads:
            async for state in takeovers.unproven(self._database):
                flaws = Flaws()
                means = Means(self._database, threads, count, flaws.add, self._advanced)
                await self._process(state, means, flaws)

    async def _process(self, state: TakeoverState, means: Means, flaws: Flaws) -> None:
        at = await standing(self._database, state.process_id, state.verified or 0)
        proof = ProcessProof(means, at.process)
        if state.verified is None:
            await proof.run()
        else:
            await proof.go_on(at.chain, state.verified_digest)
        if proof.head.nonce != at.base + state.messages:
            flaws.add(f"it ends at nonce {proof.head.nonce}, {state.messages} messages were copied")
        if proof.digest != state.digest:
            flaws.add("its bundles are not those of the source, byte for byte")
        if flaws.count:
            await take_back(self._database, state, flaws)
            return
        if self._keeps_said:
            await self._keep_said(at)
        await takeovers.open_head(self._database, state, at.process["process_id"], proof.head)
        self.opened += 1
        self.signers |= proof.signers

    async def _keep_said(self, at: Standing) -> None:
        """What was pushed to the original must not be pushed again.

        Of transactions that were only assigned the content is elsewhere, and not known here.
        """
        process_id: bytes = at.process["process_id"]
        async for page in audit.messages(self._database, process_id, at.base):
            said: set[bytes] = set()
            for row in page:
                item = None if row["item"] is None else parse(row["item"])
                if item is not None and item.tag("From-Process") is not None:
                    hashes = content_hashes(item.tags, item.target, item.anchor, item.data)
                    said.add(base64url.decode(hashes.ordered))
            if said:
                await takeovers.keep_said(self._database, process_id, sorted(said))
