-- A node of a federation keeps these tables as its own verified copy of the shared log.

-- Blocks this node voted down; nothing is derived from them. Status 3 in tx_index: in such a block, undecided yet.
ALTER TABLE ledger.log ADD COLUMN is_doubted boolean NOT NULL DEFAULT false;
DROP INDEX ledger.tx_index_invalid;
CREATE INDEX tx_index_dead ON ledger.tx_index (tx_id) WHERE status IN (2, 3);

-- This node's own votes are durable here before they are shown to anybody.
ALTER TABLE ledger.votes ADD COLUMN is_published boolean NOT NULL DEFAULT true;
CREATE INDEX votes_unpublished ON ledger.votes (block_id) WHERE NOT is_published;

-- Whether an invalid block's transactions were let go in the shared log.
ALTER TABLE ledger.decisions ADD COLUMN is_released boolean NOT NULL DEFAULT true;
CREATE INDEX decisions_unreleased ON ledger.decisions (seq) WHERE NOT is_released;

-- How far the published votes have been looked at.
CREATE TABLE ledger.vote_cursor (
    id int PRIMARY KEY CHECK (id = 1),
    position bigint NOT NULL
);
INSERT INTO ledger.vote_cursor VALUES (1, 0);

-- Two signed votes by which a node contradicts itself: proof that can be handed on.
CREATE TABLE ledger.evidence (
    voter text NOT NULL,
    first bytea NOT NULL,
    second bytea NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now()
);
-- One proof for each vote that is contradicted: more of them prove nothing more.
CREATE UNIQUE INDEX evidence_content ON ledger.evidence (sha256(first));

-- Changes of the membership that were looked at; those that stand have a key.
CREATE TABLE ledger.membership (
    position bigint PRIMARY KEY,
    recorded_seq bigint NOT NULL,
    from_seq bigint,
    operation text CHECK (operation IN ('add', 'remove')),
    public_key text,
    body bytea NOT NULL
);

-- Outputs of valid transactions that no valid transaction spends; kept by nodes of a federation, for checkpoints.
CREATE TABLE ledger.unspent (
    tx_id bytea NOT NULL,
    output_index int NOT NULL,
    PRIMARY KEY (tx_id, output_index)
);

-- Signed checkpoints of this node and of the others.
CREATE TABLE ledger.checkpoints (
    node text NOT NULL,
    seq bigint NOT NULL,
    block_id text NOT NULL,
    state_hash text NOT NULL,
    body bytea NOT NULL,
    PRIMARY KEY (node, seq)
);
