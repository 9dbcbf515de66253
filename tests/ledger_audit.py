"""An audit of a ledger's database that believes only the blocks' bytes, apart from the code it judges.

Every function returns problems as sentences; an empty list is a clean ledger.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from lamina.formats import base58, canonical_json, signatures
from lamina.formats import transaction as build
from lamina.formats.hashes import sha3_256_hex

VALID = 1
Outpoint = tuple[str, int]


@dataclass
class Chain:
    """What the blocks say, in chain order."""

    problems: list[str] = field(default_factory=list)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)
    outputs: dict[Outpoint, tuple[int, str]] = field(default_factory=dict)
    spenders: dict[Outpoint, str] = field(default_factory=dict)


async def audit(cx: asyncpg.Connection, accepted: Collection[str]) -> list[str]:
    """Audit chain, tables and the fate of every accepted transaction.

    Args:
        cx: a connection to the ledger's database.
        accepted: ids of the transactions that were answered 202.
    """
    rows = await cx.fetch("SELECT seq, prev, block_id, body FROM ledger.log ORDER BY seq")
    chain = read_chain(rows)
    return [
        *chain.problems,
        *await _audit_head(cx, rows),
        *await _audit_tables(cx, chain),
        *await _audit_elections(cx, rows),
        *await _audit_fates(cx, chain, accepted),
    ]


def read_chain(rows: list[asyncpg.Record]) -> Chain:
    """Read every block: gapless, linked, signed, each transaction once, each output spent once, sums kept."""
    chain = Chain()
    previous = ""
    for expected_seq, row in enumerate(rows, 1):
        if row["seq"] != expected_seq or row["prev"] != previous:
            chain.problems.append(f"the log is broken before {row['seq']}: {expected_seq} expected")
        previous = row["block_id"]
        document = canonical_json.parse(row["body"])
        chain.problems += _check_seal(document, row["block_id"])
        for position, tx in enumerate(document["block"]["transactions"]):
            chain.problems += _add(chain, (row["seq"], position), tx)
    return chain


def _check_seal(document: dict[str, Any], block_id: str) -> Iterator[str]:
    text = canonical_json.encode(document["block"])
    if not document["id"] == block_id == sha3_256_hex(text):
        yield f"block {block_id} has another id"
    key = base58.decode_key(document["block"]["node_pubkey"])
    if not signatures.verify(key, text, base58.decode(document["signature"])):
        yield f"block {block_id} is not signed"


def _add(chain: Chain, place: tuple[int, int], tx: dict[str, Any]) -> Iterator[str]:
    tx_id = tx["id"]
    if build.transaction_id(tx) != tx_id:
        yield f"transaction {tx_id} is not what its id says"
    if tx_id in chain.places:
        yield f"transaction {tx_id} stands in the log twice"
    asset_id = tx["asset"].get("id", tx_id)
    yield from _spend(chain, tx, asset_id)
    chain.places[tx_id] = place
    for index, output in enumerate(tx["outputs"]):
        chain.outputs[tx_id, index] = int(output["amount"]), asset_id


def _spend(chain: Chain, tx: dict[str, Any], asset_id: str) -> Iterator[str]:
    spent = 0
    for entry in tx["inputs"]:
        if entry["fulfills"] is None:
            return
        outpoint = entry["fulfills"]["transaction_id"], entry["fulfills"]["output_index"]
        if outpoint in chain.spenders:
            yield f"output {outpoint} is spent by {chain.spenders[outpoint]} and by {tx['id']}"
        if outpoint not in chain.outputs:
            yield f"output {outpoint}, spent by {tx['id']}, does not exist"
            return
        chain.spenders[outpoint] = tx["id"]
        amount, source_asset = chain.outputs[outpoint]
        spent += amount
        if source_asset != asset_id:
            yield f"{tx['id']} moves {asset_id} out of {source_asset}"
    if spent != sum(int(output["amount"]) for output in tx["outputs"]):
        yield f"{tx['id']} makes or loses amounts"


async def _audit_head(cx: asyncpg.Connection, rows: list[asyncpg.Record]) -> list[str]:
    head = tuple(await cx.fetchrow("SELECT seq, tip FROM ledger.log_head"))
    last = (rows[-1]["seq"], rows[-1]["block_id"]) if rows else (0, "")
    return [] if head == last else [f"the head says {head}, the log ends at {last}"]


async def _audit_tables(cx: asyncpg.Connection, chain: Chain) -> list[str]:
    """Index and claims must say what the blocks say."""
    indexed = await cx.fetch(
        "SELECT t.tx_id, t.seq, t.position, "
        "substring(l.body FROM t.byte_offset + 1 FOR t.byte_length) AS body "
        "FROM ledger.tx_index t LEFT JOIN ledger.log l USING (seq) WHERE t.status IN (0, 1)"
    )
    places = Counter({(row["tx_id"].hex(), (row["seq"], row["position"])): 1 for row in indexed})
    problems = [] if places == Counter(chain.places.items()) else ["the index differs from the blocks"]
    problems += [
        f"the index points {row['tx_id'].hex()} at other bytes"
        for row in indexed
        if row["body"] is None or canonical_json.parse(row["body"])["id"] != row["tx_id"].hex()
    ]
    claims = await cx.fetch(
        "SELECT input_tx_id, input_index, spender_tx_id FROM ledger.claims WHERE status IN (0, 1)"
    )
    claimed = Counter(((row[0].hex(), row[1]), row[2].hex()) for row in claims)
    if claimed != Counter(chain.spenders.items()):
        problems.append("the claims differ from the blocks")
    return problems


async def _audit_elections(cx: asyncpg.Connection, rows: list[asyncpg.Record]) -> list[str]:
    """Every block but the first has one vote for its predecessor and is decided, in log order."""
    wanted = [(row["seq"], row["block_id"], VALID) for row in rows[1:]]
    decided = await cx.fetch("SELECT seq, block_id, status FROM ledger.decisions ORDER BY position")
    voted = await cx.fetch("SELECT block_id, previous_block FROM ledger.votes WHERE is_valid")
    problems = [] if [tuple(row) for row in decided] == wanted else ["decisions differ from the log"]
    if {tuple(row) for row in voted} != {(row["block_id"], row["prev"]) for row in rows[1:]}:
        problems.append("votes differ from the log")
    return problems


async def _audit_fates(cx: asyncpg.Connection, chain: Chain, accepted: Collection[str]) -> list[str]:
    """An accepted transaction waits, is valid, or is rejected with a reason: no fourth place, no two ends."""
    waiting = {row[0].hex() for row in await cx.fetch("SELECT tx_id FROM ledger.backlog")}
    ended = {row[0].hex(): row[1] for row in await cx.fetch("SELECT tx_id, reason FROM ledger.rejected")}
    lost = set(accepted) - chain.places.keys() - waiting - ended.keys()
    problems = [f"{tx_id} was accepted and is nowhere" for tx_id in sorted(lost)]
    problems += [f"{tx_id} is valid and rejected" for tx_id in sorted(chain.places.keys() & ended.keys())]
    problems += [f"{tx_id} was rejected without a reason" for tx_id, reason in ended.items() if not reason]
    return problems
