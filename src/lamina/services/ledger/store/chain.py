"""What the chain and the backlog know of outputs that transactions want to spend, in one query."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from lamina.kernel.storage.database import ANSWER_S, Connection, Database, Record
from lamina.services.ledger.model.status import Status
from lamina.services.ledger.model.transaction import Outpoint, Transaction, decode_stored
from lamina.services.ledger.rules.spend import ChainView

INDEX_MAX = 2**31 - 1

_FACTS = """
SELECT 'source' AS kind, t.tx_id, t.status, NULL::int AS input_index, NULL::bytea AS spender,
       substring(l.body FROM t.byte_offset + 1 FOR t.byte_length) AS body
  FROM ledger.tx_index t JOIN ledger.log l USING (seq)
 WHERE t.tx_id = ANY ($1) AND t.status IN (0, 1)
UNION ALL
SELECT 'waiting', tx_id, NULL, NULL, NULL, NULL FROM ledger.backlog WHERE tx_id = ANY ($1)
UNION ALL
SELECT 'spender', c.input_tx_id, NULL, c.input_index, c.spender_tx_id, NULL
  FROM unnest($2::bytea[], $3::int[]) AS p (tx_id, index)
  JOIN ledger.claims c ON c.input_tx_id = p.tx_id AND c.input_index = p.index AND c.status IN (0, 1)
"""
_FACTS_AND_RIVALS = (
    _FACTS
    + """
UNION ALL
SELECT 'spender', b.input_tx_id, NULL, b.input_index, b.tx_id, NULL
  FROM unnest($2::bytea[], $3::int[]) AS p (tx_id, index)
  JOIN ledger.backlog_spends b ON b.input_tx_id = p.tx_id AND b.input_index = p.index
"""
)


async def view_at_post(database: Database, transactions: Sequence[Transaction]) -> ChainView:
    """The facts for rules 6 to 13 at POST, where a rival that waits in the backlog counts as a spender."""
    values = _wanted(transactions)
    if not values[0]:
        return ChainView()
    return _view(await database.fetch("ledger.read_chain", _FACTS_AND_RIVALS, *values, timeout_s=ANSWER_S))


async def view_at_append(cx: Connection, transactions: Sequence[Transaction]) -> ChainView:
    """The same facts under the head lock: only blocks that are not invalid count."""
    values = _wanted(transactions)
    if not values[0]:
        return ChainView()
    return _view(await cx.fetch(_FACTS, *values))


def _wanted(transactions: Iterable[Transaction]) -> tuple[list[bytes], list[bytes], list[int]]:
    """Ids of the wanted sources, and the wanted outputs as two columns; an index past int4 cannot exist."""
    wanted = {spend for tx in transactions for spend in tx.spends}
    spends = [
        (bytes.fromhex(spend.tx_id), spend.output_index)
        for spend in wanted
        if spend.output_index <= INDEX_MAX
    ]
    sources = {bytes.fromhex(spend.tx_id) for spend in wanted}
    return list(sources), [tx_id for tx_id, _ in spends], [index for _, index in spends]


def _view(rows: Iterable[Record]) -> ChainView:
    found: dict[str, tuple[Transaction, Status]] = {}
    waiting: set[str] = set()
    spenders: defaultdict[Outpoint, set[str]] = defaultdict(set)
    for row in rows:
        tx_id = row["tx_id"].hex()
        match row["kind"]:
            case "source":
                found[tx_id] = (decode_stored(row["body"]), Status(row["status"]))
            case "waiting":
                waiting.add(tx_id)
            case _:
                spenders[Outpoint(tx_id, row["input_index"])].add(row["spender"].hex())
    return ChainView(found, waiting, spenders)


async def find_live(cx: Connection, tx_ids: Iterable[str]) -> set[str]:
    """Which of these transactions already stand in a block that is not invalid."""
    rows = await cx.fetch(
        "SELECT tx_id FROM ledger.tx_index WHERE tx_id = ANY ($1) AND status IN (0, 1)",
        [bytes.fromhex(tx_id) for tx_id in tx_ids],
    )
    return {row["tx_id"].hex() for row in rows}


async def find_live_elsewhere(cx: Connection, tx_ids: Iterable[str], block_id: str) -> set[str]:
    """Which of these transactions stand in another block than this one that is not invalid."""
    rows = await cx.fetch(
        """
        SELECT t.tx_id FROM ledger.tx_index t JOIN ledger.log l USING (seq)
         WHERE t.tx_id = ANY ($1) AND t.status IN (0, 1) AND l.block_id <> $2
        """,
        [bytes.fromhex(tx_id) for tx_id in tx_ids],
        block_id,
    )
    return {row["tx_id"].hex() for row in rows}
