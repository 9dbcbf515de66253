"""Every chain again, from the stored items alone: ids, nonces, links, times, signatures, heads."""

from hashlib import sha256

from lamina.formats import base64url
from lamina.formats.ans104.errors import MalformedItem
from lamina.formats.ans104.item import DataItem, parse
from lamina.formats.ans104.verification import verify
from lamina.kernel.contracts import Advanced, Verdict
from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.model.head import NONE
from lamina.services.scheduler.store import audit, messages
from lamina.services.scheduler.store.messages import Window

FLAWS_KEPT = 100
_ALL = (-(2**63), 2**63 - 1)


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
        async for page in audit.processes(self._database):
            for row in page:
                await self._process(row)
        checked = {"processes": self._processes, "messages": self._messages}
        return Verdict(checked, self._flaw_count, self._flaws)

    async def _process(self, row: Record) -> None:
        process_id: bytes = row["process_id"]
        name = base64url.encode(process_id)
        self._processes += 1
        spawn = self._item(row["item"], f"process {name}")
        if spawn is not None and spawn.id_bytes != process_id:
            self._flaw(f"process {name}: its item has another id")
        nonce, last = NONE, None
        ts: int = row["ts"]
        if row["assignment"] is not None:
            nonce, last = 0, (row["assignment_id"], sha256(process_id).digest())
            self._assignment(row["assignment"], row["assignment_id"], name, 0, last[1])
        window = Window(process_id, "nonce", *_ALL)
        pages = messages.pages(self._database, window, limit=2**62, page_rows=audit.PAGE_ROWS)
        async for page in pages:
            for each in page:
                nonce, last, ts = self._message(each, name, process_id, (nonce, last, ts))
            self._advanced("messages", self._messages, self._total)
        head = (nonce, None if last is None else last[0])
        if head != (row["head_nonce"], row["head_id"]):
            self._flaw(f"process {name}: the head is not its last assignment")

    def _message(
        self, row: Record, name: str, process_id: bytes, before: tuple[int, tuple[bytes, bytes] | None, int]
    ) -> tuple[int, tuple[bytes, bytes], int]:
        self._messages += 1
        nonce, last, ts = before
        where = f"process {name} nonce {row['nonce']}"
        if row["nonce"] != nonce + 1:
            self._flaw(f"{where}: follows nonce {nonce}")
        if row["ts"] <= ts and last is not None:
            self._flaw(f"{where}: its time does not increase")
        chain = sha256(process_id if last is None else last[0] + last[1]).digest()
        assignment_id = self._assignment(row["assignment"], None, name, row["nonce"], chain)
        if row["item"] is not None:
            self._item(row["item"], where)
        return row["nonce"], (assignment_id, chain), row["ts"]

    def _assignment(self, raw: bytes, known_id: bytes | None, name: str, nonce: int, chain: bytes) -> bytes:
        where = f"process {name} nonce {nonce}"
        item = self._item(raw, f"{where}, assignment")
        if item is None:
            return known_id or b""
        expected = {"Process": name, "Nonce": str(nonce), "Hash-Chain": base64url.encode(chain)}
        wrong = [tag for tag, value in expected.items() if item.tag(tag) != value]
        if wrong:
            self._flaw(f"{where}: its assignment has another {', '.join(wrong)}")
        if known_id is not None and known_id != item.id_bytes:
            self._flaw(f"{where}: its assignment has another id")
        return item.id_bytes

    def _item(self, raw: bytes, where: str) -> DataItem | None:
        try:
            item = parse(raw)
        except MalformedItem as fault:
            self._flaw(f"{where}: {fault}")
            return None
        if not verify(item):
            self._flaw(f"{where}: its signature is not right")
        return item

    def _flaw(self, text: str) -> None:
        self._flaw_count += 1
        if len(self._flaws) < FLAWS_KEPT:
            self._flaws.append(text)
