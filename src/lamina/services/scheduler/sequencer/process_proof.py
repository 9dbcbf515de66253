"""Proves one process from what is stored of it: items, signatures, chain, bundles that the original made."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from lamina.formats import base64url
from lamina.formats.ans104.errors import MalformedItem
from lamina.formats.ans104.item import DataItem, parse
from lamina.formats.ans104.verification import verify
from lamina.kernel.storage.database import Database, Record
from lamina.services.scheduler.model.head import NONE, Head
from lamina.services.scheduler.rules.chain import Chain, Link
from lamina.services.scheduler.rules.original_bundle import BundleParts
from lamina.services.scheduler.rules.takeover import bundle_digest
from lamina.services.scheduler.store import audit


class Signed(NamedTuple):
    """An item whose signature is to be checked, and what it is called when it is wrong."""

    item: DataItem
    where: str


class Means(NamedTuple):
    """What every proof works with.

    Attributes:
        threads: check signatures; `thread_count` of them.
        found: told every flaw, a sentence each.
        advanced: told how many messages more were looked at.
    """

    database: Database
    threads: ThreadPoolExecutor
    thread_count: int
    found: Callable[[str], None]
    advanced: Callable[[int], None]


class ProcessProof:
    """One walk over a process, from its spawn or from where it was proven already."""

    def __init__(self, means: Means, process: Record) -> None:
        """Prepare.

        Args:
            means: shared by all proofs.
            process: a row of `audit.processes`.
        """
        self._means = means
        self._process = process
        self._name = base64url.encode(process["process_id"])
        self._chain = Chain(process["process_id"], process["block_height"], process["ts"])
        self._signed: list[Signed] = []
        self.digest = b""
        self.signers: set[str] = set()

    @property
    def head(self) -> Head:
        """Where the chain ends, as far as it was walked."""
        return self._chain.head

    async def run(self) -> None:
        """Walk over all of it.

        Raises:
            DatabaseUnavailable: the database went away.
        """
        self._spawn()
        await self._check_signatures()
        await self._walk()

    async def go_on(self, chain: Chain, digest: bytes) -> None:
        """Walk over what comes after messages that were proven before.

        Args:
            chain: stands behind the last of them.
            digest: of the bundles up to it.

        Raises:
            DatabaseUnavailable: the database went away.
        """
        self._chain, self.digest = chain, digest
        await self._walk()

    async def _walk(self) -> None:
        pages = audit.messages(self._means.database, self._process["process_id"], self.head.nonce)
        async for page in pages:
            for row in page:
                self._message(row)
            await self._check_signatures()
            self._means.advanced(len(page))

    def _spawn(self) -> None:
        process, where = self._process, f"process {self._name}"
        spawn = self._item(process["item"], where)
        if spawn is not None and spawn.id_bytes != process["process_id"]:
            self._means.found(f"{where}: its item has another id")
        if process["assignment"] is not None:
            at = f"{where} nonce 0"
            own = self._item(process["assignment"], f"{at}, assignment")
            if own is not None:
                self._follow(own_link_of(process, own), at, process["assignment_id"])
        if process["is_original"]:
            self._original(process, where)

    def _message(self, row: Record) -> None:
        where = f"process {self._name} nonce {row['nonce']}"
        is_old_shape = row["is_original"] and row["head"] is None
        assignment = self._item(row["assignment"], f"{where}, assignment", is_signed=not is_old_shape)
        if row["item"] is not None:
            message = self._item(row["item"], where)
            if message is not None and message.id_bytes != row["message_id"]:
                self._means.found(f"{where}: its item has another id")
        if assignment is not None:
            self._follow(link_of(row, assignment), where, row["assignment_id"])
        if row["is_original"]:
            self._original(row, where)

    def _follow(self, link: Link, where: str, known_id: bytes) -> None:
        self.signers.add(link.assignment.owner_address)
        for flaw in self._chain.follow(link):
            self._means.found(f"{where}: {flaw}")
        if known_id != link.assignment.id_bytes:
            self._means.found(f"{where}: its assignment has another id")

    def _original(self, row: Record, where: str) -> None:
        """Put the original's bundle together again; its signature covers every byte of it."""
        try:
            raw = BundleParts(row["head"], row["assignment"], row["item"]).outer()
        except MalformedItem:
            return  # told already
        self.digest = bundle_digest(self.digest, raw)
        self._item(raw, f"{where}, bundle")

    def _item(self, raw: bytes, where: str, *, is_signed: bool = True) -> DataItem | None:
        try:
            item = parse(raw)
        except MalformedItem as fault:
            self._means.found(f"{where}: {fault}")
            return None
        if is_signed:
            self._signed.append(Signed(item, where))
        return item

    async def _check_signatures(self) -> None:
        """All that were met since the last time, on every core."""
        signed, self._signed = self._signed, []
        loop, count = asyncio.get_running_loop(), self._means.thread_count
        shares = [signed[start::count] for start in range(min(count, len(signed)))]
        work = [loop.run_in_executor(self._means.threads, _wrong, share) for share in shares]
        for wrong in await asyncio.gather(*work):
            for where in wrong:
                self._means.found(f"{where}: its signature is not right")


def own_link_of(process: Record, assignment: DataItem) -> Link:
    """A process's own assignment in its chain."""
    return Link(NONE + 1, process["ts"], assignment, None, is_original=process["is_original"])


def link_of(row: Record, assignment: DataItem) -> Link:
    """The assignment of a message in its chain."""
    is_original = row["is_original"]
    return Link(
        row["nonce"],
        row["ts"],
        assignment,
        row["message_id"],
        is_original=is_original,
        is_old_shape=is_original and row["head"] is None,
    )


def _wrong(signed: Sequence[Signed]) -> list[str]:
    return [each.where for each in signed if not verify(each.item)]
