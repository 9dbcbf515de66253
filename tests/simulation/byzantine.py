"""A member that does whatever its key and its access to the shared tables allow."""

import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from tests.simulation.clients import Clients, bent
from tests.simulation.clock import EPOCH
from tests.simulation.kernel import Kernel, Pause
from tests.simulation.log_connection import LogConnection

from lamina.formats import base58
from lamina.formats import transaction as build
from lamina.formats.canonical_json import encode
from lamina.formats.errors import FormatError
from lamina.formats.hashes import sha3_256_hex
from lamina.formats.signatures import KeyPair
from lamina.kernel.errors import CommitUnknown, DatabaseUnavailable, LaminaError
from lamina.services.ledger.model.block import LedgerBlock, seal_block
from lamina.services.ledger.model.entry import Entry
from lamina.services.ledger.model.membership import Membership
from lamina.services.ledger.model.transaction import Transaction
from lamina.services.ledger.model.vote import sign_vote
from lamina.services.ledger.model.waiting import Release
from lamina.services.ledger.rules.form import parse_body, parse_transaction

MISCHIEF_EVERY_S = 2.0
FLOOD = 60
RECENT = 6


class Byzantine:
    """One such member."""

    def __init__(
        self,
        key: KeyPair,
        kernel: Kernel,
        log: LogConnection,
        membership: Membership,
        clients: Clients,
        others: Sequence[str],
    ) -> None:
        self.is_active = True
        self._key = key
        self._kernel = kernel
        self._log = log
        self._membership = membership
        self._clients = clients
        self._others = others
        self._count = 0

    async def misbehave(self) -> None:
        """One thing after another."""
        acts: list[Callable[[], Awaitable[None]]] = [
            self._vote_alone,
            self._steal,
            self._spend_twice,
            self._repeat_valid,
            self._write_garbage,
            self._poison_backlog,
            self._spend_the_future,
            self._equivocate,
            self._forge_votes,
            self._flood_votes,
            self._release_early,
            self._skip_claims,
            self._build_rightly,
        ]
        while self.is_active:
            act = self._kernel.random.choice(acts)
            self._log.network.count(act.__name__.strip("_"))
            with suppress(DatabaseUnavailable, CommitUnknown):
                await act()
            await Pause(MISCHIEF_EVERY_S * 2 * self._kernel.random.random())

    # Blocks

    async def _vote_alone(self) -> None:
        """A right block, save that only its creator may vote on it (G3)."""
        taken = await self._take()
        if taken:
            await self._log.append(self._seal(taken, [self._key.public]), below_seq=None)

    async def _steal(self) -> None:
        """A block of accepted transactions whose proofs are bent: their ids stay the same."""
        taken = [tx for tx in map(_bend, await self._take()) if tx is not None]
        if taken:
            await self._log.append(self._seal(taken), below_seq=None)

    async def _spend_twice(self) -> None:
        if self._clients.rivals:
            await self._force(self._seal(self._kernel.random.choice(self._clients.rivals)))

    async def _repeat_valid(self) -> None:
        if self._clients.posted:
            await self._force(self._seal([self._kernel.random.choice(self._clients.posted)]))

    async def _skip_claims(self) -> None:
        """A block that may well be right, and has no claims in the shared tables."""
        taken = await self._take()
        if taken:
            await self._force(self._seal(taken))

    async def _build_rightly(self) -> None:
        taken = await self._take()
        if taken:
            await self._log.append(self._seal(taken), below_seq=None)

    async def _write_garbage(self) -> None:
        """Bytes that are no block, or almost one."""
        random = self._kernel.random
        block = self._seal([random.choice(self._clients.posted)]) if self._clients.posted else None
        bodies = [
            b"",
            b"\xff\xfe",
            b"null",
            b"[]",
            b"{}",
            b"[" * 100_000,
            b'{"block":{"transactions":[]}}',
            b"NaN",
        ]
        if block is not None:
            cut = random.randrange(len(block.body))
            wire: dict[str, Any] = json.loads(block.body)
            bodies += [
                block.body[:cut],
                block.body[:cut] + b"\x00" + block.body[cut + 1 :],
                b" " + block.body,
            ]
            for change in (
                {"transactions": []},
                {"transactions": [None]},
                {"transactions": [{"id": None}]},
                {"transactions": [{**wire["block"]["transactions"][0], "outputs": [{}]}]},
                {"voters": None},
                {"voters": [self._key.public] * 2},
                {"timestamp": 10**400},
                {"node_pubkey": self._others[0]},
            ):
                bodies.append(self._sign_anything({**wire["block"], **change}))
            bodies.append(encode({**wire, "signature": None}))
        body = random.choice(bodies)
        block_id = random.randbytes(32).hex()
        try:
            claimed = json.loads(body)["id"]
            block_id = claimed if isinstance(claimed, str) and random.random() < 0.8 else block_id
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        await self._log.network.write(self._log.node, "garbage", lambda: self._log.log.force(block_id, body))

    def _sign_anything(self, inner: dict[str, Any]) -> bytes:
        text = encode(inner)
        return encode(
            {"id": sha3_256_hex(text), "block": inner, "signature": base58.encode(self._key.sign(text))}
        )

    async def _take(self) -> list[Transaction]:
        candidates = await self._log.take(self._key.public, self._kernel.random.randint(1, 4), [])
        found: list[Transaction] = []
        for candidate in candidates:
            try:
                found.append(parse_transaction(parse_body(candidate.body)))
            except (LaminaError, FormatError):
                continue
        return found

    def _seal(self, transactions: Sequence[Transaction], voters: Sequence[str] | None = None) -> LedgerBlock:
        members = sorted(self._membership.at(self._log.log.head.seq + 1))
        self._count += 1
        return seal_block(
            transactions, node=self._key, voters=voters or members, timestamp=str(int(EPOCH) + self._count)
        )

    async def _force(self, block: LedgerBlock) -> None:
        await self._log.network.write(
            self._log.node, "force", lambda: self._log.log.force(block.id, block.body)
        )

    # Backlog and claims

    async def _poison_backlog(self) -> None:
        random = self._kernel.random
        body = random.choice((b"", b"{", b"\xc3\x28", b'{"id":1}', b"[" * 5000, b"0" * 9000))
        if self._clients.posted and random.random() < 0.3:
            body = random.choice(self._clients.posted).body
        tx_id = random.randbytes(32).hex()
        assignee = random.choice(self._others)
        await self._log.network.write(
            self._log.node, "poison", lambda: self._log.log.poison(tx_id, body, assignee)
        )

    async def _spend_the_future(self) -> None:
        """A transaction nobody can judge before a position that the log may never reach."""
        random = self._kernel.random
        source = {
            **build.create(self._key.public, [(self._key.public, 1)], None, None),
            "id": random.randbytes(32).hex(),
        }
        unsigned = build.transfer(build.inputs_of(source), [(self._key.public, 1)], source["id"], None)
        tx = parse_transaction(build.sign(unsigned, [self._key]))
        assignee = random.choice(self._others)
        await self._log.network.write(
            self._log.node, "future", lambda: self._log.log.poison(tx.id, tx.body, assignee, 10**6)
        )

    async def _release_early(self) -> None:
        """Free the claims of a block that nobody has found invalid."""
        entry = self._recent()
        if entry is not None:
            await self._log.release(Release(entry.block_id, []))

    # Votes

    async def _equivocate(self) -> None:
        """Both opinions, and different blocks before."""
        entry = self._recent()
        if entry is None:
            return
        for is_valid in (True, False):
            for previous in (entry.previous, self._kernel.random.randbytes(32).hex()):
                await self._vote(self._key, entry, previous, is_valid=is_valid)

    async def _forge_votes(self) -> None:
        """In the names of all others, before they have voted."""
        entry = self._log.log.blocks.get(len(self._log.log.blocks))
        if entry is None or entry.seq == 1:
            return
        random = self._kernel.random
        is_valid = random.random() < 0.5
        vote = sign_vote(
            self._key,
            block_id=entry.block_id,
            previous_block=entry.previous,
            is_valid=is_valid,
            timestamp=str(int(EPOCH)),
        )
        for name in self._others:
            document = {**parse_body(vote.body), "node_pubkey": name}
            if random.random() < 0.3:
                document["signature"] = random.choice(("", "x", None, 7, "1" * 88))
            await self._publish(entry.block_id, encode(document))
        await self._publish(entry.block_id, random.choice((b"", b"{}", b"[1]", b"\xff", b'{"vote":null}')))

    async def _flood_votes(self) -> None:
        entry = self._recent()
        if entry is None:
            return
        votes = [
            sign_vote(
                self._key,
                block_id=entry.block_id,
                previous_block=entry.previous,
                is_valid=bool(number % 2),
                timestamp=str(int(EPOCH) + number),
            )
            for number in range(FLOOD)
        ]

        def flood() -> None:
            for vote in votes:
                self._log.log.publish_vote(entry.block_id, vote.body)

        await self._log.network.write(self._log.node, "flood", flood)

    async def _vote(self, key: KeyPair, entry: Entry, previous: str, *, is_valid: bool) -> None:
        if previous != entry.block_id:
            vote = sign_vote(
                key,
                block_id=entry.block_id,
                previous_block=previous,
                is_valid=is_valid,
                timestamp=str(int(EPOCH)),
            )
            await self._publish(entry.block_id, vote.body)

    async def _publish(self, block_id: str, body: bytes) -> None:
        await self._log.network.write(
            self._log.node, "vote", lambda: self._log.log.publish_vote(block_id, body)
        )

    def _recent(self) -> Entry | None:
        """One of the last blocks; never the first."""
        head = self._log.log.head.seq
        if head < 2:
            return None
        return self._log.log.blocks[self._kernel.random.randint(max(2, head - RECENT), head)]


def _bend(tx: Transaction) -> Transaction | None:
    document = parse_body(tx.body)
    document["inputs"][0]["fulfillment"] = bent(document["inputs"][0]["fulfillment"])
    try:
        return parse_transaction(document)
    except (LaminaError, FormatError):
        return None
