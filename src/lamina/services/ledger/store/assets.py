"""Full-text search over the assets of valid CREATE transactions (spec/ledger.md 3.8)."""

from collections.abc import Sequence
from dataclasses import dataclass

from lamina.kernel.storage.database import Database

_MATCH = """
WITH asked AS (
    SELECT (SELECT string_agg(q::text, ' | ') FROM unnest($1::text[]) w, plainto_tsquery('english', w) q
             WHERE q::text <> '')::tsquery AS terms,
           (SELECT string_agg('(' || q::text || ')', ' & ') FROM unnest($2::text[]) w,
                   phraseto_tsquery('english', w) q WHERE q::text <> '')::tsquery AS phrases,
           (SELECT string_agg('!(' || q::text || ')', ' & ') FROM unnest($3::text[]) w,
                   phraseto_tsquery('english', w) q WHERE q::text <> '')::tsquery AS refused
), wanted AS (
    SELECT coalesce(phrases, terms) AS needed, coalesce(terms, phrases) AS ranked, refused FROM asked
), found AS (
    SELECT a.seq, a.position, a.tx_id, ts_rank(a.words, w.ranked) AS score
      FROM wanted w JOIN ledger.assets a
        ON a.words @@ CASE WHEN w.refused IS NULL THEN w.needed ELSE w.needed && w.refused END
    UNION
    SELECT t.seq, t.position, t.tx_id, 1 FROM ledger.tx_index t
     WHERE t.tx_id = ANY ($4) AND t.operation = 1 AND t.status = 1
)
SELECT f.tx_id, substring(l.body FROM t.byte_offset + 1 FOR t.byte_length) AS body
  FROM (SELECT seq, position, tx_id, max(score) AS score FROM found GROUP BY 1, 2, 3) f
  JOIN ledger.tx_index t USING (seq, position)
  JOIN ledger.log l USING (seq)
 WHERE t.status = 1
 ORDER BY f.score DESC, f.seq, f.position
 LIMIT $5
"""


@dataclass(frozen=True, slots=True)
class Question:
    """A search: any of the words, all of the phrases, none of the refused; ids match an asset's own id."""

    words: Sequence[str]
    phrases: Sequence[str]
    refused: Sequence[str]
    ids: Sequence[str]


async def search(database: Database, question: Question, limit: int) -> list[tuple[str, bytes]]:
    """The best matches first, ties in chain order.

    Args:
        database: the reader.
        question: folded words and phrases.
        limit: rows at most.

    Returns:
        (asset id, canonical bytes of its CREATE transaction).
    """
    rows = await database.fetch(
        "ledger.search_assets",
        _MATCH,
        question.words,
        question.phrases,
        question.refused,
        [bytes.fromhex(asset_id) for asset_id in question.ids],
        limit,
    )
    return [(row["tx_id"].hex(), row["body"]) for row in rows]
