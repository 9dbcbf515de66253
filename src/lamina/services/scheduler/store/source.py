"""The original's own tables at one moment, whichever of its migrations they have had (spec 18.1).

Rows come in pages that are bounded by rows and bytes. No index of early versions has the nonces of a process
in order, so one sort by the server is read through a cursor, without the bundles, and these by row.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from lamina.kernel.errors import LaminaError
from lamina.kernel.storage.database import Connection, Database, Record
from lamina.services.scheduler.model.original import (
    OriginalMessage,
    OriginalProcess,
    OriginalRoute,
    OriginalUnit,
)

PROCESS_ROWS = 200
MESSAGE_ROWS = 1000
PAGE_BYTES = 16 * 2**20
"""Bundles read at once, unless one alone is larger."""

# Only this transaction's: a server may be set up to end such long ones.
_PATIENCE = (
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'",
)
_NEEDED = {
    "processes": {"row_id", "process_id", "bundle"},
    "messages": {"row_id", "process_id", "message_id", "epoch", "nonce", "timestamp", "hash_chain", "bundle"},
}


class NotTheOriginal(LaminaError):
    """The database has not the tables of the original scheduler."""

    code = "scheduler_not_the_original"
    exit_code = 2

    def default_hint(self) -> str:
        """Say what is wanted."""
        return "Name the database that the original's DATABASE_URL names"


@dataclass(frozen=True, slots=True)
class Extent:
    """How much the source has."""

    processes: int
    messages: int
    routed: int


@contextlib.asynccontextmanager
async def opened(database: Database) -> AsyncGenerator["Source"]:
    """The source as it is now, until the block ends; nobody who writes is stopped by it.

    Raises:
        NotTheOriginal: it has other tables.
        DatabaseUnavailable: it went away.
    """
    async with database.transaction("scheduler.read_source") as cx:
        await cx.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for statement in _PATIENCE:
            await cx.execute(statement)
        columns = {
            table: await _columns(cx, table) for table in (*_NEEDED, "schedulers", "process_schedulers")
        }
        for table, needed in _NEEDED.items():
            missing = sorted(needed - columns[table])
            if missing:
                raise NotTheOriginal(
                    f"The database has no table {table} of the original: it lacks {', '.join(missing)}"
                )
        yield Source(cx, columns)


class Source:
    """One moment of the source."""

    def __init__(self, cx: Connection, columns: dict[str, set[str]]) -> None:
        """Use a transaction that sees the moment.

        Args:
            cx: it.
            columns: by table.
        """
        self._cx = cx
        self._columns = columns

    async def extent(self) -> Extent:
        """Count everything."""
        routed = "(SELECT count(*) FROM process_schedulers)" if self._columns["process_schedulers"] else "0"
        row = await self._cx.fetchrow(
            f"""
            SELECT (SELECT count(*) FROM processes) AS processes, (SELECT count(*) FROM messages) AS messages,
                   {routed}::bigint AS routed
            """
        )
        assert row is not None, "a SELECT without FROM has one row"
        return Extent(*row.values())

    async def processes(self) -> AsyncIterator[Sequence[OriginalProcess]]:
        """All processes in the order in which they were stored."""
        late = {name: self._optional("processes", name) for name in ("epoch", "nonce", "hash_chain")}
        after = -1
        while True:
            rows = await self._cx.fetch(
                f"""
                SELECT row_id, process_id, {late["epoch"]}::int AS epoch, {late["nonce"]}::int AS nonce,
                       {late["hash_chain"]}::text AS hash_chain,
                       {self._optional("processes", "timestamp")}::bigint AS ts,
                       (SELECT count(*) FROM messages m WHERE m.process_id = p.process_id) AS messages
                  FROM processes p WHERE row_id > $1 ORDER BY row_id LIMIT $2
                """,
                after,
                PROCESS_ROWS,
            )
            if not rows:
                return
            yield [OriginalProcess(*row.values()) for row in rows]
            after = rows[-1]["row_id"]

    async def spawn_bundle(self, process: OriginalProcess) -> bytes:
        """The bundle in a process's row."""
        return await self._cx.fetchval("SELECT bundle FROM processes WHERE row_id = $1", process.row_id)

    async def messages(self, process_id: str, after_nonce: int) -> AsyncIterator[Sequence[OriginalMessage]]:
        """Messages of a process with higher nonces, by nonce; rows that share one by their row ids."""
        assignment_id = self._optional("messages", "assignment_id")
        cursor = await self._cx.cursor(
            f"""
            SELECT row_id, process_id, message_id, {assignment_id}::text AS assignment_id, epoch, nonce,
                   hash_chain, "timestamp", octet_length(bundle) AS bytes
              FROM messages WHERE process_id = $1 AND nonce > $2 ORDER BY nonce, row_id
            """,
            process_id,
            after_nonce,
        )
        while rows := await cursor.fetch(MESSAGE_ROWS):
            for part in _parts(rows):
                yield await self._with_bundles(part)

    async def units(self) -> Sequence[OriginalUnit]:
        """The units that a router knows, in its order; few."""
        if not self._columns["schedulers"]:
            return []
        late = {
            name: self._optional("schedulers", name)
            for name in ("no_route", "wallets_to_route", "wallets_only")
        }
        rows = await self._cx.fetch(
            f"""
            SELECT url, {late["no_route"]}::boolean AS no_route, {late["wallets_to_route"]}::text AS wallets,
                   {late["wallets_only"]}::boolean AS wallets_only
              FROM schedulers ORDER BY row_id
            """
        )
        return [OriginalUnit(*row.values()) for row in rows]

    async def routes(self) -> AsyncIterator[Sequence[OriginalRoute]]:
        """Which unit has which process, in the order in which they were recorded."""
        after = -1
        while True:
            rows = await self._cx.fetch(
                """
                SELECT p.row_id, p.process_id, s.url
                  FROM process_schedulers p JOIN schedulers s ON s.row_id = p.scheduler_row_id
                 WHERE p.row_id > $1 ORDER BY p.row_id LIMIT $2
                """,
                after,
                MESSAGE_ROWS,
            )
            if not rows:
                return
            yield [OriginalRoute(*row.values()) for row in rows]
            after = rows[-1]["row_id"]

    async def _with_bundles(self, rows: Sequence[Record]) -> Sequence[OriginalMessage]:
        found = await self._cx.fetch(
            "SELECT row_id, bundle FROM messages WHERE row_id = ANY($1::bigint[])",
            [row["row_id"] for row in rows],
        )
        bundles = {row["row_id"]: row["bundle"] for row in found}
        return [
            OriginalMessage(
                row_id=row["row_id"],
                process_id=row["process_id"],
                message_id=row["message_id"],
                assignment_id=row["assignment_id"],
                epoch=row["epoch"],
                nonce=row["nonce"],
                hash_chain=row["hash_chain"],
                ts=row["timestamp"],
                bundle=bundles[row["row_id"]],
            )
            for row in rows
        ]

    def _optional(self, table: str, column: str) -> str:
        """A column that early versions have not; one of a few names of ours becomes SQL."""
        return f'"{column}"' if column in self._columns[table] else "NULL"


async def _columns(cx: Connection, table: str) -> set[str]:
    rows = await cx.fetch(
        """
        SELECT attname FROM pg_attribute
         WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
        """,
        table,
    )
    return {row["attname"] for row in rows}


def _parts(rows: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """The rows in order, cut where their bundles would be too many bytes."""
    start, size = 0, 0
    for end, row in enumerate(rows):
        if size and size + row["bytes"] > PAGE_BYTES:
            yield rows[start:end]
            start, size = end, 0
        size += row["bytes"]
    yield rows[start:]
