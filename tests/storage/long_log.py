"""A shared log with thousands of old blocks, and copies of it that agree: made by the databases themselves."""

from collections.abc import Sequence

from tests.storage.federation_node import FederationNode

_BLOCKS = """
INSERT INTO {table} (seq, prev, block_id, body)
SELECT s, CASE WHEN s = h.seq + 1 THEN h.tip ELSE encode(sha256(int8send(s - 1)), 'hex') END,
       encode(sha256(int8send(s)), 'hex'), convert_to('block ' || s || repeat('.', $2), 'UTF8')
  FROM {head} h, generate_series(h.seq + 1, h.seq + $1) s
"""
_HEAD = "UPDATE {head} SET (seq, tip) = (SELECT seq, block_id FROM {table} ORDER BY seq DESC LIMIT 1)"


async def lengthen(nodes: Sequence[FederationNode], blocks: int, *, body_bytes: int = 50) -> int:
    """Put blocks at the end of the log and of every copy, as if each node had copied them by an older Lamina.

    Returns:
        The last position.
    """
    places = [(node.database, "ledger.log", "ledger.log_head") for node in nodes]
    places.append((nodes[0].log._database, "ledger_log.blocks", "ledger_log.head"))
    for database, table, head in places:
        await database.store("test.lengthen", _BLOCKS.format(table=table, head=head), blocks, body_bytes)
        await database.store("test.lengthen", _HEAD.format(table=table, head=head))
    return (await nodes[0].log.read_head()).seq


async def remembered(node: FederationNode) -> int:
    """Of how many blocks the node knows in which version the log has them now."""
    known = 0
    rows = await node.database.fetch("test.read", "SELECT seq, version FROM ledger.log_versions")
    there = await node.log._database.fetch("test.read", "SELECT seq, xmin FROM ledger_log.blocks")
    versions = {row["seq"]: row["xmin"] for row in there}
    for row in rows:
        known += versions.get(row["seq"]) == row["version"]
    return known
