"""How nodes agree: each builds, judges, votes and counts for itself, over one ordered log that nobody trusts.

Nothing here knows a database, a socket or a clock of its own: the log and the node's copy are given
(`ordered_log`, `ledger_copy`), so that the same code runs on PostgreSQL and in the simulator.
"""
