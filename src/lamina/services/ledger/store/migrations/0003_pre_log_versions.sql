-- In which version (transaction number) the shared log's row was found to hold the block copied from there, so that a
-- row that was written since is seen without its bytes being read. Of blocks without a row here that is not known.
CREATE TABLE ledger.log_versions (
    seq bigint PRIMARY KEY,
    version xid NOT NULL
);
