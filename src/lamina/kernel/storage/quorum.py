"""Whether a commit can be replicated to as many standbys as the server waits for.

Without them a commit waits, possibly for ever, and nothing may end that wait (distribution-and-reliability
10.4). Two signs tell: too few standbys are connected, which only a role with `pg_read_all_stats` may see; and
commits of this role that have waited long, which it always sees of itself.
"""

import re
from typing import Any

import asyncpg

LOOK = """
SELECT CASE WHEN current_setting('synchronous_commit') NOT IN ('off', 'local')
            THEN current_setting('synchronous_standby_names') ELSE '' END AS wanted,
       current_setting('transaction_read_only') = 'on' AS is_read_only,
       CASE WHEN pg_has_role('pg_read_all_stats', 'USAGE') THEN (
           SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')) END AS present,
       (SELECT max(extract(epoch FROM clock_timestamp() - state_change))::float8
          FROM pg_stat_activity WHERE wait_event = 'SyncRep') AS waiting_s
"""
"""One row about the server a connection leads to."""

DURABLE = "pg_logical_emit_message(true, 'lamina', '')"
"""An expression that makes its transaction's commit wait for the standbys even if nothing else is written.

The write-ahead log is one sequence: a standby that has this record has all that was visible before it.
"""

WAIT_MAX_S = 2.0
"""A commit that waits longer for a standby says that there is none."""

_ROUTINE = "SyncRepWaitForLSN"
_COUNT = re.compile(r"(?:ANY\s+|FIRST\s+)?(\d+)\s*\(", re.IGNORECASE)


def lost(row: asyncpg.Record) -> str | None:
    """Why commits cannot be replicated, in words; None where they can, or need not be.

    Args:
        row: of `LOOK`.
    """
    if not row["wanted"]:
        return None
    needed = _needed(row["wanted"])
    if row["present"] is not None and row["present"] < needed:
        return f"{row['present']} of the {needed} standbys that a commit needs are connected"
    if row["waiting_s"] is not None and row["waiting_s"] > WAIT_MAX_S:
        return f"a commit has been waiting {row['waiting_s']:.0f} s for a standby"
    return None


def is_cancelled_wait(notice: Any) -> bool:  # noqa: ANN401 - a driver's message carries no types
    """Whether a server's notice says that a commit was answered before any standby had it.

    Its routine's name is the same in every language of the server; its text is not.
    """
    return notice.server_source_function == _ROUTINE


def _needed(names: str) -> int:
    """How many standbys a commit waits for, from `synchronous_standby_names`: one for a plain list."""
    match = _COUNT.match(names.strip())
    return 1 if match is None else int(match[1])
