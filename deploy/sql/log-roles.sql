-- A role of the shared log's database for one node of a federation, with no more than a node needs: it may append
-- blocks, votes and changes of the membership and never rewrite or remove one. Run it as the owner of the schema,
-- once for every node, after `lamina ledger serve` of any node or `lamina db migrate` has made the tables:
--
--   createuser --pwprompt node1
--   psql --dbname lamina --set role=node1 --file deploy/sql/log-roles.sql
--
-- The owner's own address is needed for an upgrade that brings migrations and for `lamina ledger republish` only.

GRANT USAGE ON SCHEMA ledger_log, lamina TO :"role";
GRANT SELECT ON lamina.migrations TO :"role";
GRANT SELECT ON ALL TABLES IN SCHEMA ledger_log TO :"role";

-- The log: append only. What may change is where it ends and whether a refused block still holds its outputs.
GRANT INSERT ON ledger_log.blocks, ledger_log.votes, ledger_log.changes, ledger_log.placed, ledger_log.claims TO :"role";
GRANT UPDATE (seq, tip) ON ledger_log.head TO :"role";
GRANT UPDATE (position) ON ledger_log.vote_head TO :"role";
GRANT UPDATE (released_at) ON ledger_log.blocks TO :"role";
GRANT UPDATE (is_live) ON ledger_log.placed, ledger_log.claims TO :"role";

-- What waits, and what was rejected: rows come and go.
GRANT INSERT, DELETE ON ledger_log.backlog, ledger_log.backlog_spends TO :"role";
GRANT UPDATE (assignee, assigned_at) ON ledger_log.backlog TO :"role";
GRANT INSERT, DELETE, UPDATE (reason, detail, accepted_at, rejected_at) ON ledger_log.rejected TO :"role";
