-- The log that the nodes of a federation share: order and liveness, never truth. Every node judges what it reads
-- here and keeps a copy of its own (schema ledger). Ids are raw 32-byte digests, bodies are canonical JSON bytes.

CREATE SCHEMA ledger_log;

-- One row, locked by every append, so that commit order is log order without gaps.
CREATE TABLE ledger_log.head (
    id int PRIMARY KEY CHECK (id = 1),
    seq bigint NOT NULL,
    tip text NOT NULL
);
INSERT INTO ledger_log.head VALUES (1, 0, '');

CREATE TABLE ledger_log.blocks (
    seq bigint PRIMARY KEY CHECK (seq > 0),
    prev text NOT NULL UNIQUE,
    block_id text NOT NULL UNIQUE CHECK (block_id ~ '^[0-9a-f]{64}$'),
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- When the transactions of a block that was voted invalid were let go; the first node that says so does it.
    released_at timestamptz
);
ALTER TABLE ledger_log.blocks ALTER COLUMN body SET STORAGE EXTERNAL;

-- A transaction stands in at most one live block; what its backlog row said comes back when the block is released.
CREATE TABLE ledger_log.placed (
    seq bigint NOT NULL,
    tx_id bytea NOT NULL,
    is_live boolean NOT NULL DEFAULT true,
    attempts int NOT NULL,
    accepted_at timestamptz NOT NULL,
    PRIMARY KEY (seq, tx_id)
);
CREATE UNIQUE INDEX placed_live ON ledger_log.placed (tx_id) WHERE is_live;

-- An output has at most one spender in live blocks.
CREATE TABLE ledger_log.claims (
    input_tx_id bytea NOT NULL,
    input_index int NOT NULL,
    spender_tx_id bytea NOT NULL,
    seq bigint NOT NULL,
    is_live boolean NOT NULL DEFAULT true
);
CREATE UNIQUE INDEX claims_live ON ledger_log.claims (input_tx_id, input_index) WHERE is_live;
CREATE INDEX claims_block ON ledger_log.claims (seq);

-- Votes in the order they were published. Unique is only the content: whoever writes a vote in another's name
-- cannot keep the true one out (distribution-and-reliability G4).
CREATE TABLE ledger_log.vote_head (
    id int PRIMARY KEY CHECK (id = 1),
    position bigint NOT NULL
);
INSERT INTO ledger_log.vote_head VALUES (1, 0);

CREATE TABLE ledger_log.votes (
    position bigint PRIMARY KEY,
    block_id text NOT NULL REFERENCES ledger_log.blocks (block_id),
    body bytea NOT NULL CHECK (octet_length(body) <= 4096),
    digest bytea NOT NULL UNIQUE
);

-- Accepted and durable, not yet in a block.
CREATE TABLE ledger_log.backlog (
    tx_id bytea PRIMARY KEY,
    arrival bigint GENERATED ALWAYS AS IDENTITY,
    body bytea NOT NULL,
    assignee text NOT NULL,
    needs_seq bigint NOT NULL,
    attempts int NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT now(),
    assigned_at timestamptz NOT NULL DEFAULT now(),
    accepted_at timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
ALTER TABLE ledger_log.backlog ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX backlog_queue ON ledger_log.backlog (assignee, arrival);
CREATE INDEX backlog_age ON ledger_log.backlog (assigned_at);

-- Outputs the waiting transactions would spend, for the DoubleSpend answer at POST (no guard: claims are).
CREATE TABLE ledger_log.backlog_spends (
    tx_id bytea NOT NULL,
    input_tx_id bytea NOT NULL,
    input_index int NOT NULL,
    PRIMARY KEY (tx_id, input_tx_id, input_index)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);
CREATE INDEX backlog_spends_output ON ledger_log.backlog_spends (input_tx_id, input_index);

-- Accepted once and refused later: the recorded end of every transaction that did not become valid.
CREATE TABLE ledger_log.rejected (
    tx_id bytea PRIMARY KEY,
    reason text NOT NULL,
    detail text NOT NULL,
    body bytea NOT NULL,
    accepted_at timestamptz NOT NULL,
    rejected_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX rejected_time ON ledger_log.rejected (rejected_at);

-- Changes of the membership, recorded under the head's lock: every block behind recorded_seq commits after them.
CREATE TABLE ledger_log.changes (
    position bigint PRIMARY KEY,
    recorded_seq bigint NOT NULL,
    body bytea NOT NULL CHECK (octet_length(body) <= 16384)
);
