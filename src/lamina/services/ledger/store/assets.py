"""Assets by id, and full-text search over those of valid CREATE transactions (spec/ledger.md 3.8)."""

from collections.abc import Sequence

from lamina.kernel.storage.database import Database
from lamina.services.ledger.rules.search import Question

_MATCH = """
WITH found AS (
    SELECT a.seq, a.position, ts_rank(a.words, $2::text::tsquery) AS score
      FROM ledger.assets a WHERE $1 <> '' AND a.words @@ $1::text::tsquery
    UNION ALL
    SELECT t.seq, t.position, 1 FROM ledger.tx_index t
     WHERE t.tx_id = ANY ($3) AND t.operation = 1 AND t.status = 1
)
SELECT t.tx_id, substring(l.body FROM t.byte_offset + 1 FOR t.byte_length) AS body
  FROM (SELECT seq, position, sum(score) AS score FROM found GROUP BY seq, position) f
  JOIN ledger.tx_index t USING (seq, position)
  JOIN ledger.log l USING (seq)
 WHERE t.status = 1
 ORDER BY f.score DESC, f.seq, f.position
 LIMIT $4
"""


async def search(database: Database, question: Question, limit: int) -> list[tuple[str, bytes]]:
    """The best matches first, ties in chain order.

    Args:
        database: the reader.
        question: what to look for.
        limit: rows at most.

    Returns:
        (asset id, canonical bytes of its CREATE transaction).
    """
    rows = await database.fetch(
        "ledger.search_assets",
        _MATCH,
        question.needed,
        question.ranked,
        [bytes.fromhex(asset_id) for asset_id in question.ids],
        limit,
    )
    return [(row["tx_id"].hex(), row["body"]) for row in rows]


async def find(database: Database, asset_ids: Sequence[str]) -> list[tuple[str, bytes]]:
    """Assets by id whose CREATE stands in a block that is not invalid, in chain order.

    Returns:
        (asset id, canonical bytes of its CREATE transaction).
    """
    rows = await database.fetch(
        "ledger.find_assets",
        """
        SELECT t.tx_id, substring(l.body FROM t.byte_offset + 1 FOR t.byte_length) AS body
          FROM ledger.tx_index t JOIN ledger.log l USING (seq)
         WHERE t.tx_id = ANY ($1) AND t.operation = 1 AND t.status IN (0, 1) ORDER BY t.seq, t.position
        """,
        [bytes.fromhex(asset_id) for asset_id in asset_ids],
    )
    return [(row["tx_id"].hex(), row["body"]) for row in rows]
