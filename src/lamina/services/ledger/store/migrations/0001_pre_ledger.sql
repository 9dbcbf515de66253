-- The asset ledger: one ordered log of signed blocks, who has claimed which output, and what is waiting.
-- Ids are raw 32-byte SHA3-256 digests; bodies are canonical JSON bytes exactly as hashed and signed.
-- status: 0 undecided, 1 valid, 2 invalid (frozen once it leaves 0). operation: 0 GENESIS, 1 CREATE, 2 TRANSFER.

CREATE SCHEMA ledger;

-- One row, locked by every append, so that commit order is log order without gaps.
CREATE TABLE ledger.log_head (
    id int PRIMARY KEY CHECK (id = 1),
    seq bigint NOT NULL,
    tip text NOT NULL
);
INSERT INTO ledger.log_head VALUES (1, 0, '');

CREATE TABLE ledger.log (
    seq bigint PRIMARY KEY,
    prev text NOT NULL UNIQUE,
    block_id text NOT NULL UNIQUE,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- Uncompressed and out of line, so that one transaction is read as a slice of its block.
ALTER TABLE ledger.log ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE ledger.votes (
    block_id text NOT NULL,
    voter text NOT NULL,
    previous_block text NOT NULL,
    is_valid boolean NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (block_id, voter),
    UNIQUE (voter, previous_block)
);

-- Elections that have ended, in the order they ended; a block without a row is undecided.
CREATE TABLE ledger.decision_head (
    id int PRIMARY KEY CHECK (id = 1),
    position bigint NOT NULL
);
INSERT INTO ledger.decision_head VALUES (1, 0);

CREATE TABLE ledger.decisions (
    position bigint PRIMARY KEY,
    block_id text NOT NULL UNIQUE,
    seq bigint NOT NULL,
    status smallint NOT NULL CHECK (status IN (1, 2)),
    decided_at timestamptz NOT NULL DEFAULT now()
);

-- Where each transaction of the log lies inside its block.
CREATE TABLE ledger.tx_index (
    seq bigint NOT NULL,
    position int NOT NULL,
    tx_id bytea NOT NULL,
    operation smallint NOT NULL,
    asset_id bytea NOT NULL,
    byte_offset int NOT NULL,
    byte_length int NOT NULL,
    status smallint NOT NULL,
    PRIMARY KEY (seq, position)
);
-- A transaction stands in at most one block that is not invalid.
CREATE UNIQUE INDEX tx_index_live ON ledger.tx_index (tx_id) WHERE status IN (0, 1);
CREATE INDEX tx_index_invalid ON ledger.tx_index (tx_id) WHERE status = 2;
CREATE INDEX tx_index_transfers ON ledger.tx_index (asset_id, seq, position) WHERE operation = 2;

-- An output has at most one spender that is not invalid.
CREATE TABLE ledger.claims (
    input_tx_id bytea NOT NULL,
    input_index int NOT NULL,
    spender_tx_id bytea NOT NULL,
    seq bigint NOT NULL,
    status smallint NOT NULL
);
CREATE UNIQUE INDEX claims_live ON ledger.claims (input_tx_id, input_index) WHERE status IN (0, 1);
CREATE INDEX claims_block ON ledger.claims (seq);

-- Which outputs name a key in their condition; rows of invalid blocks are removed.
CREATE TABLE ledger.owners (
    public_key bytea NOT NULL,
    seq bigint NOT NULL,
    position int NOT NULL,
    output_index int NOT NULL,
    tx_id bytea NOT NULL,
    PRIMARY KEY (public_key, seq, position, output_index)
);

-- Lexemes of the assets' string values, made by rules/words.py; the payload itself is read from the block.
CREATE TABLE ledger.assets (
    seq bigint NOT NULL,
    position int NOT NULL,
    tx_id bytea NOT NULL,
    words tsvector NOT NULL,
    PRIMARY KEY (seq, position)
);
CREATE INDEX assets_words ON ledger.assets USING gin (words);

-- Accepted and durable, not yet in a block.
CREATE TABLE ledger.backlog (
    tx_id bytea PRIMARY KEY,
    arrival bigint GENERATED ALWAYS AS IDENTITY,
    body bytea NOT NULL,
    seal bytea NOT NULL,
    assignee text NOT NULL,
    assigned_at timestamptz NOT NULL DEFAULT now(),
    accepted_at timestamptz NOT NULL DEFAULT now(),
    attempts int NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
ALTER TABLE ledger.backlog ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX backlog_queue ON ledger.backlog (arrival);

-- Outputs the waiting transactions would spend, for the DoubleSpend answer at POST (no guard: claims are).
CREATE TABLE ledger.backlog_spends (
    tx_id bytea NOT NULL,
    input_tx_id bytea NOT NULL,
    input_index int NOT NULL,
    PRIMARY KEY (tx_id, input_tx_id, input_index)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE INDEX backlog_spends_output ON ledger.backlog_spends (input_tx_id, input_index);

-- Accepted once and refused later: the recorded end of every transaction that did not become valid.
CREATE TABLE ledger.rejected (
    tx_id bytea PRIMARY KEY,
    reason text NOT NULL,
    detail text NOT NULL,
    body bytea NOT NULL,
    accepted_at timestamptz NOT NULL,
    rejected_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX rejected_time ON ledger.rejected (rejected_at);
