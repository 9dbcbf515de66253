"""Whether a scheduler's tables hold what it promised, worked out again from the bytes of every item."""

import hashlib
from collections import Counter
from collections.abc import Collection

import asyncpg
from tests.ans104_reference import parse, text


async def audit(connection: asyncpg.Connection, answered: Collection[str]) -> list[str]:
    """Everything that is wrong.

    Args:
        connection: to the database, at rest.
        answered: ids of spawns and messages that were answered 200.
    """
    processes = await connection.fetch("SELECT * FROM scheduler.processes ORDER BY process_id")
    wrong: list[str] = []
    present: Counter[str] = Counter()
    for process in processes:
        present[text(process["process_id"])] += 1
        rows = await connection.fetch(
            "SELECT * FROM scheduler.messages WHERE process_id = $1 ORDER BY nonce", process["process_id"]
        )
        head = await connection.fetchrow(
            "SELECT * FROM scheduler.heads WHERE process_id = $1", process["process_id"]
        )
        wrong += _chain(process, rows, head)
        present.update(parse(row["item"]).id for row in rows if row["item"] is not None)
    wrong += [f"{each} was answered and is not there" for each in answered if not present[each]]
    wrong += [f"{each} is there {count} times" for each, count in present.items() if count > 1]
    return wrong


def _chain(process: asyncpg.Record, rows: list[asyncpg.Record], head: asyncpg.Record | None) -> list[str]:
    wrong: list[str] = []
    process_id: bytes = process["process_id"]
    last, chain, ts, nonce = b"", b"", process["ts"], -1
    if parse(process["item"]).id != text(process_id):
        wrong.append(f"process {text(process_id)} is another item")
    for row in rows:
        where = f"process {text(process_id)}, nonce {row['nonce']}"
        assignment = parse(row["assignment"])
        chain = hashlib.sha256(last + chain if last else process_id).digest()
        expected = {
            "Process": text(process_id), "Nonce": str(nonce + 1), "Epoch": "0", "Hash-Chain": text(chain),
            "Timestamp": str(row["ts"]), "Message": text(row["message_id"]), "Type": "Assignment",
        }  # fmt: skip
        tags = assignment.tags
        wrong += [
            f"{where}: {name} is {tags.get(name)}" for name in expected if tags.get(name) != expected[name]
        ]
        if row["nonce"] != nonce + 1:
            wrong.append(f"{where}: follows {nonce}")
        if row["ts"] <= ts:
            wrong.append(f"{where}: time {row['ts']} after {ts}")
        if not assignment.is_signed() or assignment.id != text(row["assignment_id"]):
            wrong.append(f"{where}: the assignment is not signed as it stands")
        if row["item"] is not None:
            item = parse(row["item"])
            if not item.is_signed() or (item.id, item.target) != (text(row["message_id"]), process_id):
                wrong.append(f"{where}: the message is not its sender's, or is for another process")
        last, ts, nonce = row["assignment_id"], row["ts"], row["nonce"]
    ends = (nonce, last or None, chain or None)
    if head is None or (head["nonce"], head["assignment_id"], head["hash_chain"]) != ends:
        wrong.append(f"process {text(process_id)}: its head is not its last assignment, nonce {nonce}")
    return wrong
