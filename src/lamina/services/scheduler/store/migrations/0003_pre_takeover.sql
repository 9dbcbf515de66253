-- What a takeover of the original's database adds (spec 12, 18.1). With `head` a bundle can be given back byte
-- for byte: its other bytes are those of assignment and item, which are not kept twice.
CREATE TABLE scheduler.originals (
    process_id bytea NOT NULL REFERENCES scheduler.processes (process_id),
    -- Of the assignment; of a spawn without one -1.
    nonce bigint NOT NULL,
    -- The outer item up to its data. NULL where that is the assignment itself, which is the old shape.
    head bytea,
    PRIMARY KEY (process_id, nonce)
);
ALTER TABLE scheduler.originals ALTER COLUMN head SET STORAGE EXTERNAL;

-- How far each process was taken over. A process has no head, and so takes no writes, while it is under way.
CREATE TABLE scheduler.takeovers (
    -- As the source writes it: what is refused may be no id.
    process_id text PRIMARY KEY,
    -- Messages that were copied, with the digest of all bundles up to there.
    messages bigint NOT NULL DEFAULT 0,
    digest bytea NOT NULL,
    -- Of them, those that were proven and are open for what follows; NULL before the first time.
    verified bigint,
    verified_digest bytea,
    -- Why the rest was not taken: how many reasons, and the first of them.
    flaw_count bigint NOT NULL DEFAULT 0,
    flaws text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX takeovers_unproven ON scheduler.takeovers (process_id) WHERE verified IS DISTINCT FROM messages;
CREATE INDEX takeovers_flawed ON scheduler.takeovers (process_id) WHERE flaw_count > 0;
